/**
 * Answered requests other than INVITE, kept for timer J so that copies get the same answer again (RFC 3261 §17.2.2).
 * They are many and all live equally long: a queue in order of time, one timer for all, and next to nothing a request.
 */
import type { SendTarget } from "../transport/model.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { Timer, TimerWheel } from "./wheel.ts";

export interface SpentAnswer {
  /** The response as it went out. */
  readonly bytes: Buffer;
  readonly target: SendTarget;
}

/**
 * Keys are made of pieces of messages and would keep those whole in memory; 53 bits of them do, as a number, which
 * needs no object. Seeded, so that nobody can choose two that are alike.
 */
const SEED = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;

function short(key: string): number {
  return Number(BigInt.asUintN(53, Bun.hash.wyhash(key, SEED)));
}

/**
 * Answers kept at most: at 1,000 requests a second just the full time. Beyond, the oldest go early; who has not got his
 * answer by then has long sent his last copy or gets the request served again.
 */
const MOST = 32_768;
/** Time between two looks at the queue, ms. */
const SWEEP_MS = 500;
/** Stands for "no merge key". */
const NONE = -1;

/** What is known of each answer besides its bytes, by place in the ring. */
interface Ring {
  readonly bytes: ByteQueue;
  readonly keys: Float64Array;
  readonly mergeKeys: Float64Array;
  readonly until: Float64Array;
  readonly targets: (SendTarget | undefined)[];
}

export class SpentStore {
  /** Numbers of the answers. */
  readonly #answers = new Map<number, number>();
  readonly #merges = new Set<number>();
  /** Made with the first answer: most engines of a test never have one. */
  #ring: Ring | undefined;
  #head = 0;
  #tail = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly wheel: TimerWheel,
    private readonly lifetimeMs: number,
    private readonly most = MOST,
  ) {}

  get size(): number {
    return this.#tail - this.#head;
  }

  /** `longMergeKey` "": the request may come over another path. */
  keep(longKey: string, longMergeKey: string, answer: SpentAnswer): void {
    if (this.size >= this.most) this.#forget();
    const ring = this.#rings();
    const key = short(longKey);
    const mergeKey = longMergeKey === "" ? NONE : short(longMergeKey);
    const number = ring.bytes.push(answer.bytes);
    const place = number % this.most;
    ring.keys[place] = key;
    ring.mergeKeys[place] = mergeKey;
    ring.until[place] = this.wheel.now() + this.lifetimeMs;
    ring.targets[place] = answer.target;
    this.#tail = number + 1;
    this.#answers.set(key, number);
    if (mergeKey !== NONE) this.#merges.add(mergeKey);
    if (!this.#timer?.pending) this.#arm();
  }

  find(key: string): SpentAnswer | undefined {
    const number = this.#answers.size === 0 ? undefined : this.#answers.get(short(key));
    if (number === undefined || this.#ring === undefined) return undefined;
    const target = this.#ring.targets[number % this.most];
    return target && { bytes: this.#ring.bytes.read(number), target };
  }

  /** Whether the same request was served over another path (RFC 3261 §8.2.2.2). */
  merged(mergeKey: string): boolean {
    return this.#merges.size > 0 && this.#merges.has(short(mergeKey));
  }

  clear(): void {
    this.#timer?.cancel();
    this.#answers.clear();
    this.#merges.clear();
    this.#ring = undefined;
    this.#head = 0;
    this.#tail = 0;
  }

  #rings(): Ring {
    this.#ring ??= {
      bytes: new ByteQueue(this.most),
      keys: new Float64Array(this.most),
      mergeKeys: new Float64Array(this.most),
      until: new Float64Array(this.most),
      targets: [],
    };
    return this.#ring;
  }

  #forget(): void {
    const ring = this.#ring;
    if (ring === undefined || this.size === 0) return;
    const place = this.#head % this.most;
    const key = ring.keys[place] ?? NONE;
    if (this.#answers.get(key) === this.#head) this.#answers.delete(key);
    this.#merges.delete(ring.mergeKeys[place] ?? NONE);
    ring.targets[place] = undefined;
    ring.bytes.shift();
    this.#head++;
  }

  #due(): number {
    if (this.size === 0) return Number.POSITIVE_INFINITY;
    return this.#ring?.until[this.#head % this.most] ?? Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    if (this.size === 0) return;
    const wait = Math.max(this.#due() - this.wheel.now(), this.size > 1 ? SWEEP_MS : 0);
    this.#timer = this.wheel.after(wait, () => this.#sweep());
  }

  #sweep(): void {
    const now = this.wheel.now();
    while (this.#due() <= now) this.#forget();
    this.#arm();
  }
}
