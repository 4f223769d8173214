/** HTTP digest for SIP (RFC 3261 §22, RFC 7616, RFC 8760): pure calculation for both sides. */
import { timingSafeEqual } from "node:crypto";
import { type AuthValue, formatCredentials, parseAuth } from "../engine/message/auth.ts";
import { splitList } from "../engine/message/tokens.ts";

export type DigestAlgorithm = "MD5" | "SHA-256";
export type DigestQop = "auth" | "auth-int";

/** One usable challenge of a 401 or 407. */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly algorithm: DigestAlgorithm;
  /** "-sess" variant: HA1 is mixed with nonce and cnonce. */
  readonly session: boolean;
  readonly qop: DigestQop | undefined;
  readonly stale: boolean;
}

/** Credentials a peer sent in Authorization or Proxy-Authorization. */
export interface DigestResponse {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  readonly algorithm: DigestAlgorithm;
  readonly session: boolean;
  readonly qop: DigestQop | undefined;
  readonly cnonce: string;
  /** Nonce count as sent: eight hex digits. */
  readonly nc: string;
}

/** What the response is calculated over. */
export interface DigestInput {
  readonly ha1: string;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  readonly session?: boolean;
  readonly qop?: DigestQop | undefined;
  readonly nc?: string;
  readonly cnonce?: string;
  /** Message body, for auth-int. */
  readonly body?: string;
}

/** Lower-case hex of H(text). */
export function digestHash(algorithm: DigestAlgorithm, text: string): string {
  return algorithm === "MD5" ? Bun.MD5.hash(text, "hex") : Bun.SHA256.hash(text, "hex");
}

/** HA1 = H(user:realm:password), the form in which secrets are kept. */
export function makeHa1(algorithm: DigestAlgorithm, user: string, realm: string, password: string): string {
  return digestHash(algorithm, `${user}:${realm}:${password}`);
}

/** The `response` value (RFC 7616 §3.4.1). */
export function digestResponse(input: DigestInput): string {
  const hash = (text: string): string => digestHash(input.algorithm, text);
  const cnonce = input.cnonce ?? "";
  const ha1 = input.session === true ? hash(`${input.ha1}:${input.nonce}:${cnonce}`) : input.ha1;
  const a2 = `${input.method}:${input.uri}`;
  const ha2 = hash(input.qop === "auth-int" ? `${a2}:${hash(input.body ?? "")}` : a2);
  return input.qop === undefined
    ? hash(`${ha1}:${input.nonce}:${ha2}`)
    : hash(`${ha1}:${input.nonce}:${input.nc ?? ""}:${cnonce}:${input.qop}:${ha2}`);
}

/** Comparison whose time does not depend on where the texts differ. */
export function sameDigest(left: string, right: string): boolean {
  const a = Buffer.from(left.toLowerCase());
  const b = Buffer.from(right.toLowerCase());
  return a.length === b.length && timingSafeEqual(a, b);
}

function algorithmOf(text: string | undefined): { algorithm: DigestAlgorithm; session: boolean } | undefined {
  const name = (text ?? "MD5").toUpperCase();
  const session = name.endsWith("-SESS");
  const base = session ? name.slice(0, -5) : name;
  return base === "MD5" || base === "SHA-256" ? { algorithm: base, session } : undefined;
}

/**
 * Splits a header value that may hold several challenges or credentials joined by commas
 * ("Digest a=1, b=2, Digest a=3"); a new one starts where a scheme stands before a parameter.
 */
export function splitAuthValues(value: string): string[] {
  const out: string[] = [];
  for (const part of splitList(value)) {
    const last = out.length - 1;
    if (last < 0 || /^[A-Za-z][\w-]*[ \t]+[\w-]+[ \t]*=/.test(part)) out.push(part);
    else out[last] = `${out[last]}, ${part}`;
  }
  return out;
}

function isDigest(value: AuthValue | undefined): value is AuthValue {
  return value !== undefined && value.scheme.toLowerCase() === "digest";
}

