/** The files of the authority and of this machine's certificate. Keys are for the owner's eyes only. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { AuthorityError, type KeyPair } from "./model.ts";
import { problemOf } from "./read.ts";

/** Writes whole or not at all. */
export function writeWhole(file: string, text: string, mode: number): void {
  const part = `${file}.part`;
  const handle = openSync(part, "w", mode);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  chmodSync(part, mode);
  renameSync(part, file);
}

export function pairFiles(folder: string, name: string): { cert: string; key: string } {
  return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
}

/** The key first: a certificate without its key would look like a lost authority. */
export function writePair(folder: string, name: string, pair: KeyPair): void {
  const files = pairFiles(folder, name);
  writeWhole(files.key, pair.key, 0o600);
  writeWhole(files.cert, pair.cert, 0o644);
}

/** The pair, or undefined when there is none or it cannot be read. */
export function readPair(folder: string, name: string): KeyPair | undefined {
  const files = pairFiles(folder, name);
  try {
    return { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") };
  } catch {
    return undefined;
  }
}

/**
 * The authority as it was made at the first start; undefined when there has been none yet.
 * @throws AuthorityError when half of it is gone or it is damaged or has expired
 */
export function readAuthority(folder: string, now: number): KeyPair | undefined {
  const files = pairFiles(folder, "ca");
  const [cert, key] = [existsSync(files.cert), existsSync(files.key)];
  // A key alone is what a cut first start leaves; nobody has been told to trust it.
  if (!cert) return undefined;
  if (!key) throw new AuthorityError(files.key, "is missing");
  const pair = readPair(folder, "ca");
  if (!pair) throw new AuthorityError(files.key, "cannot be read");
  const problem = problemOf(pair, now);
  if (problem === "wrong-key") throw new AuthorityError(files.key, "does not belong to the certificate");
  if (problem === "unreadable") throw new AuthorityError(files.cert, "or its key is damaged");
  if (problem === "expired") throw new AuthorityError(files.cert, "has expired");
  // A mode opened by a careless copy is closed again.
  chmodSync(files.key, 0o600);
  return pair;
}
