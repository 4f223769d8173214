/** Addresses behind a carrier's host name, to recognise its calls (RFC 3263 §5 read backwards). */
import { lookup, resolveSrv } from "node:dns/promises";
import { isIP } from "node:net";
import { plainAddress } from "../srf/network.ts";

export type HostResolver = (host: string, transport: string) => Promise<string[]>;

async function addressesOf(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map((entry) => entry.address);
  } catch {
    return [];
  }
}

/** All addresses of a host, those of its SRV targets among them. Never rejects; unknown names give none. */
export const resolveHost: HostResolver = async (host, transport) => {
  const plain = plainAddress(host);
  if (plain === "" || isIP(plain) !== 0) return plain === "" ? [] : [plain];
  const service = transport === "tls" ? `_sips._tcp.${plain}` : `_sip._${transport}.${plain}`;
  const targets = await resolveSrv(service).catch(() => []);
  const names = [plain, ...targets.map((target) => target.name)];
  return [...new Set((await Promise.all(names.map(addressesOf))).flat())];
};

/** As `resolveHost`, with names whose addresses are given (without case). */
export function resolverWith(hosts: Readonly<Record<string, readonly string[]>>): HostResolver {
  const given = new Map(Object.entries(hosts).map(([name, list]) => [name.toLowerCase(), list]));
  return async (host, transport) => [
    ...(given.get(host.toLowerCase()) ?? (await resolveHost(host, transport))),
  ];
}

/** The host of "host", "host:port", "[v6]:port" or a SIP URI. */
export function hostOf(text: string): string {
  const bare = text
    .trim()
    .replace(/^sips?:/i, "")
    .replace(/^[^@]*@/, "")
    .replace(/[;?].*$/, "");
  if (bare.startsWith("[")) return bare.slice(1, bare.indexOf("]"));
  return isIP(bare) === 6 ? bare : (bare.split(":")[0] ?? "");
}
