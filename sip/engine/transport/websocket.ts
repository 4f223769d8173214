/** SIP over WebSocket, server side (RFC 7118): one message a frame, sub-protocol "sip". */
import { LIMITS } from "../message/index.ts";
import { TransportError } from "./errors.ts";
import type { Hub } from "./layer.ts";
import { plainAddress } from "./local.ts";
import type { ListenPoint, TlsIdentity } from "./model.ts";
import { openWebFlow, type WebFlow } from "./web.ts";

/** Longest WebSocket message taken, bytes. */
const MAX_WEB_MESSAGE = LIMITS.headBytes + LIMITS.bodyBytes;

interface State {
  readonly address: string;
  readonly port: number;
  flow?: WebFlow;
}

/** Whether a client offers the sub-protocol "sip" (RFC 7118 §4.1). */
function offersSip(request: Request): boolean {
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  return offered.split(",").some((name) => name.trim() === "sip");
}

export function listenWebSocket(point: ListenPoint, hub: Hub): { port: number; stop: () => void } {
  const protocol = point.protocol === "wss" ? "wss" : "ws";
  if (protocol === "wss" && !point.tls)
    throw new TransportError("bind-failed", "WSS needs a certificate and key");
  const server = Bun.serve<State>({
    hostname: point.address,
    port: point.port,
    ...(point.tls && protocol === "wss" ? { tls: serverTls(point.tls) } : {}),
    fetch(request, http) {
      const source = http.requestIP(request);
      const address = plainAddress(source?.address ?? "");
      if (!source || !hub.admit(address, protocol)) return new Response(null, { status: 403 });
      if (!offersSip(request)) return new Response("sub-protocol sip expected", { status: 400 });
      const headers = { "Sec-WebSocket-Protocol": "sip" };
      if (http.upgrade(request, { headers, data: { address, port: source.port } })) return undefined;
      return new Response("WebSocket expected", { status: 426 });
    },
    websocket: {
      maxPayloadLength: MAX_WEB_MESSAGE,
      backpressureLimit: hub.settings.maxPendingBytes,
      closeOnBackpressureLimit: true,
      // Liveness is kept by WebSocket pings of the server; our own sweep bounds the idle time.
      idleTimeout: Math.min(960, Math.max(8, Math.round(hub.settings.idleMs / 1000))),
      sendPings: true,
      open(socket) {
        const own = { address: point.address, port: server.port ?? 0 };
        const peer = { ...socket.data, secure: protocol === "wss", server: own };
        const flow = openWebFlow(hub, peer, {
          // Queued bytes (-1) are kept by the server itself; only 0 means that the frame was dropped.
          send: (text) => socket.sendText(text) !== 0,
          close: (code) => socket.close(code),
        });
        if (flow) socket.data.flow = flow;
      },
      message: (socket, data) => socket.data.flow?.message(data),
      close: (socket) => socket.data.flow?.closed(),
    },
  });
  return { port: server.port ?? 0, stop: () => void server.stop(false) };
}

/** Certificates as Bun.serve wants them: the common one first, then one a name. */
function serverTls({ cert, key, hosts = [] }: TlsIdentity): Bun.TLSOptions[] {
  return [{ cert, key }, ...hosts.map(({ name, cert, key }) => ({ serverName: name, cert, key }))];
}
