/** Which of our addresses belongs into Via and Contact for a destination. */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Address without the IPv4-in-IPv6 prefix, brackets and zone. */
export function plainAddress(address: string): string {
  const bare = address.startsWith("[") ? address.slice(1, -1) : address;
  return bare.startsWith("::ffff:") && bare.includes(".") ? bare.slice(7) : bare;
}

const FAMILIES = new Map<string, number>();
const MOST_KNOWN = 4096;

/** 4, 6, or 0 for a host name. Asked several times for each message, of few addresses: the answers are kept. */
export function family(address: string): number {
  const known = FAMILIES.get(address);
  if (known !== undefined) return known;
  const found = isIP(plainAddress(address));
  if (FAMILIES.size >= MOST_KNOWN) FAMILIES.clear();
  FAMILIES.set(address, found);
  return found;
}

export function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address === "localhost";
}

/** The machine's interfaces are looked up again after this time, ms: a new one is found soon, a call costs no look-up. */
const INTERFACES_MS = 1_000;
let interfaces:
  | { readonly at: number; readonly list: Interfaces; readonly addresses: Set<string> }
  | undefined;

type Interfaces = ReturnType<typeof networkInterfaces>;

function interfacesNow(): NonNullable<typeof interfaces> {
  const now = performance.now();
  if (interfaces === undefined || now - interfaces.at > INTERFACES_MS) {
    const list = networkInterfaces();
    const addresses = Object.values(list).flatMap((entries) => (entries ?? []).map((entry) => entry.address));
    interfaces = { at: now, list, addresses: new Set(addresses) };
  }
  return interfaces;
}

/**
 * Whether what is sent to `host` reaches a socket bound to `bound`: the same address however it is written, for a wildcard
 * any address of this machine of its family, for `::` of both. Names count as written, without a look-up.
 * @param own the machine's addresses.
 */
export function listensAt(bound: string, host: string, own?: ReadonlySet<string>): boolean {
  if (bound === host) return true;
  const wanted = canonical(host);
  if (canonical(bound) === wanted) return true;
  if (!isWildcard(bound)) return false;
  if (family(wanted) !== family(bound) && bound !== "::") return wanted === "localhost";
  return isLoopback(wanted) || (own ?? interfacesNow().addresses).has(wanted);
}

/** Addresses that are equal read equal: one spelling of IPv6 (RFC 5952), lower case. */
function canonical(host: string): string {
  const plain = plainAddress(host.toLowerCase());
  const url = plain.includes(":") ? `http://[${plain}]` : "";
  return url !== "" && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : plain;
}

/** An address of this machine that `destination` can reach: loopback, the same network, else the first outer one. */
export function addressTowards(destination: string, wanted: number): string {
  const loopback = wanted === 6 ? "::1" : "127.0.0.1";
  if (isLoopback(destination)) return loopback;
  let best: string | undefined;
  for (const entries of Object.values(interfacesNow().list)) {
    for (const entry of entries ?? []) {
      if (entry.internal || family(entry.address) !== wanted || entry.address.startsWith("fe80:")) continue;
      if (wanted === 4 && sameNetwork(entry.address, destination, entry.netmask)) return entry.address;
      best ??= entry.address;
    }
  }
  return best ?? loopback;
}

function sameNetwork(left: string, right: string, mask: string): boolean {
  const bits = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return family(right) === 4 && (bits(left) & bits(mask)) === (bits(right) & bits(mask));
}
