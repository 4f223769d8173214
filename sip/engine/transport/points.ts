/** The points we listen at, and which of them is the one towards a destination. */
import type { TransportProtocol } from "../message/model.ts";
import { addressTowards, family, isLoopback, isWildcard, plainAddress } from "./local.ts";
import type { ListenPoint } from "./model.ts";

export type Listening = ListenPoint & { readonly flow: string };

/** Destinations whose point is remembered. */
const MOST_CHOSEN = 4096;

export class Points {
  readonly all: Listening[] = [];
  /** By protocol and destination; forgotten when the points change. */
  readonly #chosen = new Map<TransportProtocol, Map<string, Listening>>();

  add(point: Listening): void {
    this.all.push(point);
    this.#chosen.clear();
  }

  replace(at: number, point: Listening): void {
    this.all[at] = point;
    this.#chosen.clear();
  }

  /**
   * The one of that protocol and address family; a loopback one only for loopback, if there is a choice. A socket at `::`
   * speaks IPv4 too where none of its own is there (RFC 3493 §3.7).
   */
  towards(protocol: TransportProtocol, destination: string): Listening | undefined {
    const chosen = this.#chosen.get(protocol) ?? new Map<string, Listening>();
    const known = chosen.get(destination);
    if (known) return known;
    const wanted = family(destination) || 4;
    const able = this.all.filter((point) => point.protocol === protocol);
    const own = able.filter((point) => (family(point.address) || 4) === wanted);
    const points = own.length > 0 ? own : able.filter((point) => point.address === "::");
    const near = isLoopback(plainAddress(destination));
    const best =
      points.find((point) => isWildcard(point.address) || isLoopback(point.address) === near) ?? points[0];
    if (!best) return undefined;
    if (chosen.size >= MOST_CHOSEN) chosen.clear();
    chosen.set(destination, best);
    this.#chosen.set(protocol, chosen);
    return best;
  }

  /** As `towards`, with the address that belongs into Via and Contact in place of a wildcard. */
  localFor(protocol: TransportProtocol, destination: string): ListenPoint | undefined {
    const point = this.towards(protocol, destination);
    if (!point || !isWildcard(point.address)) return point;
    return { ...point, address: addressTowards(plainAddress(destination), family(destination) || 4) };
  }
}
