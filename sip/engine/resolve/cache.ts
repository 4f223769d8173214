/** Answers of DNS, kept for their time to live (RFC 2181 §8, negative ones RFC 2308). */

interface Entry {
  value: Promise<unknown[]>;
  until: number;
}

const MAX_ENTRIES = 2000;
/** Records whose time to live the system does not tell. */
const UNKNOWN_TTL = 60;
/** A time to live is believed between these, seconds: 0 would ask for each call, a month would outlive a move. */
const SHORTEST = 5;
const LONGEST = 3600;
/** "There is no such name" and "nobody answers" are kept this long, seconds. */
const NEGATIVE = 30;
const BROKEN = 5;
const NOT_THERE = new Set(["ENOTFOUND", "ENODATA", "NXDOMAIN"]);

export class DnsCache {
  readonly #entries = new Map<string, Entry>();

  /** @param now milliseconds */
  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.#entries.size;
  }

  /**
   * The answer to a question; never rejects, an empty list means that there is none. While the servers fail, the
   * last good answer goes on being used: better a stale address than an office that cannot call.
   */
  get<T>(key: string, ask: () => Promise<T[]>): Promise<T[]> {
    const known = this.#entries.get(key);
    if (known && known.until > this.now()) return known.value as Promise<T[]>;
    const entry: Entry = { value: Promise.resolve([]), until: this.now() + LONGEST * 1000 };
    const keep = (seconds: number) => {
      entry.until = this.now() + seconds * 1000;
    };
    const value = ask().then(
      (list) => {
        keep(list.length === 0 ? NEGATIVE : lifeOf(list));
        return list;
      },
      async (error: { code?: unknown }): Promise<T[]> => {
        const gone = NOT_THERE.has(String(error.code));
        keep(gone ? NEGATIVE : BROKEN);
        return gone || !known ? [] : ((await known.value) as T[]);
      },
    );
    entry.value = value;
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_ENTRIES) this.#drop();
    this.#entries.set(key, entry);
    return value;
  }

  /** The oldest tenth goes. */
  #drop(): void {
    let left = MAX_ENTRIES / 10;
    for (const key of this.#entries.keys()) {
      if (left-- <= 0) return;
      this.#entries.delete(key);
    }
  }
}

/** Seconds the shortest-lived record may be used. */
function lifeOf(list: readonly unknown[]): number {
  const ttls = list.flatMap((record) => {
    const { ttl } = record as { ttl?: unknown };
    return typeof ttl === "number" ? [ttl] : [];
  });
  return ttls.length === 0 ? UNKNOWN_TTL : Math.min(LONGEST, Math.max(SHORTEST, Math.min(...ttls)));
}
