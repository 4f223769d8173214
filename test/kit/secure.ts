/** An exchange that listens by TLS too, with the certificate and the authority it made itself. */
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { type Exchange, startExchange } from "./exchange.ts";
import { freePort, waitFor } from "./wait.ts";

export interface SecureExchange {
  readonly x: Exchange;
  readonly tlsPort: number;
  /** What phones must trust (PEM). */
  readonly ca: string;
  /** Waits until no call is left anywhere; finished transactions may linger. */
  quiet(): Promise<void>;
}

export async function startSecure(
  options: Omit<Parameters<typeof startExchange>[0] & object, "engineFor" | "tlsPort"> = {},
): Promise<SecureExchange> {
  const tlsPort = await freePort(options.address);
  const x = await startExchange({ ...options, tlsPort });
  const gone = async () => {
    const [office, engine] = await Promise.all([x.app.sip.stats(), x.app.sip.engine?.stats()]);
    const { legs, dialogs, media } = office;
    return legs + dialogs + media.channels + media.rtpengine.calls + (engine?.dialogs ?? 0) === 0;
  };
  return {
    x,
    tlsPort,
    ca: x.app.certificates.authority(SYSTEM_ACTOR),
    quiet: () => waitFor(gone, "all calls to be gone", 8000).then(() => {}),
  };
}
