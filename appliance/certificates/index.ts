/** Certificates for TLS, HTTPS and WSS. */

export { readCarrierAuthorities } from "./carriers.ts";
export { type Certificates, createCertificates } from "./create.ts";
export { AuthorityError, type CertificateRow, type TlsIdentity } from "./model.ts";
