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
  readonly key: string;
  readonly mergeKey: string;
  readonly until: number;
}

/** Time between two looks at the queue, ms. */
const SWEEP_MS = 500;

export class SpentStore {
  readonly #answers = new Map<string, SpentAnswer>();
  readonly #merges = new Set<string>();
  #queue: Kept[] = [];
  #head = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly wheel: TimerWheel,
    private readonly lifetimeMs: number,
  ) {}

  get size(): number {
    return this.#answers.size;
  }

  keep(key: string, mergeKey: string, answer: SpentAnswer): void {
    this.#answers.set(key, answer);
    this.#merges.add(mergeKey);
    this.#queue.push({ key, mergeKey, until: this.wheel.now() + this.lifetimeMs });
    if (!this.#timer?.pending) this.#arm();
  }

  find(key: string): SpentAnswer | undefined {
    return this.#answers.get(key);
  }

  /** Whether the same request was served over another path (RFC 3261 §8.2.2.2). */
  merged(mergeKey: string): boolean {
    return this.#merges.has(mergeKey);
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
    for (let kept = this.#queue[this.#head]; kept && kept.until <= now; kept = this.#queue[++this.#head]) {
      this.#answers.delete(kept.key);
      this.#merges.delete(kept.mergeKey);
    }
    if (this.#head > 1024 || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#arm();
  }
}
