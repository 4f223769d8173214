/** Checks who sent a request (RFC 3261 §22.2) against the office's extensions. */
import { randomBytes } from "node:crypto";
import type { Directory, EndpointCredentials } from "../directory.ts";
import { Challenger } from "../engine/challenge/challenger.ts";
import type { DoorConfig } from "../engine/challenge/door.ts";
import {
  type DigestAlgorithm,
  type DigestResponse,
  digestResponse,
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
  readonly #challenger: Challenger;
  readonly #decoy = randomBytes(32).toString("hex");
  readonly #listeners = new Set<(event: AuthResultEvent) => void>();

  constructor(directory: Pick<Directory, "realm" | "endpointByUser">, options: AuthenticatorOptions = {}) {
    this.#directory = directory;
    this.#algorithms = options.algorithms ?? ["MD5", "SHA-256"];
    this.#nonces = options.nonces ?? new NonceStore();
    this.#now = options.now ?? Date.now;
    const { realm } = directory;
    this.#challenger = new Challenger({ realm, algorithms: this.#algorithms, secret: this.#nonces.secret });
  }

  /** What an engine of ours needs to give the first challenge of a REGISTER in our name. */
  door(): DoorConfig {
    const secret = Buffer.from(this.#nonces.secret).toString("hex");
    return { realm: this.#directory.realm, algorithms: this.#algorithms, secret };
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
    const { method, sourceAddress, userAgent } = request;
    const agent = { method, sourceAddress, userAgent };
    const party = request.sourceAddress;
    if (given === undefined)
      return { kind: "challenge", challenges: this.#challenger.first(agent, now), stale: false };
    this.#challenger.understood(agent);
    const again = (): AuthVerdict => ({
      kind: "challenge",
      challenges: this.#challenger.stale(agent, now),
      stale: true,
    });
    // An old nonce is said to be old before the password is looked at: no hint about the password leaks.
    if (this.#nonces.inspect(given.nonce, now, party) !== "good") return again();

    const endpoint = this.#directory.endpointByUser(given.username);
    const proven = this.#proves(given, request, endpoint);
    if (endpoint === undefined || !endpoint.enabled || !proven) {
      this.#report("failed", request, given.username, now);
      return { kind: "refused" };
    }
    const count = given.qop === undefined ? undefined : Number.parseInt(given.nc, 16) || 0;
    if (this.#nonces.use(given.nonce, count, now, party) !== "good") return again();
    this.#report("ok", request, given.username, now);
    return { kind: "ok", endpoint };
  }

  /** Forgets used nonces whose time is over. */
  sweep(): void {
    this.#nonces.sweep(this.#now());
  }

  #proves(given: DigestResponse, request: AuthRequest, endpoint: EndpointCredentials | undefined): boolean {
    // An unknown user is compared with a made-up secret, so that it takes as long as a known one.
    const made = Bun.SHA256.hash(this.#decoy + given.username, "hex");
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

  #report(result: "ok" | "failed", request: AuthRequest, user: string, at: number): void {
    const { method, sourceAddress, sourcePort = 0 } = request;
    const event = { result, method, user, sourceAddress, sourcePort, at };
    for (const listener of this.#listeners) listener(event);
  }
}
