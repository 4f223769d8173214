/** Certificates for tests, and TLS for programs that were built without it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";

export interface TestCertificate {
  /** PEM; signed by itself, so it is its own authority. */
  readonly cert: string;
  readonly key: string;
}

/** A certificate for these IPv4 addresses, good for two days. */
export function testCertificate(addresses: readonly string[]): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), "zongji-cert-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const made = Bun.spawnSync([
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "2", "-subj", "/CN=test", "-keyout", key, "-out", cert],
      ...["-addext", `subjectAltName=${addresses.map((address) => `IP:${address}`).join(",")}`],
    ]);
    if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr}`);
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface TlsRelay {
  /** Where it listens. */
  readonly port: number;
  close(): void;
}

/** `from` and `to` of the same length keep every Content-Length true. */
type Words = readonly (readonly [from: string, to: string])[];

/** TCP becomes TLS in Via and Contact, and back. */
const TO_TLS: Words = [
  ["SIP/2.0/TCP", "SIP/2.0/TLS"],
  ["transport=TCP", "transport=TLS"],
];
const TO_TCP: Words = TO_TLS.map(([from, to]) => [to, from] as const);

/**
 * Debian's sipp knows no TLS. This takes its TCP connections at `listen` and carries each over TLS to `server`,
 * whose certificate must be good by `ca`; what SIP says about the transport is rewritten on the way.
 */
export function tlsOut(options: {
  readonly listen: { readonly address: string; readonly port: number };
  readonly server: { readonly address: string; readonly port: number };
  readonly localAddress: string;
  readonly ca: string;
}): Promise<TlsRelay> {
  const { server, listen, ca, localAddress } = options;
  return listening(
    createTcpServer((plain) =>
      joined(
        plain,
        // The caller's own address is how the exchange knows its line.
        connectTls({
          socket: connectTcp({ host: server.address, port: server.port, localAddress }),
          ca,
          host: server.address,
        }),
        TO_TLS,
        TO_TCP,
      ),
    ),
    listen,
  );
}

/** The other way: TLS at `listen`, plain TCP to a sipp that waits at `server`; its address is replaced by ours. */
export function tlsIn(options: {
  readonly listen: { readonly address: string; readonly port: number };
  readonly server: { readonly address: string; readonly port: number };
  readonly certificate: TestCertificate;
}): Promise<TlsRelay> {
  const { server, listen, certificate } = options;
  const inside = `${server.address}:${server.port}`;
  const outside = `${listen.address}:${listen.port}`;
  if (inside.length !== outside.length) throw new Error(`${inside} and ${outside} differ in length`);
  return listening(
    createTlsServer({ ...certificate }, (secure) =>
      joined(
        secure,
        connectTcp(server.port, server.address),
        [...TO_TCP, [outside, inside]],
        [...TO_TLS, [inside, outside]],
      ),
    ),
    listen,
  );
}

function joined(near: Socket, far: Socket, outward: Words, inward: Words): void {
  const pipe = (from: Socket, to: Socket, words: Words) => {
    from.on("data", (bytes) => {
      let text = bytes.toString("latin1");
      for (const [old, fresh] of words) text = text.replaceAll(old, fresh);
      to.write(Buffer.from(text, "latin1"));
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  };
  pipe(near, far, outward);
  pipe(far, near, inward);
}

function listening(
  server: Server,
  at: { readonly address: string; readonly port: number },
): Promise<TlsRelay> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at.port, at.address, () => {
      const bound = server.address();
      resolve({
        port: typeof bound === "object" && bound !== null ? bound.port : at.port,
        close() {
          server.close();
          for (const socket of open) socket.destroy();
        },
      });
    });
  });
}
