/** The bans in force and how often each source was banned before. */
import type { Ban, BanReason } from "./model.ts";
import { Recent } from "./recent.ts";

export const DAY_MS = 86_400_000;
/** Bans at once; the one that ends first gives way. */
const MOST_BANS = 20_000;

/** How long the nth ban of a source lasts, ms: doubles each time. */
export function banLength(firstMs: number, times: number, longestMs: number): number {
  return Math.min(longestMs, DAY_MS, firstMs * 2 ** Math.min(Math.max(0, times - 1), 20));
}

export class Bans {
  readonly #bans = new Map<string, Ban>();
  /** Bans had so far, also of those that are over. */
  readonly #times = new Recent<{ count: number }>(10_000, () => ({ count: 0 }));
  /** Begins at the clock, so that what another engine counted is none of ours. */
  #revision = Date.now();

  get size(): number {
    return this.#bans.size;
  }

  /** Rises with each change, so that nobody has to fetch or compare a list that is as it was. */
  get revision(): number {
    return this.#revision;
  }

  /** Takes bans of an earlier run over; those that are over are only remembered. */
  restore(bans: readonly Ban[], now: number): void {
    this.#revision++;
    for (const ban of bans) {
      this.#times.touch(ban.address).count = ban.times;
      if (ban.until > now && this.#bans.size < MOST_BANS) this.#bans.set(ban.address, ban);
    }
  }

  add(
    address: string,
    options: { now: number; reason: BanReason; evidence: number; firstMs: number; longestMs: number },
  ): Ban {
    const { now, reason, evidence, firstMs, longestMs } = options;
    const past = this.#times.touch(address);
    past.count++;
    const lasts = reason === "manual" ? firstMs : banLength(firstMs, past.count, longestMs);
    const ban: Ban = { address, since: now, until: now + lasts, reason, evidence, times: past.count };
    if (this.#bans.size >= MOST_BANS) this.#makeRoom();
    this.#revision++;
    this.#bans.set(address, ban);
    return ban;
  }

  holds(address: string, now: number): boolean {
    const ban = this.#bans.get(address);
    if (ban === undefined) return false;
    if (ban.until > now) return true;
    this.#remove(address);
    return false;
  }

  /** Ends a ban and forgets the earlier ones; false when there was none. */
  lift(address: string): boolean {
    this.#times.delete(address);
    return this.#remove(address);
  }

  list(now: number): Ban[] {
    for (const [address, ban] of this.#bans) if (ban.until <= now) this.#remove(address);
    return [...this.#bans.values()];
  }

  #remove(address: string): boolean {
    const held = this.#bans.delete(address);
    if (held) this.#revision++;
    return held;
  }

  #makeRoom(): void {
    let first: Ban | undefined;
    for (const ban of this.#bans.values()) if (first === undefined || ban.until < first.until) first = ban;
    if (first) this.#bans.delete(first.address);
  }
}
