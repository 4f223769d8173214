/** Reading certificates and keys: what stands in them and whether they fit. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { CertificateProblem, CertificateRow, KeyPair } from "./model.ts";
import { shortName } from "./names.ts";

/** What a certificate says. @throws when the text is none */
export function readCertificate(
  pem: string,
): Omit<CertificateRow, "kind" | "file"> & { readonly x509: X509Certificate } {
  const x509 = new X509Certificate(pem);
  return {
    x509,
    names: namesOf(x509),
    issuer: commonName(x509.issuer),
    notBefore: Date.parse(x509.validFrom),
    notAfter: Date.parse(x509.validTo),
    fingerprint: x509.fingerprint256,
  };
}

/** Subject alternative names, else the common name of old certificates. */
function namesOf(x509: X509Certificate): string[] {
  const listed = (x509.subjectAltName ?? "")
    .split(",")
    .map((entry) => /^\s*(?:DNS|IP Address):(.*?)\s*$/.exec(entry)?.[1] ?? "")
    .filter((name) => name !== "")
    .map((name) => name.replace(/^"|"$/g, ""))
    .map(shortName);
  if (listed.length > 0) return listed;
  const name = commonName(x509.subject);
  return name === "" ? [] : [name.toLowerCase()];
}

function commonName(text: string): string {
  return /(?:^|\n)CN=([^\n]*)/.exec(text)?.[1]?.trim() ?? "";
}

/** Why a pair cannot be used now; undefined when it can. */
export function problemOf(pair: KeyPair, now: number): CertificateProblem["reason"] | undefined {
  try {
    const { x509, names, notBefore, notAfter } = readCertificate(pair.cert);
    if (!x509.checkPrivateKey(createPrivateKey(pair.key))) return "wrong-key";
    if (notAfter <= now) return "expired";
    if (notBefore > now) return "not-yet";
    return names.length === 0 ? "no-names" : undefined;
  } catch {
    return "unreadable";
  }
}
