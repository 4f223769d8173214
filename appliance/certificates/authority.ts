/** Our own certificate authority: X.509 version 3 (RFC 5280), ECDSA on P-256. Loaded only when something is to be made. */
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { KeyPair } from "./model.ts";

const KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const DAY = 86_400_000;
/** Phones are told to trust the authority by hand: it must outlive them. */
const AUTHORITY_DAYS = 20 * 365;
/** Browsers and phones refuse certificates of servers that last much longer than a year. */
export const SERVER_DAYS = 397;
/** Clocks of phones may be behind. */
const BACKDATED = 2 * DAY;

function serial(): string {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
  // Positive and without leading zeros (RFC 5280 §4.1.2.2).
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function keyPem(key: CryptoKey): Promise<string> {
  const text = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), PemConverter.PrivateKeyTag);
  return `${text.trim()}\n`;
}

function nameText(name: string): string {
  return name.replace(/[^\p{L}\p{N} ._-]/gu, "").slice(0, 60) || "Zongji";
}

/** Makes a new authority. `name` tells offices apart in a phone's list of authorities. */
export async function makeAuthority(name: string, now: number): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(KEY, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ CN: [nameText(name)] }, { O: ["Zongji"] }],
    notBefore: new Date(now - BACKDATED),
    notAfter: new Date(now + AUTHORITY_DAYS * DAY),
    signingAlgorithm: SIGNATURE,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${certificate.toString("pem").trim()}\n`, key: await keyPem(keys.privateKey) };
}

/**
 * Issues a certificate for the names and addresses of this machine; the authority's own is behind it in the file.
 * Rejects when the authority's files are no certificate and key.
 */
export async function issueCertificate(
  authority: KeyPair,
  names: readonly string[],
  now: number,
): Promise<KeyPair> {
  const issuer = new X509Certificate(authority.cert);
  const [der] = PemConverter.decode(authority.key);
  if (!der) throw new TypeError("no key in the file");
  const signingKey = await crypto.subtle.importKey("pkcs8", der, KEY, false, ["sign"]);
  const keys = await crypto.subtle.generateKey(KEY, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ CN: [nameText(names[0] ?? "Zongji")] }],
    issuer: issuer.subject,
    notBefore: new Date(now - BACKDATED),
    notAfter: new Date(Math.min(now + SERVER_DAYS * DAY, issuer.notAfter.getTime())),
    signingAlgorithm: SIGNATURE,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
    ],
  });
  return {
    cert: `${certificate.toString("pem").trim()}\n${authority.cert}`,
    key: await keyPem(keys.privateKey),
  };
}
