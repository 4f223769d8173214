import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { TransportProtocol } from "../message/model.ts";
import { hostPortOf } from "../transaction/index.ts";
import { protocolOf } from "./build.ts";
import type { Hop } from "./model.ts";

/** Finds the ways to a URI, best first (RFC 3263). */
export type Resolve = (uri: string) => Promise<readonly Hop[]>;

/** The hop of a URI whose host is an address: no look-up, so no waiting. */
export function literalHop(uri: string): Hop | undefined {
  const place = hostPortOf(uri);
  const protocol = protocolOf(uri);
  if (!place || !protocol) return undefined;
  // RFC 3261's own grammar makes three colons in front of an IPv4 part; two are meant (RFC 5118 §4.10).
  const address = place.host.replace(/:::(?=\d+\.\d+\.\d+\.\d+$)/, "::");
  return isIP(address) === 0 ? undefined : hopTo(protocol, address, place.port);
}

export function hopTo(protocol: TransportProtocol, address: string, port: number | undefined): Hop {
  const real = port ?? (protocol === "tls" || protocol === "wss" ? 5061 : 5060);
  return {
    target: { by: "address", protocol, address, port: real },
    destination: { protocol, address, port: real },
  };
}

/** Plain address look-up, also of the hosts file; what an engine without a resolver of its own uses. */
export const lookupResolve: Resolve = async (uri) => {
  const place = hostPortOf(uri);
  const protocol = protocolOf(uri);
  if (!place || !protocol) return [];
  const found = await lookup(place.host, { all: true, verbatim: false });
  return found.map((entry) => hopTo(protocol, entry.address, place.port));
};

interface Flow {
  readonly hop: Hop;
  readonly until: number;
}

const MAX_FLOWS = 50_000;
/** Flows that have run out are looked for this often, ms. */
const SWEEP_MS = 60_000;

/** Connections of registered devices by `user@host` of their Contact (RFC 5626 in spirit; drachtio does the same). */
export class FlowTable {
  private readonly flows = new Map<string, Flow>();

  private swept = 0;

  /** Registrations over connections that have not run out. */
  count(now: number): number {
    this.expire(now);
    return this.flows.size;
  }

  /** @param seconds how long the registration lasts; 0 forgets it. */
  keep(contactUri: string, hop: Hop, seconds: number, now: number): void {
    const key = flowKey(contactUri);
    if (!key) return;
    this.flows.delete(key);
    if (seconds <= 0) return;
    if (this.flows.size >= MAX_FLOWS || now - this.swept > SWEEP_MS) this.expire(now);
    if (this.flows.size < MAX_FLOWS) this.flows.set(key, { hop, until: now + seconds * 1000 });
  }

  find(uri: string, now: number): Hop | undefined {
    const key = flowKey(uri);
    const flow = key === undefined ? undefined : this.flows.get(key);
    if (!flow || key === undefined) return undefined;
    if (flow.until > now) return flow.hop;
    this.flows.delete(key);
    return undefined;
  }

  private expire(now: number): void {
    this.swept = now;
    for (const [key, flow] of this.flows) if (flow.until <= now) this.flows.delete(key);
  }
}

function flowKey(uri: string): string | undefined {
  const match = /^sips?:([^@;?]+)@([^;?>]+)/i.exec(uri.trim());
  return match ? `${match[1]}@${(match[2] ?? "").toLowerCase()}` : undefined;
}
