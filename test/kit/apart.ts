/** An exchange on an engine of its own Worker that also listens by TLS, with a test's certificate, and tells its figures. */
import { type EngineWorkerHandle, parseContact, startEngineWorker } from "../../sip/engine/index.ts";
import { type Exchange, startExchange } from "./exchange.ts";
import { type TestCertificate, testCertificate } from "./tls.ts";
import { freePort, waitFor } from "./wait.ts";

const SECRET = "cymru";

export interface Apart {
  readonly x: Exchange;
  readonly engine: EngineWorkerHandle;
  readonly tlsPort: number;
  readonly certificate: TestCertificate;
  /** Waits until exchange and engine hold nothing of any call; over UDP that takes 32 s (timers J and L). */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/** `certificate` is also the authority for the servers that the engine itself connects to by TLS. */
export async function startApart(
  options: Omit<Parameters<typeof startExchange>[0] & object, "engineFor"> & {
    readonly certificate?: TestCertificate;
  } = {},
): Promise<Apart> {
  const address = options.address ?? "127.0.0.1";
  const certificate = options.certificate ?? testCertificate([address]);
  const tlsPort = await freePort(address);
  let engine: EngineWorkerHandle | undefined;
  const x = await startExchange({
    ...options,
    engineFor: async (contact) => {
      engine = await startEngineWorker({
        contacts: [...parseContact(contact), { protocol: "tls", address, port: tlsPort, tls: certificate }],
        agent: { address: "127.0.0.1", port: 0, secret: SECRET },
        tlsClient: { ca: certificate.cert },
      });
      return `drachtio://${SECRET}@127.0.0.1:${engine.agentPort}`;
    },
  });
  if (engine === undefined) throw new Error("The engine did not start");
  const running = engine;
  return {
    x,
    engine: running,
    tlsPort,
    certificate,
    async empty() {
      let left: Record<string, number> = {};
      const probe = async () => {
        const [office, own] = await Promise.all([x.app.sip.stats(), running.stats()]);
        left = {
          legs: office.legs,
          dialogs: office.dialogs + own.dialogs,
          channels: office.media.channels,
          media: office.media.rtpengine.calls,
          served: own.serverTransactions,
          asked: own.clientTransactions,
        };
        return Object.values(left).every((count) => count === 0);
      };
      await waitFor(probe, "nothing to be left of the calls", 40_000).catch((error) => {
        throw new Error(`${error}: ${JSON.stringify(left)}`);
      });
    },
    async stop() {
      await x.stop();
      await running.stop();
    },
  };
}
