/**
 * Answered requests other than INVITE, kept for timer J so that copies get the same answer again (RFC 3261 §17.2.2).
 * They are many and all live equally long: a queue in order of time, one timer for all, and next to nothing a request.
 */
import type { SendTarget } from "../transport/model.ts";
import type { Timer, TimerWheel } from "./wheel.ts";

export interface SpentAnswer {
  /** The response as it went out, one character a byte. */
  readonly message: string;
  readonly target: SendTarget;
}

interface Kept {
  readonly key: bigint;
  readonly mergeKey: bigint;
  readonly until: number;
}

/**
 * Keys are made of pieces of messages and would keep those whole in memory; 64 bits of them do. Seeded, so that nobody
 * can choose two that are alike.
 */
const SEED = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;

function short(key: string): bigint {
  return Bun.hash.wyhash(key, SEED);
}

/**
 * Answers kept at most: at 1,000 requests a second just the full time. Beyond, the oldest go early; who has not got his
 * answer by then has long sent his last copy or gets the request served again.
 */
const MOST = 32_768;
/** Time between two looks at the queue, ms. */
const SWEEP_MS = 500;

export class SpentStore {
  readonly #answers = new Map<bigint, SpentAnswer>();
  readonly #merges = new Set<bigint>();
  #queue: Kept[] = [];
  #head = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly wheel: TimerWheel,
    private readonly lifetimeMs: number,
    private readonly most = MOST,
  ) {}

  get size(): number {
    return this.#answers.size;
  }

  keep(longKey: string, longMergeKey: string, answer: SpentAnswer): void {
    const [key, mergeKey] = [short(longKey), short(longMergeKey)];
    this.#answers.set(key, answer);
    this.#merges.add(mergeKey);
    this.#queue.push({ key, mergeKey, until: this.wheel.now() + this.lifetimeMs });
    if (this.#answers.size > this.most) this.#forget();
    if (!this.#timer?.pending) this.#arm();
  }

  #forget(): void {
    const kept = this.#queue[this.#head];
    if (kept === undefined) return;
    this.#head++;
    this.#answers.delete(kept.key);
    this.#merges.delete(kept.mergeKey);
    if (this.#head > 4096 && this.#head * 2 > this.#queue.length) this.#trim();
  }

  #trim(): void {
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  find(key: string): SpentAnswer | undefined {
    return this.#answers.size === 0 ? undefined : this.#answers.get(short(key));
  }

  /** Whether the same request was served over another path (RFC 3261 §8.2.2.2). */
  merged(mergeKey: string): boolean {
    return this.#merges.size > 0 && this.#merges.has(short(mergeKey));
  }

  clear(): void {
    this.#timer?.cancel();
    this.#answers.clear();
    this.#merges.clear();
    this.#queue = [];
    this.#head = 0;
  }

  #arm(): void {
    const next = this.#queue[this.#head];
    if (next === undefined) return;
    const wait = Math.max(next.until - this.wheel.now(), this.#queue.length - this.#head > 1 ? SWEEP_MS : 0);
    this.#timer = this.wheel.after(wait, () => this.#sweep());
  }

  #sweep(): void {
    const now = this.wheel.now();
    while ((this.#queue[this.#head]?.until ?? Number.POSITIVE_INFINITY) <= now) this.#forget();
    if (this.#head === this.#queue.length) this.#trim();
    this.#arm();
  }
}
