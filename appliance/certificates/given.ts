/**
 * Certificates an administrator puts into a folder: NAME.pem with NAME-key.pem, NAME.crt with NAME.key, or a folder
 * with fullchain.pem and privkey.pem as certbot makes them. What cannot be used is told and left out.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { CertificateProblem, CertificateRow, KeyPair } from "./model.ts";
import { problemOf, readCertificate } from "./read.ts";

export interface Given {
  readonly pairs: readonly (KeyPair & { readonly row: CertificateRow })[];
  readonly problems: readonly CertificateProblem[];
}

/** Certificate files below a folder with the file of their key ("" when there is none). */
function candidates(folder: string): { cert: string; key: string }[] {
  const found: { cert: string; key: string }[] = [];
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    const inner = join(path, "fullchain.pem");
    const stem = name.replace(/\.(pem|crt|cer)$/i, "");
    if (existsSync(inner)) found.push({ cert: inner, key: join(path, "privkey.pem") });
    else if (stem !== name && !/[-.]key$/i.test(stem)) {
      const keys = [`${stem}-key.pem`, `${stem}.key.pem`, `${stem}.key`].map((key) => join(folder, key));
      found.push({ cert: path, key: keys.find((key) => existsSync(key)) ?? "" });
    }
  }
  return found;
}

/** Reads the folder; one that does not exist is empty. */
export function readGiven(folder: string, now: number): Given {
  const pairs: (KeyPair & { row: CertificateRow })[] = [];
  const problems: CertificateProblem[] = [];
  for (const { cert: file, key: keyFile } of existsSync(folder) ? candidates(folder) : []) {
    try {
      if (keyFile === "" || !existsSync(keyFile)) {
        problems.push({ file, reason: "no-key" });
        continue;
      }
      const pair = { cert: readFileSync(file, "utf8"), key: readFileSync(keyFile, "utf8") };
      const reason = problemOf(pair, now);
      if (reason !== undefined) {
        problems.push({ file, reason });
        continue;
      }
      const { x509: _, ...told } = readCertificate(pair.cert);
      pairs.push({ ...pair, row: { kind: "given", file, ...told } });
    } catch {
      problems.push({ file, reason: "unreadable" });
    }
  }
  return { pairs, problems };
}

/** Changes whenever a file of the folder does; cheap enough to ask each minute. */
export function stampOf(folder: string): string {
  if (!existsSync(folder)) return "";
  return candidates(folder)
    .flatMap(({ cert, key }) => [cert, key])
    .map((file) => {
      try {
        const { mtimeMs, size } = statSync(file);
        return `${file} ${mtimeMs} ${size}`;
      } catch {
        return file;
      }
    })
    .join("\n");
}