/** Longer nonces are no nonces; they would be echoed in every request. */
const MAX_NONCE = 2048;
/** Challenges looked at in one answer. */
const MAX_CHALLENGES = 10;

/** All challenges of a header value that can be answered, in the order given; unknown algorithms are left out. */
export function parseChallenges(value: string): DigestChallenge[] {
  const list: DigestChallenge[] = [];
  for (const text of splitAuthValues(value).slice(0, MAX_CHALLENGES)) {
    const auth = parseAuth(text);
    if (!isDigest(auth)) continue;
    const kind = algorithmOf(auth.params.get("algorithm"));
    const nonce = auth.params.get("nonce");
    if (kind === undefined || nonce === undefined || nonce.length > MAX_NONCE) continue;
    const offered = auth.params.get("qop")?.toLowerCase();
    const names = offered?.split(",").map((name) => name.trim()) ?? [];
    const qop = names.includes("auth") ? "auth" : names.includes("auth-int") ? "auth-int" : undefined;
    if (offered !== undefined && offered !== "" && qop === undefined) continue;
    list.push({
      realm: auth.params.get("realm") ?? "",
      nonce,
      opaque: auth.params.get("opaque"),
      ...kind,
      qop,
      stale: auth.params.get("stale")?.toLowerCase() === "true",
    });
  }
  return list;
}

/** One challenge a realm: the first the peer lists that we can answer, as RFC 8760 §2.4 asks. */
export function chooseChallenges(challenges: readonly DigestChallenge[]): DigestChallenge[] {
  const chosen = new Map<string, DigestChallenge>();
  for (const challenge of challenges)
    if (!chosen.has(challenge.realm)) chosen.set(challenge.realm, challenge);
  return [...chosen.values()];
}

/** Credentials for one challenge, as a header value. `count` starts at 1 for each nonce. */
export function answerChallenge(
  challenge: DigestChallenge,
  user: { readonly username: string; readonly password: string },
  request: { readonly method: string; readonly uri: string; readonly body?: string },
  count: number,
  cnonce: string,
): string {
  const nc = count.toString(16).padStart(8, "0");
  const response = digestResponse({
    ha1: makeHa1(challenge.algorithm, user.username, challenge.realm, user.password),
    method: request.method,
    uri: request.uri,
    nonce: challenge.nonce,
    algorithm: challenge.algorithm,
    session: challenge.session,
    qop: challenge.qop,
    nc,
    cnonce,
    body: request.body ?? "",
  });
  const params = new Map<string, string>([
    ["username", user.username],
    ["realm", challenge.realm],
    ["nonce", challenge.nonce],
    ["uri", request.uri],
    ["response", response],
    ["algorithm", challenge.session ? `${challenge.algorithm}-sess` : challenge.algorithm],
  ]);
  if (challenge.opaque !== undefined) params.set("opaque", challenge.opaque);
  if (challenge.qop !== undefined) {
    params.set("qop", challenge.qop);
    params.set("nc", nc);
  }
  if (challenge.qop !== undefined || challenge.session) params.set("cnonce", cnonce);
  return formatCredentials({ scheme: "Digest", params });
}

/** The credentials among a header value that name this realm; undefined without any that could be checked. */
export function parseCredentials(value: string, realm: string): DigestResponse | undefined {
  for (const text of splitAuthValues(value)) {
    const auth = parseAuth(text);
    if (!isDigest(auth) || auth.params.get("realm") !== realm) continue;
    const kind = algorithmOf(auth.params.get("algorithm"));
    const qopText = auth.params.get("qop")?.toLowerCase();
    if (kind === undefined || (qopText !== undefined && qopText !== "auth" && qopText !== "auth-int"))
      continue;
    const get = (name: string): string => auth.params.get(name) ?? "";
    return {
      username: get("username"),
      realm,
      nonce: get("nonce"),
      uri: get("uri"),
      response: get("response"),
      ...kind,
      qop: qopText,
      cnonce: get("cnonce"),
      nc: get("nc"),
    };
  }
  return undefined;
}
