/** Passwords and secrets: argon2id with few at a time (each takes 64 MB), random secrets, SIP HA1. */
import { createHash, randomBytes, randomInt } from "node:crypto";

const AT_ONCE = 2;
let running = 0;
const waiting: (() => void)[] = [];

async function limited<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

const COST = { algorithm: "argon2id", memoryCost: 19456, timeCost: 2 } as const;

export function hashPassword(password: string): Promise<string> {
  return limited(() => Bun.password.hash(password, COST));
}

let decoy: Promise<string> | undefined;

/** Checks against `hash`; with undefined it does the same work and answers false. */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  decoy ??= hashPassword(randomBytes(16).toString("hex"));
  const against = hash || (await decoy);
  const right = await limited(() => Bun.password.verify(password, against).catch(() => false));
  return right && !!hash;
}

const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/** Random text without look-alikes; 20 characters carry 116 bits. */
export function randomSecret(length = 20): string {
  let out = "";
  for (let i = 0; i < length; i++) out += LETTERS[randomInt(LETTERS.length)];
  return out;
}

/** HA1 of RFC 7616 §3.4.2, lower-case hex. */
export function ha1(
  user: string,
  realm: string,
  secret: string,
): { readonly md5: string; readonly sha256: string } {
  const text = `${user}:${realm}:${secret}`;
  return {
    md5: createHash("md5").update(text).digest("hex"),
    sha256: createHash("sha256").update(text).digest("hex"),
  };
}

/** 256-bit token for the cookie. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

export function tokenHash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
