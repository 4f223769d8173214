import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { parseAddress } from "../message/address.ts";
import type { TransportProtocol } from "../message/model.ts";
import { decodeUser, parseUri } from "../message/uri.ts";
import { hostPortOf, uriOf } from "../transaction/index.ts";
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
  /** Whose registration brought it: the user of its To. */
  readonly person: string;
  readonly hop: Hop;
  readonly until: number;
}

const MAX_FLOWS = 50_000;
/** Flows that have run out are looked for this often, ms. */
const SWEEP_MS = 60_000;

/**
 * Connections of registered devices by `user@host` of their Contact (RFC 5626 in spirit; drachtio does the same) and by
 * whose they are. A Contact is what a device says of itself: without its owner anyone who may register could name
 * another's Contact, before or after them, and be sent their calls.
 */
export class FlowTable {
  /** Of one Contact, the newest last; hardly ever more than one. */
  private readonly flows = new Map<string, readonly Flow[]>();

  private size = 0;

  private swept = 0;

  /** Registrations over connections that have not run out. */
  count(now: number): number {
    this.expire(now);
    return this.size;
  }

  /**
   * @param person user of the address-of-record that is registered, see `personOf`.
   * @param seconds how long the registration lasts; 0 forgets it.
   */
  keep(contactUri: string, person: string, hop: Hop, seconds: number, now: number): void {
    const key = flowKey(contactUri);
    if (!key) return;
    const others = (this.flows.get(key) ?? []).filter((flow) => flow.person !== person);
    this.put(key, others);
    if (seconds <= 0) return;
    if (this.size >= MAX_FLOWS || now - this.swept > SWEEP_MS) this.expire(now);
    if (this.size >= MAX_FLOWS) return;
    const live = others.filter((flow) => flow.until > now);
    this.put(key, [...live, { person, hop, until: now + seconds * 1000 }]);
  }

  /** The connection of that person's device, and nobody else's. */
  find(contactUri: string, person: string, now: number): Hop | undefined {
    return this.live(contactUri, now).find((flow) => flow.person === person)?.hop;
  }

  /** The connection under that Contact when nothing says who is meant: that person's, else the newest. */
  findAny(contactUri: string, likely: string, now: number): Hop | undefined {
    const flows = this.live(contactUri, now);
    return (flows.find((flow) => flow.person === likely) ?? flows.at(-1))?.hop;
  }

  private live(contactUri: string, now: number): readonly Flow[] {
    const key = flowKey(contactUri);
    const flows = key === undefined ? undefined : this.flows.get(key);
    return flows?.filter((flow) => flow.until > now) ?? [];
  }

  private put(key: string, flows: readonly Flow[]): void {
    this.size += flows.length - (this.flows.get(key)?.length ?? 0);
    if (flows.length === 0) this.flows.delete(key);
    else this.flows.set(key, flows);
  }

  private expire(now: number): void {
    this.swept = now;
    for (const [key, flows] of this.flows) {
      const live = flows.filter((flow) => flow.until > now);
      if (live.length < flows.length) this.put(key, live);
    }
  }
}

/** The user of a To or From value, unescaped as the registrar reads it; "" when it names none. */
export function personOf(value: string | undefined): string {
  const address = parseAddress(value ?? "");
  const uri = address === undefined ? undefined : parseUri(address.uri);
  return uri === undefined ? "" : decodeUser(uri);
}

/**
 * The connection a request outside dialogs takes. A To of the app's says whose device is meant, and one that is the
 * Request-URI itself that no device of ours is (a carrier is called at its own address); without a To it is as with
 * drachtio, the device that registered the Contact last.
 */
export function flowFor(
  flows: FlowTable,
  next: string,
  to: string | undefined,
  requestUri: string,
  now: number,
): Hop | undefined {
  if (to === undefined) return flows.findAny(next, personOf(`<${next}>`), now);
  const meant = flowKey(uriOf(to));
  if (meant === undefined || meant === flowKey(requestUri)) return undefined;
  return flows.find(next, personOf(to), now);
}

function flowKey(uri: string): string | undefined {
  const match = /^sips?:([^@;?]+)@([^;?>]+)/i.exec(uri.trim());
  return match ? `${match[1]}@${(match[2] ?? "").toLowerCase()}` : undefined;
}
