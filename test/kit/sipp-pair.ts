/** A calling sipp and a called one before the same server, over one transport; TLS by way of relays. */
import { type SippOptions, type SippResult, type SippRun, startSipp } from "./sipp.ts";
import { type TestCertificate, type TlsRelay, testCertificate, tlsIn, tlsOut } from "./tls.ts";
import { freePort } from "./wait.ts";

export const TRANSPORTS = ["udp", "tcp", "tls"] as const;
export type SippTransport = (typeof TRANSPORTS)[number];

/** Where a server listens: UDP and TCP at `port`, TLS at `tlsPort`. */
export interface SippServer {
  readonly address: string;
  readonly port: number;
  readonly tlsPort: number;
}

const PAIRS = 9;

/** Good for the server on loopback and for the callees of all pairs. */
export function pairCertificate(): TestCertificate {
  const callees = Array.from({ length: PAIRS }, (_, index) => calleeAddress(index + 1));
  return testCertificate(["127.0.0.1", ...callees]);
}

const callerAddress = (number: number) => `127.0.1.${number}`;
const calleeAddress = (number: number) => `127.0.2.${number}`;
/** As long as the callee's address: the relay puts one in the other's place. */
const hiddenAddress = (number: number) => `127.0.3.${number}`;

export class SippPair {
  /** The addresses a server sees. */
  readonly callerHost: string;
  readonly callee: { readonly host: string; readonly port: number };
  readonly #runs: SippRun[] = [];

  private constructor(
    readonly transport: SippTransport,
    readonly number: number,
    calleePort: number,
    private readonly remote: { readonly address: string; readonly port: number },
    private readonly relays: readonly TlsRelay[],
  ) {
    this.callerHost = callerAddress(number);
    this.callee = { host: calleeAddress(number), port: calleePort };
  }

  /** `number`: 1 to 9, another one for each pair of a test. */
  static async open(
    transport: SippTransport,
    number: number,
    server: SippServer,
    certificate: TestCertificate,
  ): Promise<SippPair> {
    const [caller, callee] = [callerAddress(number), calleeAddress(number)];
    const port = await freePort(callee);
    if (transport !== "tls") return new SippPair(transport, number, port, server, []);
    const relay = await tlsOut({
      listen: { address: caller, port: 0 },
      server: { address: server.address, port: server.tlsPort },
      localAddress: caller,
      ca: certificate.cert,
    });
    const before = await tlsIn({
      listen: { address: callee, port },
      server: { address: hiddenAddress(number), port },
      certificate,
    });
    const remote = { address: caller, port: relay.port };
    return new SippPair(transport, number, port, remote, [relay, before]);
  }

  async call(scenario: string, options: Partial<SippOptions>): Promise<SippResult> {
    const address = this.callerHost;
    const remote = `${this.remote.address}:${this.remote.port}`;
    return this.#run({ scenario, remote, local: { address, port: await freePort(address) }, ...options });
  }

  answer(scenario: string, calls: number): Promise<SippResult> {
    const address = this.transport === "tls" ? hiddenAddress(this.number) : this.callee.host;
    return this.#run({ scenario, local: { address, port: this.callee.port }, calls });
  }

  close(): void {
    for (const run of this.#runs) run.stop();
    for (const relay of this.relays) relay.close();
  }

  #run(options: SippOptions): Promise<SippResult> {
    const run = startSipp({ transport: this.transport === "udp" ? "udp" : "tcp", timeoutS: 40, ...options });
    this.#runs.push(run);
    return run.result;
  }
}

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
    const again = runs.reduce((sum, run) => sum + run.counts.again, 0);
    if (!stood) return again;
    if (again > 0)
      console.log(`The machine stood still for ${Math.round(this.#longest)} ms: ${again} repeats not judged`);
    return 0;
  }
}
