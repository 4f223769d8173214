/** What an agent without credentials is asked (RFC 3261 §22.2, RFC 8760 §2.1), by the engine and the application alike. */
import { formatChallenge } from "../message/auth.ts";
import { makeNonce } from "./nonce.ts";

export type ChallengeAlgorithm = "MD5" | "SHA-256";

export interface ChallengeOptions {
  readonly realm: string;
  /** In the order of the challenge lines. */
  readonly algorithms: readonly ChallengeAlgorithm[];
  /** Signs the nonces. */
  readonly secret: Uint8Array;
}

/** Whom a request came from, as far as the choice of algorithms goes. */
export interface ChallengedAgent {
  readonly method: string;
  readonly sourceAddress: string;
  readonly userAgent: string | undefined;
}

/** Agents known to give up when any challenge, or the last one, names an algorithm they do not know. */
const MD5_ONLY = /^(?:baresip v?[01]\.|jssip\b|sip\.js\b)/i;
/** An agent that was offered both and comes back without credentials within this time gets MD5 alone, ms. */
const PUZZLED_MS = 300_000;
const MAX_PUZZLED = 5000;

export class Challenger {
  readonly #options: ChallengeOptions;
  /** Agents challenged with both algorithms that have not answered yet: who → when. */
  readonly #puzzled = new Map<string, number>();
  readonly #lines = new Map<string, (nonce: string) => string>();

  constructor(options: ChallengeOptions) {
    this.#options = options;
  }

  /** Lines for an agent that brought no credentials of our realm. `now` in UTC ms. */
  first(agent: ChallengedAgent, now: number): string[] {
    return this.#write(this.#algorithmsFor(agent, now), agent, now, false);
  }

  /** Lines for one whose nonce is too old or was used before. */
  stale(agent: ChallengedAgent, now: number): string[] {
    const { algorithms } = this.#options;
    const one = MD5_ONLY.test(agent.userAgent ?? "") && algorithms.includes("MD5");
    return this.#write(one ? ["MD5"] : algorithms, agent, now, true);
  }

  /** The agent came with credentials: it can bear what it was offered. */
  understood(agent: ChallengedAgent): void {
    if (this.#puzzled.size > 0) this.#puzzled.delete(keyOf(agent));
  }

  /** Both algorithms, or MD5 alone for agents that cannot bear the sight of another one. */
  #algorithmsFor(agent: ChallengedAgent, now: number): readonly ChallengeAlgorithm[] {
    const { algorithms } = this.#options;
    if (algorithms.length < 2 || !algorithms.includes("MD5")) return algorithms;
    const key = keyOf(agent);
    const asked = this.#puzzled.get(key);
    if (MD5_ONLY.test(agent.userAgent ?? "") || (asked !== undefined && now - asked < PUZZLED_MS))
      return ["MD5"];
    this.#puzzled.set(key, now);
    const oldest = this.#puzzled.size > MAX_PUZZLED ? this.#puzzled.keys().next().value : undefined;
    if (oldest !== undefined) this.#puzzled.delete(oldest);
    return algorithms;
  }

  #write(
    algorithms: readonly ChallengeAlgorithm[],
    agent: ChallengedAgent,
    now: number,
    stale: boolean,
  ): string[] {
    // An address, and not a connection: a phone may come back over another one.
    const nonce = makeNonce(this.#options.secret, now, agent.sourceAddress);
    return algorithms.map((algorithm) => this.#line(algorithm, stale)(nonce));
  }

  /** All of a line but its nonce is the same each time: it is put together once. */
  #line(algorithm: ChallengeAlgorithm, stale: boolean): (nonce: string) => string {
    const key = `${algorithm} ${stale}`;
    const known = this.#lines.get(key);
    if (known) return known;
    const params = new Map([
      ["realm", this.#options.realm],
      ["nonce", "\0"],
      ["algorithm", algorithm],
      ["qop", "auth"],
    ]);
    if (stale) params.set("stale", "true");
    const [before = "", after = ""] = formatChallenge({ scheme: "Digest", params }).split("\0");
    const line = (nonce: string) => `${before}${nonce}${after}`;
    this.#lines.set(key, line);
    return line;
  }
}

function keyOf(agent: ChallengedAgent): string {
  return `${agent.sourceAddress} ${agent.method} ${(agent.userAgent ?? "").slice(0, 100)}`;
}
