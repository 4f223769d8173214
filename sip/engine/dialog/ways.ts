import type { Hop } from "./model.ts";

/** A way that failed goes behind the others for this long, ms (RFC 3263 §4.3). */
const PENALTY = 60_000;
const MAX_BAD = 1_000;

/** Remembers which addresses of a name did not answer, so that not every request of a call waits for them again. */
export class Ways {
  private readonly bad = new Map<string, number>();

  /** That way failed: refused, silent, or 503. */
  failed(hop: Hop, now: number): void {
    if (hop.target.by !== "address") return;
    if (this.bad.size >= MAX_BAD) this.bad.clear();
    this.bad.set(keyOf(hop), now + PENALTY);
  }

  /** The same ways: first the one to the peer we talk with already, those that failed lately last. */
  order(hops: readonly Hop[], now: number, peer?: { readonly address: string }): readonly Hop[] {
    if (hops.length < 2) return hops;
    const rank = (hop: Hop) => {
      if ((this.bad.get(keyOf(hop)) ?? 0) > now) return 2;
      return hop.destination.address === peer?.address ? 0 : 1;
    };
    return [0, 1, 2].flatMap((wanted) => hops.filter((hop) => rank(hop) === wanted));
  }
}

function keyOf({ destination: { protocol, address, port } }: Hop): string {
  return `${protocol}/${address}/${port}`;
}
