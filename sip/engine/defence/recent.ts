/**
 * A map that forgets what was not used lately: forged sources must not fill the memory. Two generations; when the young
 * one is full it becomes the old one, and what the old one still held is forgotten.
 */
export class Recent<V> {
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  constructor(
    /** Entries held at most. */
    private readonly capacity: number,
    private readonly make: () => V,
  ) {}

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The entry, made when it is not there. */
  touch(key: string): V {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#old.delete(key);
    const entry = old ?? this.make();
    if (this.#young.size >= this.capacity / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, entry);
    return entry;
  }

  peek(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}

/** A count that runs out by `perMs`. */
export class Leaky {
  #value = 0;
  #at = 0;

  value(now: number, perMs: number): number {
    this.#value = Math.max(0, this.#value - Math.max(0, now - this.#at) * perMs);
    this.#at = now;
    return this.#value;
  }

  add(amount: number, now: number, perMs: number): number {
    this.#value = this.value(now, perMs) + amount;
    return this.#value;
  }

  clear(): void {
    this.#value = 0;
  }
}

/** Tokens that come back at `rate` a second up to `burst`. */
export class Bucket {
  #tokens = Number.POSITIVE_INFINITY;
  #at = 0;

  take(now: number, rate: number, burst: number): boolean {
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) / 1000) * rate);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
