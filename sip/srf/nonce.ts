/**
 * Nonces of our challenges (RFC 7616 §5.4, §3.3): signed, so that a challenge costs no memory; a nonce is remembered
 * only once somebody proved a password with it, to refuse replays by the nonce count.
 */
import { createHmac, randomBytes } from "node:crypto";

export type NonceVerdict = "good" | "expired" | "foreign" | "replayed";

export interface NonceOptions {
  /** How long a nonce may be used, ms. */
  readonly lifetimeMs?: number;
  /** Most nonces remembered at once; beyond that the oldest are forgotten and count as expired. */
  readonly capacity?: number;
  readonly secret?: Uint8Array;
}

export class NonceStore {
  readonly #secret: Uint8Array;
  readonly #lifetimeMs: number;
  readonly #capacity: number;
  /** Highest count seen of each nonce in use, oldest first. */
  readonly #used = new Map<string, number>();
  /** Nonces issued before this moment count as expired: their counts were forgotten. */
  #floor = 0;

  constructor(options: NonceOptions = {}) {
    this.#secret = options.secret ?? randomBytes(32);
    this.#lifetimeMs = options.lifetimeMs ?? 300_000;
    this.#capacity = options.capacity ?? 20_000;
  }

  /** `party`: only good for whom it was made for; an answer then proves that the address is not forged. */
  issue(now: number, party = ""): string {
    const text = `${Math.floor(now).toString(36)}.${randomBytes(9).toString("base64url")}`;
    return `${text}.${this.#sign(text, party)}`;
  }

  /** Whether the nonce is ours and young enough, without regard to counts. */
  inspect(nonce: string, now: number, party = ""): Exclude<NonceVerdict, "replayed"> {
    const cut = nonce.lastIndexOf(".");
    if (cut < 0 || this.#sign(nonce.slice(0, cut), party) !== nonce.slice(cut + 1)) return "foreign";
    return this.#isOver(nonce, now) ? "expired" : "good";
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
    for (const nonce of this.#used.keys()) if (this.#isOver(nonce, now)) this.#used.delete(nonce);
  }

  get size(): number {
    return this.#used.size;
  }

  #forgetOldest(): void {
    let drop = Math.max(1, Math.floor(this.#capacity / 10));
    for (const nonce of this.#used.keys()) {
      if (drop-- <= 0) break;
      const issued = Number.parseInt(nonce.slice(0, nonce.indexOf(".")), 36);
      this.#floor = Math.max(this.#floor, issued + 1);
      this.#used.delete(nonce);
    }
  }

  #isOver(nonce: string, now: number): boolean {
    const issued = Number.parseInt(nonce.slice(0, nonce.indexOf(".")), 36);
    return now - issued > this.#lifetimeMs || issued < this.#floor;
  }

  #sign(text: string, party: string): string {
    return createHmac("sha256", this.#secret).update(`${text} ${party}`).digest("base64url").slice(0, 22);
  }
}
