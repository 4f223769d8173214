/** Certificates of this machine: what TLS listeners are given, and what a person is shown. Times are UTC ms. */

/** One certificate (with its chain) and key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a TLS listener needs: the certificate for everybody, and others for the names clients ask for (SNI). */
export interface TlsIdentity extends KeyPair {
  /** By host name, lower-case; "*.example.com" covers one label. */
  readonly hosts: readonly ({ readonly name: string } & KeyPair)[];
}

export interface CertificateRow {
  /** ca: our own authority; own: made by it for this machine; given: put in by an administrator. */
  readonly kind: "ca" | "own" | "given";
  /** File it lies in. */
  readonly file: string;
  readonly names: readonly string[];
  readonly issuer: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256, "AB:CD:…". */
  readonly fingerprint: string;
}

/** A file of the administrator that cannot be used, with the reason in words of ui/locale "certificate.<reason>". */
export interface CertificateProblem {
  readonly file: string;
  readonly reason: "unreadable" | "no-key" | "wrong-key" | "expired" | "not-yet" | "no-names";
}

/** The authority's own files are damaged or half gone; a new one is never made in their place by itself. */
export class AuthorityError extends Error {
  readonly code = "authority-damaged";
  constructor(
    readonly file: string,
    reason: string,
  ) {
    super(
      `The office's certificate authority cannot be used: ${file} ${reason}. Put the file back from a backup; or, if it is ` +
        `lost, move the folder away: then a new authority is made, which every phone and browser must be told to trust.`,
    );
    this.name = "AuthorityError";
  }
}
