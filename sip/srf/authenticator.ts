/** Checks who sent a request (RFC 3261 §22.2) against the office's extensions. */
import { createHmac, randomBytes } from "node:crypto";
import type { Directory, EndpointCredentials } from "../directory.ts";
import {
  type DigestAlgorithm,
  type DigestResponse,
  digestResponse,
  makeChallenges,
  parseCredentials,
  sameDigest,
} from "./digest.ts";
import { NonceStore } from "./nonce.ts";

export interface AuthRequest {
  readonly method: string;
  readonly uri: string;
  readonly body: string;
  /** Authorization or Proxy-Authorization value. */
  readonly credentials: string | undefined;
  readonly sourceAddress: string;
  readonly sourcePort?: number;
  readonly userAgent?: string | undefined;
}

/** Agents known to give up when any challenge names an algorithm they do not know. */
const MD5_ONLY = /^baresip v?[01]\./i;
/** An agent that was offered both and comes back without credentials within this time gets MD5 alone, ms. */
const PUZZLED_MS = 300_000;
const MAX_PUZZLED = 5000;

export type AuthVerdict =
  | { readonly kind: "ok"; readonly endpoint: EndpointCredentials }
  /** Ask again with these challenge lines; not a failure. */
  | { readonly kind: "challenge"; readonly challenges: readonly string[]; readonly stale: boolean }
  /** Unknown user, wrong password or disabled extension: one answer for all. */
  | { readonly kind: "refused" };

/** For the defence layer: proven and failed attempts; a plain first challenge is neither. */
export interface AuthResultEvent {
  readonly result: "ok" | "failed";
  readonly method: string;
  readonly user: string;
  readonly sourceAddress: string;
  /** 0 when unknown. */
  readonly sourcePort: number;
  readonly at: number;
}

export interface AuthenticatorOptions {
  /** Order of the challenges. MD5 first by default: many phones (and sipp) give up when the first is unknown to them. */
  readonly algorithms?: readonly DigestAlgorithm[];
  readonly nonces?: NonceStore;
  readonly now?: () => number;
}

export class Authenticator {
  readonly #directory: Pick<Directory, "realm" | "endpointByUser">;
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #nonces: NonceStore;
  readonly #now: () => number;
  /** Agents challenged with both algorithms that have not answered yet: source and User-Agent → when. */
  readonly #puzzled = new Map<string, number>();
  readonly #decoy = randomBytes(32);
  readonly #listeners = new Set<(event: AuthResultEvent) => void>();

  constructor(directory: Pick<Directory, "realm" | "endpointByUser">, options: AuthenticatorOptions = {}) {
    this.#directory = directory;
    this.#algorithms = options.algorithms ?? ["MD5", "SHA-256"];
    this.#nonces = options.nonces ?? new NonceStore();
    this.#now = options.now ?? Date.now;
  }

  onResult(listener: (event: AuthResultEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  check(request: AuthRequest): AuthVerdict {
    const now = this.#now();
    const { realm } = this.#directory;
    const given =
      request.credentials === undefined ? undefined : parseCredentials(request.credentials, realm);
    // An address, and not a connection: a phone may come back over another one.
    const party = request.sourceAddress;
    if (given === undefined) return this.#challenge(party, now, false, this.#algorithmsFor(request, now));
    this.#puzzled.delete(agentKey(request));
    // An old nonce is said to be old before the password is looked at: no hint about the password leaks.
    if (this.#nonces.inspect(given.nonce, now, party) !== "good") return this.#challenge(party, now, true);

    const endpoint = this.#directory.endpointByUser(given.username);
    const proven = this.#proves(given, request, endpoint);
    if (endpoint === undefined || !endpoint.enabled || !proven) {
      this.#report("failed", request, given.username, now);
      return { kind: "refused" };
    }
    const count = given.qop === undefined ? undefined : Number.parseInt(given.nc, 16) || 0;
    if (this.#nonces.use(given.nonce, count, now, party) !== "good") return this.#challenge(party, now, true);
    this.#report("ok", request, given.username, now);
    return { kind: "ok", endpoint };
  }

  /** Forgets used nonces whose time is over. */
  sweep(): void {
    this.#nonces.sweep(this.#now());
  }

  #proves(given: DigestResponse, request: AuthRequest, endpoint: EndpointCredentials | undefined): boolean {
    // An unknown user is compared with a made-up secret, so that it takes as long as a known one.
    const made = createHmac("sha256", this.#decoy).update(given.username).digest("hex");
    const known = given.algorithm === "MD5" ? endpoint?.ha1Md5 : endpoint?.ha1Sha256;
    const expected = digestResponse({
      ha1: known || made,
      method: request.method,
      uri: given.uri,
      nonce: given.nonce,
      algorithm: given.algorithm,
      session: given.session,
      qop: given.qop,
      nc: given.nc,
      cnonce: given.cnonce,
      body: request.body,
    });
    return sameDigest(expected, given.response);
  }

  /** Both algorithms, or MD5 alone for agents that cannot bear the sight of another one. */
  #algorithmsFor(request: AuthRequest, now: number): readonly DigestAlgorithm[] {
    if (this.#algorithms.length < 2 || !this.#algorithms.includes("MD5")) return this.#algorithms;
    const key = agentKey(request);
    const asked = this.#puzzled.get(key);
    if (MD5_ONLY.test(request.userAgent ?? "") || (asked !== undefined && now - asked < PUZZLED_MS))
      return ["MD5"];
    this.#puzzled.set(key, now);
    const oldest = this.#puzzled.size > MAX_PUZZLED ? this.#puzzled.keys().next().value : undefined;
    if (oldest !== undefined) this.#puzzled.delete(oldest);
    return this.#algorithms;
  }

  #challenge(party: string, now: number, stale: boolean, algorithms = this.#algorithms): AuthVerdict {
    const nonce = this.#nonces.issue(now, party);
    return {
      kind: "challenge",
      challenges: makeChallenges(this.#directory.realm, nonce, stale, algorithms),
      stale,
    };
  }

  #report(result: "ok" | "failed", request: AuthRequest, user: string, at: number): void {
    const { method, sourceAddress, sourcePort = 0 } = request;
    const event = { result, method, user, sourceAddress, sourcePort, at };
    for (const listener of this.#listeners) listener(event);
  }
}

function agentKey(request: AuthRequest): string {
  return `${request.sourceAddress} ${request.method} ${(request.userAgent ?? "").slice(0, 100)}`;
}
