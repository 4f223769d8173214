/** Addresses behind a carrier's host name, to recognise its calls: where ours go (RFC 3263 §4), and the name's own. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { parseUri } from "../engine/message/uri.ts";
import { createResolver, type Dns } from "../engine/resolve/index.ts";
import { plainAddress } from "../srf/network.ts";

export type HostResolver = (host: string, transport: string) => Promise<string[]>;

export interface HostResolverOptions {
  /** Names whose addresses are given (without case); they never go to DNS. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  readonly dns?: Dns;
  /** The system's own look-up, which also reads the hosts file; may reject. */
  readonly lookup?: (name: string) => Promise<string[]>;
}

const systemLookup = async (name: string): Promise<string[]> =>
  (await lookup(name, { all: true })).map((entry) => entry.address);

/**
 * Makes the look-up of carriers' names, by NAPTR and SRV like that of the calls to them. It never rejects; unknown
 * names give no address. A port that is set is not heeded: the carrier may call from its other servers.
 */
export function createHostResolver(options: HostResolverOptions = {}): HostResolver {
  const { dns, lookup: ask = systemLookup } = options;
  const given = new Map(
    Object.entries(options.hosts ?? {}).map(([name, list]) => [name.toLowerCase(), list]),
  );
  const find = createResolver({ hosts: given, ipv6: true, ...(dns === undefined ? {} : { dns }) });
  return async (host, transport) => {
    const plain = plainAddress(host).toLowerCase();
    if (plain === "" || isIP(plain) !== 0) return plain === "" ? [] : [plain];
    const fixed = given.get(plain);
    if (fixed !== undefined) return [...fixed];
    // As in the requests to it: UDP is not named, so that NAPTR may choose.
    const uri = parseUri(`sip:${plain}${transport === "udp" ? "" : `;transport=${transport}`}`);
    const [targets, own] = await Promise.all([
      uri?.kind === "sip" ? find(uri) : [],
      ask(plain).catch(() => []),
    ]);
    return [...new Set([...targets.map(({ address }) => address), ...own])];
  };
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
