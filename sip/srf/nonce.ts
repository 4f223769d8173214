/**
 * Nonces of our challenges (RFC 7616 §5.4, §3.3): signed, so that a challenge costs no memory; a nonce is remembered
 * only once somebody proved a password with it, to refuse replays by the nonce count.
 */
import { randomBytes } from "node:crypto";
import { makeNonce, nonceTime } from "../engine/challenge/nonce.ts";

export type NonceVerdict = "good" | "expired" | "foreign" | "replayed";

export interface NonceOptions {
  /** How long a nonce may be used, ms. */
  readonly lifetimeMs?: number;
  /** Most nonces remembered at once; beyond that the oldest are forgotten and count as expired. */
  readonly capacity?: number;
  readonly secret?: Uint8Array;
}

export class NonceStore {
  /** Signs the nonces. */
  readonly secret: Uint8Array;
  readonly #lifetimeMs: number;
  readonly #capacity: number;
  /** Highest count seen of each nonce in use, oldest first. */
  readonly #used = new Map<string, number>();
  /** Nonces issued before this moment count as expired: their counts were forgotten. */
  #floor = 0;
  #lastKey = "";
  #lastTime: number | undefined;

  constructor(options: NonceOptions = {}) {
    this.secret = options.secret ?? randomBytes(32);
    this.#lifetimeMs = options.lifetimeMs ?? 300_000;
    this.#capacity = options.capacity ?? 20_000;
  }

  /** `party`: only good for whom it was made for; an answer then proves that the address is not forged. */
  issue(now: number, party = ""): string {
    return makeNonce(this.secret, now, party);
  }

  /** Whether the nonce is ours and young enough, without regard to counts. */
  inspect(nonce: string, now: number, party = ""): Exclude<NonceVerdict, "replayed"> {
    const issued = this.#timeOf(nonce, party);
    if (issued === undefined) return "foreign";
    return this.#isOver(issued, now) ? "expired" : "good";
  }

  /**
   * Takes a count after the password was proved. A count not above the last one is a replay;
   * clients without qop send none and may use a nonce once.
   */
  use(nonce: string, count: number | undefined, now: number, party = ""): NonceVerdict {
    const verdict = this.inspect(nonce, now, party);
    if (verdict !== "good") return verdict;
    const last = this.#used.get(nonce);
    const next = count ?? 1;
    if (next < 1 || (last !== undefined && next <= last)) return "replayed";
    if (last === undefined && this.#used.size >= this.#capacity) this.#forgetOldest();
    this.#used.set(nonce, next);
    return "good";
  }

  /** Drops what has expired; called now and then. */
  sweep(now: number): void {
    // Oldest first, near enough: behind the first that still counts there is little to find.
    for (const nonce of this.#used.keys()) {
      if (!this.#isOver(issuedAt(nonce), now)) return;
      this.#used.delete(nonce);
    }
  }

  get size(): number {
    return this.#used.size;
  }

  #forgetOldest(): void {
    let drop = Math.max(1, Math.floor(this.#capacity / 10));
    for (const nonce of this.#used.keys()) {
      if (drop-- <= 0) break;
      this.#floor = Math.max(this.#floor, issuedAt(nonce) + 1);
      this.#used.delete(nonce);
    }
  }

  /** The nonce of one request is asked for twice in a row, before and after its password is proved. */
  #timeOf(nonce: string, party: string): number | undefined {
    const key = `${nonce} ${party}`;
    if (key !== this.#lastKey) {
      this.#lastTime = nonceTime(this.secret, nonce, party);
      this.#lastKey = key;
    }
    return this.#lastTime;
  }

  #isOver(issued: number, now: number): boolean {
    return now - issued > this.#lifetimeMs || issued < this.#floor;
  }
}

function issuedAt(nonce: string): number {
  return Number.parseInt(nonce.slice(0, nonce.indexOf(".")), 36);
}
