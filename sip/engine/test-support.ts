/** Engines and apps for the tests of the engine. */
import { afterEach } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Srf from "drachtio-srf";
import type { EngineConfig } from "./config.ts";
import { type Engine, startEngine } from "./engine.ts";
import type { Clock } from "./transaction/index.ts";
import type { ListenPoint } from "./transport/index.ts";

// drachtio-srf's own types lack most of what it can do; the tests use it as a phone would.
// biome-ignore lint/suspicious/noExplicitAny: untyped test peer
export type Loose = any;

export const SDP =
  "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=sendrecv\r\n";

export const UDP: ListenPoint = { protocol: "udp", address: "127.0.0.1", port: 0 };

/** A bench that undoes everything after each test. */
export function bench() {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean();
  });

  async function engine(
    contacts: readonly ListenPoint[] = [UDP],
    more: Partial<EngineConfig> = {},
    clock?: Clock,
  ): Promise<Engine> {
    const agent = { address: "127.0.0.1", port: 0, secret: "s3cret" };
    const started = await startEngine({ contacts, agent, ...more }, clock);
    // Under a clock that stands still the wait for the last answers would never end.
    cleanups.push(() => started.stop({ silent: clock !== undefined }));
    return started;
  }

  async function app(to: Engine): Promise<Loose> {
    const srf: Loose = new (Srf as Loose)();
    srf.on("error", () => {});
    const connected = new Promise((resolve, reject) => {
      srf.on("connect", (error: unknown, hostport: string) => (error ? reject(error) : resolve(hostport)));
    });
    srf.connect({ host: "127.0.0.1", port: to.agentPort, secret: "s3cret", reconnect: { maxAttempts: 1 } });
    await connected;
    cleanups.push(() => {
      try {
        srf.disconnect();
      } catch {
        // Already gone with its engine.
      }
    });
    return srf;
  }

  /** An engine with its app: a phone that can be called. */
  async function phone(
    contacts: readonly ListenPoint[] = [UDP],
    more: Partial<EngineConfig> = {},
    clock?: Clock,
  ): Promise<{ engine: Engine; srf: Loose }> {
    const made = await engine(contacts, more, clock);
    return { engine: made, srf: await app(made) };
  }

  return { engine, app, phone, cleanups };
}

/** A certificate of its own for these names ("IP:127.0.0.1", "DNS:…"), with its key; both PEM. */
export function certificate(names: string): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "sip-tls-"));
  const [cert, key] = [join(folder, "c.pem"), join(folder, "k.pem")];
  const fixed = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test";
  const rest = ["-addext", `subjectAltName=${names}`, "-keyout", key, "-out", cert];
  Bun.spawnSync(["openssl", ...fixed.split(" "), ...rest]);
  const pair = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  rmSync(folder, { recursive: true });
  return pair;
}

/** A URI at an engine's listener of that protocol. */
export function at(target: Engine, user: string, protocol: ListenPoint["protocol"] = "udp"): string {
  const point = target.listening.find((one) => one.protocol === protocol);
  const transport = protocol === "udp" ? "" : `;transport=${protocol}`;
  return `sip:${user}@127.0.0.1:${point?.port}${transport}`;
}

/** Waits until the probe has a value that counts as true, and gives it; throws when that does not happen in time. */
export async function until<T>(probe: () => T, ms = 4_000): Promise<Exclude<T, undefined | false | 0 | "">> {
  const end = performance.now() + ms;
  for (;;) {
    const value = probe();
    if (value) return value as Exclude<T, undefined | false | 0 | "">;
    if (performance.now() > end) throw new Error(`never happened: ${probe}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** The error of a promise, or undefined. */
export function failure(promise: Promise<unknown>): Promise<Loose> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** One request outside a dialog and its final response. */
export function ask(srf: Loose, uri: string, method: string, extra: Loose = {}): Promise<Loose> {
  return new Promise((resolve, reject) => {
    srf.request(uri, { method, ...extra }, (error: unknown, req: Loose) => {
      if (error) reject(error);
      else req.on("response", (res: Loose) => (res.status >= 200 ? resolve(res) : undefined));
    });
  });
}
