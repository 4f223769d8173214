/** The listeners of the pages: plain HTTP, and HTTPS with the exchange's certificates where a port is set for it. */
import type { App } from "../../appliance/app.ts";
import type { TlsIdentity } from "../../appliance/certificates/index.ts";
import { Crowd } from "./crowd.ts";
import { SIP_PATH, type SipSocket, sipSockets } from "./sip-socket.ts";

export interface WebServer {
  readonly port: number;
  /** The same pages by HTTPS; 0 = not. */
  readonly httpsPort: number;
  stop(): Promise<void>;
}

type Fetch = (request: Request, address: string) => Promise<Response>;

/** Live pages get a heartbeat each 5 s; what says nothing for this long is gone, or never meant to speak. */
const IDLE_S = 240;

/** Bun's form: the common certificate first, then one for each name. */
function tlsOptions({ cert, key, hosts }: TlsIdentity): Bun.TLSOptions[] {
  return [{ cert, key }, ...hosts.map(({ name, ...pair }) => ({ serverName: name, ...pair }))];
}

/**
 * Serves `fetch`, and SIP over WebSocket at /sip. New certificates are taken by listening anew; streams that are open
 * go on. @throws EADDRINUSE as Bun reports it
 */
export async function listenWeb(app: App, fetch: Fetch, hostname: string, port: number): Promise<WebServer> {
  const sockets = sipSockets(app);
  const crowd = new Crowd(IDLE_S * 1000);
  const serve = (at: number, tls?: TlsIdentity) =>
    Bun.serve<SipSocket>({
      hostname,
      port: at,
      ...(tls ? { tls: tlsOptions(tls) } : {}),
      idleTimeout: IDLE_S,
      maxRequestBodySize: 64 * 1024 * 1024,
      async fetch(request, self) {
        if (new URL(request.url).pathname === SIP_PATH) return sockets.upgrade(request, self);
        const source = self.requestIP(request);
        const answer = await fetch(request, source?.address ?? "");
        const kept = !source || crowd.keeps(source.address, source.port, performance.now());
        if (!kept) answer.headers.set("Connection", "close");
        return answer;
      },
      websocket: sockets.handler,
      error: () => new Response("Internal error", { status: 500 }),
    });
  const plain = serve(port);
  const wanted = app.config.web.httpsPort ?? 0;
  if (wanted === 0) return { port: plain.port ?? port, httpsPort: 0, stop: () => plain.stop(true) };

  const former: Bun.Server<SipSocket>[] = [];
  let secure: Bun.Server<SipSocket>;
  try {
    secure = serve(wanted, app.certificates.identity());
  } catch (error) {
    await plain.stop(true);
    throw error;
  }
  const httpsPort = secure.port ?? wanted;
  const forget = app.certificates.onChange((identity) => {
    // Without `true` open connections stay until they end.
    void secure.stop();
    former.push(secure);
    secure = serve(httpsPort, identity);
  });
  return {
    port: plain.port ?? port,
    httpsPort,
    async stop() {
      forget();
      await Promise.all([plain, secure, ...former].map((server) => server.stop(true)));
    },
  };
}
