/** The names and addresses this machine is reached by. Pure. */
import { isIP } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/**
 * For the certificate: the host name, the same under .local, what the configuration says, and every address that is
 * not link-local. Sorted, so that the order of interfaces makes no new certificate.
 */
export function machineNames(hostname: string, interfaces: Interfaces, more: readonly string[]): string[] {
  const host = hostname.toLowerCase();
  const names = new Set<string>(["localhost", "127.0.0.1", "::1"]);
  const add = (name: string) => {
    const bare = name
      .trim()
      .toLowerCase()
      .replace(/^\[|\]$/g, "");
    if (isIP(bare) !== 0 ? !unusable(bare) : HOST.test(bare)) names.add(bare);
  };
  add(host);
  if (!host.includes(".")) add(`${host}.local`);
  for (const name of more) add(name);
  for (const entries of Object.values(interfaces)) {
    for (const entry of entries ?? []) if (!entry.internal) add(entry.address);
  }
  const own = HOST.test(host) ? [host] : [];
  return [...own, ...[...names].filter((name) => name !== own[0]).sort()];
}

function unusable(address: string): boolean {
  return (
    address === "0.0.0.0" || address === "::" || /^fe80:/.test(address) || address.startsWith("169.254.")
  );
}

/** Whether a certificate that names `having` serves all of `wanted`. */
export function covers(having: readonly string[], wanted: readonly string[]): boolean {
  const known = new Set(having.map(shortName));
  return wanted.every((name) => known.has(shortName(name)));
}

/** One spelling of a name: the short one of an IPv6 address, small letters else. */
export function shortName(name: string): string {
  if (isIP(name) !== 6) return name.toLowerCase();
  return new URL(`http://[${name}]/`).hostname.slice(1, -1);
}
