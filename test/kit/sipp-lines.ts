/**
 * Lines for sipp's own scenarios: a caller by address whose number is forwarded to a carrier by address, a pair for
 * each transport. The engine runs apart, so that it can be told of TLS and asked for its figures.
 */
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { type EngineWorkerHandle, parseContact, startEngineWorker } from "../../sip/engine/index.ts";
import { type Exchange, startExchange } from "./exchange.ts";
import { pairCertificate, SippPair, type SippTransport } from "./sipp-pair.ts";
import type { TestCertificate } from "./tls.ts";
import { freePort, waitFor } from "./wait.ts";

const HOST = "127.0.0.1";
const SECRET = "cymru";

/** A caller and a callee; the caller dials `did`. */
export interface Line extends Pick<SippPair, "call" | "answer"> {
  readonly did: string;
}

export class SippLines {
  readonly x: Exchange;
  readonly #engine: EngineWorkerHandle;
  readonly #tlsPort: number;
  readonly #certificate: TestCertificate;
  readonly #pairs: SippPair[] = [];

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
    const certificate = pairCertificate();
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
  async line(transport: SippTransport): Promise<Line> {
    const { routing } = this.x.app;
    const number = this.#pairs.length + 1;
    const server = { ...this.x.server, tlsPort: this.#tlsPort };
    const pair = await SippPair.open(transport, number, server, this.#certificate);
    this.#pairs.push(pair);
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
    const from = await line("Caller", pair.callerHost, 5060);
    const to = await line("Callee", pair.callee.host, pair.callee.port);
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
    return {
      did,
      call: (scenario, options) => pair.call(scenario, { service: did, ...options }),
      answer: (scenario, calls) => pair.answer(scenario, calls),
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
    for (const pair of this.#pairs) pair.close();
    await this.x.stop();
    await this.#engine.stop();
  }
}
