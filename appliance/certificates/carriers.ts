/** Authorities of carriers that no computer knows by itself: files an administrator puts into a folder. */
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * All certificates (PEM) in the folder's .pem, .crt and .cer files, joined; "" when there are none. What is no
 * certificate is told to `log` and left out.
 */
export function readCarrierAuthorities(folder: string, log: (line: string) => void): string {
  if (!existsSync(folder)) return "";
  const found: string[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!/\.(?:pem|crt|cer)$/i.test(name)) continue;
    const file = join(folder, name);
    try {
      const blocks = readFileSync(file, "utf8").match(
        /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
      );
      if (blocks === null) throw new Error("no certificate in it");
      for (const block of blocks) found.push(new X509Certificate(block).toString());
    } catch (error) {
      log(`${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return found.join("\n");
}
