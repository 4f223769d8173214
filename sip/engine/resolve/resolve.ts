/** Where a SIP URI leads (RFC 3263 §4): numeric → direct, else NAPTR, SRV, A/AAAA, in the order to try them. */
import { promises as system } from "node:dns";
import { isIP } from "node:net";
import type { SipUri, TransportProtocol } from "../message/index.ts";
import { DnsCache } from "./cache.ts";

export interface Target {
  readonly protocol: TransportProtocol;
  readonly address: string;
  readonly port: number;
}

/** The questions asked of DNS; each may reject or answer an empty list when there is nothing. */
export interface Dns {
  naptr(
    name: string,
  ): Promise<{ order: number; preference: number; flags: string; service: string; replacement: string }[]>;
  srv(name: string): Promise<{ priority: number; weight: number; port: number; name: string }[]>;
  /** Addresses with their time to live in seconds. */
  a(name: string): Promise<{ address: string; ttl: number }[]>;
  aaaa(name: string): Promise<{ address: string; ttl: number }[]>;
}

export const systemDns: Dns = {
  naptr: (name) => system.resolveNaptr(name),
  srv: (name) => system.resolveSrv(name),
  a: (name) => system.resolve4(name, { ttl: true }),
  aaaa: (name) => system.resolve6(name, { ttl: true }),
};

export interface ResolveOptions {
  readonly dns?: Dns;
  /** Names that never go to DNS: host → addresses. Keys lower-case. */
  readonly hosts?: ReadonlyMap<string, readonly string[]>;
  /** Transports we can send by, most wanted first. */
  readonly protocols?: readonly ("udp" | "tcp" | "tls")[];
  readonly ipv6?: boolean;
  /** Milliseconds, and a number in [0,1): replaceable for tests. */
  readonly now?: () => number;
  readonly random?: () => number;
}

const SERVICES: Readonly<Record<string, "udp" | "tcp" | "tls">> = {
  "sip+d2u": "udp",
  "sip+d2t": "tcp",
  "sips+d2t": "tls",
};

/** Makes the look-up function; its cache lives with it. An empty answer means that the name leads nowhere. */
export function createResolver(options: ResolveOptions = {}): (uri: SipUri) => Promise<Target[]> {
  const { dns = systemDns, hosts, ipv6 = false, now = Date.now, random = Math.random } = options;
  const protocols = options.protocols ?? ["udp", "tcp", "tls"];
  const cache = new DnsCache(now);
  const cached = <T>(key: string, ask: () => Promise<T[]>): Promise<T[]> => cache.get(key, ask);

  async function addresses(name: string): Promise<string[]> {
    const fixed = hosts?.get(name);
    if (fixed) return [...fixed];
    const four = cached(`a ${name}`, () => dns.a(name));
    const six = ipv6 ? cached(`aaaa ${name}`, () => dns.aaaa(name)) : Promise.resolve([]);
    return [...(await four), ...(await six)].map((record) => record.address);
  }

  async function bySrv(name: string, protocol: "udp" | "tcp" | "tls"): Promise<Target[]> {
    const records = orderSrv(await cached(`srv ${name}`, () => dns.srv(name)), random);
    const found = await Promise.all(records.map((record) => addresses(record.name.toLowerCase())));
    return records.flatMap(({ port }, at) =>
      (found[at] ?? []).map((address) => ({ protocol, address, port })),
    );
  }

  return async (uri) => {
    const host = (uri.params.get("maddr") ?? uri.host).replace(/^\[|\]$/g, "").toLowerCase();
    const secure = uri.scheme === "sips";
    const asked = uri.params.get("transport")?.toLowerCase() as TransportProtocol | undefined;
    const stream = asked === "ws" ? "wss" : "tls";
    const fallback: TransportProtocol = secure ? stream : (asked ?? "udp");
    const port = uri.port ?? (fallback === "tls" || fallback === "wss" ? 5061 : 5060);
    if (isIP(host) !== 0) return [{ protocol: fallback, address: host, port }];
    const direct = async () =>
      (await addresses(host)).map((address) => ({ protocol: fallback, address, port }));
    if (uri.port !== undefined || hosts?.has(host) || fallback === "ws" || fallback === "wss")
      return direct();

    const usable = protocols.filter((protocol) =>
      asked || secure ? protocol === fallback : protocol !== "tls",
    );
    const targets: Target[] = [];
    if (!asked) {
      const naptr = await cached(`naptr ${host}`, () => dns.naptr(host));
      for (const record of [...naptr].sort((l, r) => l.order - r.order || l.preference - r.preference)) {
        const protocol = SERVICES[record.service.toLowerCase()];
        if (record.flags.toLowerCase() !== "s" || !protocol || !protocols.includes(protocol)) continue;
        if (!secure || protocol === "tls")
          targets.push(...(await bySrv(record.replacement.toLowerCase(), protocol)));
      }
    }
    if (targets.length > 0) return targets;
    for (const protocol of usable) {
      const name = protocol === "tls" ? `_sips._tcp.${host}` : `_sip._${protocol}.${host}`;
      targets.push(...(await bySrv(name, protocol)));
    }
    return targets.length > 0 ? targets : direct();
  };
}

/** RFC 2782: by priority, and within one priority by chance in proportion to weight. */
export function orderSrv<T extends { priority: number; weight: number }>(
  records: readonly T[],
  random: () => number,
): T[] {
  const left = [...records].sort((l, r) => l.priority - r.priority || l.weight - r.weight);
  const ordered: T[] = [];
  while (left.length > 0) {
    const group = left.filter((record) => record.priority === left[0]?.priority);
    let mark = random() * group.reduce((sum, record) => sum + record.weight, 0);
    const chosen = group.find((record) => {
      mark -= record.weight;
      return mark < 0;
    });
    const [taken] = left.splice(chosen ? left.indexOf(chosen) : 0, 1);
    if (taken) ordered.push(taken);
  }
  return ordered;
}
