/**
 * The certificates of the exchange: an authority made at the first start and kept for ever, a certificate for this
 * machine's names and addresses renewed in time, and those an administrator puts into the folder. TLS listeners take
 * `identity()` and are told when it changes.
 */
import { mkdirSync } from "node:fs";
import { networkInterfaces, hostname as systemHostname } from "node:os";
import { basename, join } from "node:path";
import { type Actor, type Now, permit } from "../kernel.ts";
import { pairFiles, readAuthority, readPair, writePair } from "./files.ts";
import { type Given, readGiven, stampOf } from "./given.ts";
import type { CertificateProblem, CertificateRow, KeyPair, TlsIdentity } from "./model.ts";
import { covers, machineNames } from "./names.ts";
import { problemOf, readCertificate } from "./read.ts";
import { provideMetadata } from "./reflect.ts";

export interface Certificates {
  /** For TLS listeners. */
  identity(): TlsIdentity;
  /** Called after a renewal or a change of the administrator's files. */
  onChange(listener: (identity: TlsIdentity) => void): () => void;
  /** Everything in use, and files that cannot be used. */
  list(actor: Actor): {
    readonly rows: readonly CertificateRow[];
    readonly problems: readonly CertificateProblem[];
    /** Where the administrator puts own ones. */
    readonly folder: string;
  };
  /** The authority's certificate (PEM), for phones and browsers; public, its key never leaves. */
  authority(actor: Actor): string;
  /** Looks again at names, dates and files; the timer does it each minute. */
  refresh(): Promise<void>;
  stop(): void;
}

export interface CertificateOptions {
  /** "<data>/certificates". */
  readonly folder: string;
  /** Names and addresses beside the machine's own. */
  readonly names?: readonly string[];
  /** Folder of the administrator's certificates; default "<folder>/own". */
  readonly given?: string;
  readonly now?: Now;
  readonly log?: (line: string) => void;
  /** The administrator's files that cannot be used, each time they are looked at anew. */
  readonly onProblems?: (problems: readonly CertificateProblem[]) => void;
  /** What the machine says of itself; replaceable for tests. */
  readonly machine?: () => { hostname: string; interfaces: ReturnType<typeof networkInterfaces> };
}

/** The library is loaded only when it is needed, and what it looks for must be there before it. */
function maker() {
  provideMetadata();
  return import("./authority.ts");
}

/** Renewed when this much is left, ms. */
const RENEW_BEFORE = 60 * 86_400_000;
const LOOK_EVERY = 60_000;
const PERMISSION = "settings.view";

/**
 * Opens the store; makes what is missing.
 * @throws AuthorityError when the authority's files are damaged: it is never replaced in silence
 */
export async function createCertificates(options: CertificateOptions): Promise<Certificates> {
  const { folder, now = Date.now, log = () => {} } = options;
  const givenFolder = options.given || join(folder, "own");
  const machine =
    options.machine ?? (() => ({ hostname: systemHostname(), interfaces: networkInterfaces() }));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(join(folder, "own"), { recursive: true, mode: 0o700 });
  const listeners = new Set<(identity: TlsIdentity) => void>();

  const names = () => {
    const { hostname, interfaces } = machine();
    return machineNames(hostname, interfaces, options.names ?? []);
  };
  const authority = readAuthority(folder, now()) ?? (await newAuthority());
  let server = await currentServer();
  let stamp = stampOf(givenFolder);
  let given = readGiven(givenFolder, now());
  tell(given);

  async function newAuthority(): Promise<KeyPair> {
    const { makeAuthority } = await maker();
    const made = await makeAuthority(`Zongji ${machine().hostname}`, now());
    writePair(folder, "ca", made);
    log(`Made the office's certificate authority: ${pairFiles(folder, "ca").cert}`);
    return made;
  }

  /** The certificate of this machine, made anew when it is missing, soon over, of another authority, or lacks a name. */
  async function currentServer(): Promise<KeyPair> {
    const have = readPair(folder, "server");
    const wanted = names();
    if (have && problemOf(have, now()) === undefined) {
      const { names: having, notAfter, x509 } = readCertificate(have.cert);
      const ours = x509.checkIssued(readCertificate(authority.cert).x509);
      if (ours && notAfter - now() > RENEW_BEFORE && covers(having, wanted)) return have;
    }
    const { issueCertificate } = await maker();
    const made = await issueCertificate(authority, wanted, now());
    writePair(folder, "server", made);
    log(`Made this machine's certificate for ${wanted.join(", ")}`);
    return made;
  }

  function tell({ problems }: Given): void {
    for (const { file, reason } of problems) log(`The certificate ${file} is not used: ${reason}`);
    options.onProblems?.(problems);
  }

  function identity(): TlsIdentity {
    const common = given.pairs.find((pair) => /^default\./.test(basename(pair.row.file)));
    const hosts = given.pairs.flatMap(({ cert, key, row }) => row.names.map((name) => ({ name, cert, key })));
    const { cert, key } = common ?? server;
    return { cert, key, hosts };
  }

  async function refresh(): Promise<void> {
    const before = server;
    server = await currentServer();
    const seen = stampOf(givenFolder);
    const again = readGiven(givenFolder, now());
    // Dates pass without any file changing.
    const same = seen === stamp && again.problems.length === given.problems.length;
    if (!same) tell(again);
    stamp = seen;
    given = again;
    if (same && before.cert === server.cert) return;
    const fresh = identity();
    for (const listener of listeners) listener(fresh);
  }

  const row = (kind: "ca" | "own", name: string, pair: KeyPair): CertificateRow => {
    const { x509: _, ...told } = readCertificate(pair.cert);
    return { kind, file: pairFiles(folder, name).cert, ...told };
  };

  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    refresh()
      .catch((error: unknown) => log(`certificates: ${error}`))
      .finally(() => {
        looking = false;
      });
  }, LOOK_EVERY);
  timer.unref();

  return {
    identity,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    list(actor) {
      permit(actor, PERMISSION);
      return {
        rows: [
          row("ca", "ca", authority),
          row("own", "server", server),
          ...given.pairs.map((pair) => pair.row),
        ],
        problems: given.problems,
        folder: givenFolder,
      };
    },
    authority(actor) {
      permit(actor, PERMISSION);
      return authority.cert;
    },
    refresh,
    stop: () => clearInterval(timer),
  };
}
