/** SIP over WebSocket, server side (RFC 7118): one message a frame, sub-protocol "sip". */
import { LIMITS } from "../message/index.ts";
import type { SipPeer } from "../message/model.ts";
import { Connection } from "./connection.ts";
import { TransportError } from "./errors.ts";
import type { Hub } from "./layer.ts";
import { plainAddress } from "./local.ts";
import type { ListenPoint } from "./model.ts";

interface State {
  address: string;
  port: number;
  connection?: Connection;
}

export function listenWebSocket(point: ListenPoint, hub: Hub): { port: number; stop: () => void } {
  const protocol = point.protocol === "wss" ? "wss" : "ws";
  if (protocol === "wss" && !point.tls)
    throw new TransportError("bind-failed", "WSS needs a certificate and key");
  const server = Bun.serve<State>({
    hostname: point.address,
    port: point.port,
    ...(point.tls && protocol === "wss" ? { tls: { cert: point.tls.cert, key: point.tls.key } } : {}),
    fetch(request, http) {
      const source = http.requestIP(request);
      const address = plainAddress(source?.address ?? "");
      if (!source || !hub.admit(address, protocol)) return new Response(null, { status: 403 });
      const offered = (request.headers.get("sec-websocket-protocol") ?? "")
        .split(",")
        .map((name) => name.trim());
      if (!offered.includes("sip")) return new Response("sub-protocol sip expected", { status: 400 });
      const headers = { "Sec-WebSocket-Protocol": "sip" };
      if (http.upgrade(request, { headers, data: { address, port: source.port } })) return undefined;
      return new Response("WebSocket expected", { status: 426 });
    },
    websocket: {
      maxPayloadLength: LIMITS.headBytes + LIMITS.bodyBytes,
      backpressureLimit: hub.settings.maxPendingBytes,
      closeOnBackpressureLimit: true,
      // Liveness is kept by WebSocket pings of the server; our own sweep bounds the idle time.
      idleTimeout: Math.min(960, Math.max(8, Math.round(hub.settings.idleMs / 1000))),
      sendPings: true,
      open(socket) {
        const { address, port } = socket.data;
        const peer: SipPeer = { protocol, address, port, flow: hub.nextFlow(protocol) };
        const sink = {
          // Queued bytes (-1) are kept by the server itself; only 0 means that the frame was dropped.
          write: (bytes: Uint8Array) =>
            socket.sendText(Buffer.from(bytes).toString("utf8")) === 0 ? -1 : bytes.length,
          end: () => socket.close(1000),
        };
        const local = { address: point.address, port: server.port ?? 0 };
        const connection = new Connection(peer, local, sink, hub.settings.maxPendingBytes);
        if (hub.add(connection)) socket.data.connection = connection;
        else socket.close(1013);
      },
      message(socket, data) {
        const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
        if (socket.data.connection) hub.message(socket.data.connection, bytes);
      },
      close(socket) {
        if (socket.data.connection) hub.remove(socket.data.connection);
      },
    },
  });
  return { port: server.port ?? 0, stop: () => void server.stop(true) };
}
