/**
 * Lines for sipp's own scenarios: a caller by address whose number is forwarded to a carrier by address, a pair for
 * each transport. The engine runs apart, so that it can be told of TLS and asked for its figures.
 */
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { type EngineWorkerHandle, parseContact, startEngineWorker } from "../../sip/engine/index.ts";
import { type Exchange, startExchange } from "./exchange.ts";
import { type SippOptions, type SippResult, type SippRun, startSipp } from "./sipp.ts";
import { type TestCertificate, type TlsRelay, testCertificate, tlsIn, tlsOut } from "./tls.ts";
import { freePort, waitFor } from "./wait.ts";

export const TRANSPORTS = ["udp", "tcp", "tls"] as const;
export type LineTransport = (typeof TRANSPORTS)[number];

const HOST = "127.0.0.1";
const SECRET = "cymru";

/** What is to be said of a run: nothing of `errors` when all went well. */
export function outcome(run: SippResult): { ok: number; failed: number; errors: string } {
  const { ok, failed } = run.counts;
  return { ok, failed, errors: run.code === 0 && failed === 0 ? "" : run.errors };
}

export const good = (calls: number) => ({ ok: calls, failed: 0, errors: "" });

/**
 * Retransmissions of runs, which are ours to answer for: none, where the machine itself stood still for about as long
 * as sipp waits (500 ms), as seen by sipp's watchdog or by our own timer.
 */
export class Stillness {
  #longest = 0;
  #last = performance.now();
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#last);
    this.#last = now;
  }, 20);

  again(runs: readonly SippResult[]): number {
    clearInterval(this.#timer);
    const stood = this.#longest > 200 || runs.some((run) => run.errors.includes("Overload warning"));
    return stood ? 0 : runs.reduce((sum, run) => sum + run.counts.again, 0);
  }
}

/** One caller's and one callee's line. */
export interface Line {
  /** The number the caller dials. */
  readonly did: string;
  caller(scenario: string, options: Partial<SippOptions>): Promise<SippResult>;
  callee(scenario: string, calls: number): Promise<SippResult>;
}

export class SippLines {
  readonly x: Exchange;
  readonly #engine: EngineWorkerHandle;
  readonly #tlsPort: number;
  readonly #certificate: TestCertificate;
  readonly #relays: TlsRelay[] = [];
  readonly #runs: SippRun[] = [];
  #made = 0;

  private constructor(
    x: Exchange,
    engine: EngineWorkerHandle,
    tlsPort: number,
    certificate: TestCertificate,
  ) {
    this.x = x;
    this.#engine = engine;
    this.#tlsPort = tlsPort;
    this.#certificate = certificate;
  }

  static async open(): Promise<SippLines> {
    const certificate = testCertificate([HOST, ...Array.from({ length: 20 }, (_, n) => `127.0.2.${n + 1}`)]);
    const tlsPort = await freePort();
    let engine: EngineWorkerHandle | undefined;
    const x = await startExchange({
      voicePorts: 5,
      engineFor: async (contact) => {
        engine = await startEngineWorker({
          contacts: [
            ...parseContact(contact),
            { protocol: "tls", address: HOST, port: tlsPort, tls: certificate },
          ],
          agent: { address: HOST, port: 0, secret: SECRET },
          tlsClient: { ca: certificate.cert },
        });
        return `drachtio://${SECRET}@${HOST}:${engine.agentPort}`;
      },
    });
    if (engine === undefined) throw new Error("The engine did not start");
    return new SippLines(x, engine, tlsPort, certificate);
  }

  /** A caller's line and a carrier's, joined by a number that is forwarded. */
  async line(transport: LineTransport): Promise<Line> {
    const { routing } = this.x.app;
    const number = ++this.#made;
    const at = { caller: `127.0.1.${number}`, callee: `127.0.2.${number}`, inside: `127.0.3.${number}` };
    const port = await freePort(at.callee);
    const line = (name: string, host: string, own: number) =>
      routing.trunks.save(SYSTEM_ACTOR, undefined, {
        name: `${name} ${number}`,
        enabled: true,
        kind: "ip",
        host,
        port: own,
        transport,
        username: "",
        authUsername: "",
        fromDomain: "",
        outboundProxy: "",
        allowedAddresses: [],
        maxCalls: 100,
        registerExpiresS: 3600,
        optionsPingS: 0,
        codecs: ["PCMU", "PCMA"],
        identityHeader: "pai",
      });
    const [from, to] = [await line("Caller", at.caller, 5060), await line("Callee", at.callee, port)];
    const did = `021666600${number}`;
    await routing.outboundRules.save(SYSTEM_ACTOR, undefined, {
      name: `Forward ${number}`,
      position: 10 + number,
      prefix: `77${number}`,
      minLength: 0,
      maxLength: 0,
      removePrefix: "",
      addPrefix: "",
      replaceNumber: "",
      trunkId: to.id,
      enabled: true,
    });
    await routing.dids.save(SYSTEM_ACTOR, undefined, {
      number: did,
      name: "",
      groupLabel: "",
      trunkId: from.id,
      destination: { type: "external", number: `77${number}12345` },
      callerNumberPrefix: "",
      callerNamePrefix: "",
      enabled: true,
      note: "",
    });
    const overTls = transport === "tls";
    const server = overTls ? { address: HOST, port: this.#tlsPort } : this.x.server;
    let remote = `${server.address}:${server.port}`;
    if (overTls) {
      const listen = { address: at.caller, port: 0 };
      const ca = this.#certificate.cert;
      const relay = await tlsOut({ listen, server, localAddress: at.caller, ca });
      const listenIn = { address: at.callee, port };
      const inside = { address: at.inside, port };
      this.#relays.push(
        relay,
        await tlsIn({ listen: listenIn, server: inside, certificate: this.#certificate }),
      );
      remote = `${at.caller}:${relay.port}`;
    }
    const plain = transport === "udp" ? "udp" : "tcp";
    const keep = (run: SippRun) => {
      this.#runs.push(run);
      return run;
    };
    return {
      did,
      caller: async (scenario, options) =>
        keep(
          startSipp({
            scenario,
            remote,
            local: { address: at.caller, port: await freePort(at.caller) },
            transport: plain,
            service: did,
            timeoutS: 30,
            ...options,
          }),
        ).result,
      callee: (scenario, calls) => {
        const local = { address: overTls ? at.inside : at.callee, port };
        return keep(startSipp({ scenario, local, transport: plain, calls, timeoutS: 40 })).result;
      },
    };
  }

  /** Waits until the exchange and its engine hold nothing of any call; over UDP that takes 32 s (timers J and L). */
  async empty(): Promise<void> {
    let left: Record<string, number> = {};
    const probe = async () => {
      const [office, engine] = await Promise.all([this.x.app.sip.stats(), this.#engine.stats()]);
      left = {
        legs: office.legs,
        dialogs: office.dialogs + engine.dialogs,
        channels: office.media.channels,
        media: office.media.rtpengine.calls,
        served: engine.serverTransactions,
        asked: engine.clientTransactions,
      };
      return Object.values(left).every((count) => count === 0);
    };
    await waitFor(probe, "nothing to be left of the calls", 40_000).catch((error) => {
      throw new Error(`${error}: ${JSON.stringify(left)}`);
    });
  }

  async close(): Promise<void> {
    for (const run of this.#runs) run.stop();
    for (const relay of this.#relays) relay.close();
    await this.x.stop();
    await this.#engine.stop();
  }
}
