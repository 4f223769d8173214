/** Lines for sipp's own scenarios: a caller by address whose number is forwarded to a carrier by address. */
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { type Apart, startApart } from "./apart.ts";
import { pairCertificate, SippPair, type SippTransport } from "./sipp-pair.ts";

/** A caller and a callee; the caller dials `did`. */
export interface Line extends Pick<SippPair, "call" | "answer"> {
  readonly did: string;
}

export class SippLines {
  readonly #pairs: SippPair[] = [];

  private constructor(readonly exchange: Apart) {}

  static async open(): Promise<SippLines> {
    return new SippLines(await startApart({ voicePorts: 5, certificate: pairCertificate() }));
  }

  /** A caller's line and a carrier's, joined by a number that is forwarded. */
  async line(transport: SippTransport): Promise<Line> {
    const { x, tlsPort, certificate } = this.exchange;
    const { routing } = x.app;
    const number = this.#pairs.length + 1;
    const server = { ...x.server, tlsPort };
    const pair = await SippPair.open(transport, number, server, certificate);
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

  async close(): Promise<void> {
    for (const pair of this.#pairs) pair.close();
    await this.exchange.stop();
  }
}
