/**
 * Softphones of browsers on the port of the pages: SIP over WebSocket (RFC 7118) at /sip. The web server accepts the
 * socket; the frames go to the SIP engine, which sees the browser's own address. Who may call is decided there, by the
 * extension's secret; here only pages of this office are let in (Origin), as a browser sends our visitors' connections
 * from anywhere.
 */
import type { App } from "../../appliance/app.ts";
import type { WebFlow } from "../../sip/engine/index.ts";
import { harden } from "./security.ts";

export const SIP_PATH = "/sip";

/** What a socket carries. */
export interface SipSocket {
  readonly address: string;
  readonly port: number;
  readonly server: { readonly address: string; readonly port: number };
  readonly secure: boolean;
  /** Frames of the second that began at `since` (performance.now()). */
  frames: number;
  since: number;
  flow?: WebFlow | undefined;
}

/** Longest SIP message of a browser, bytes. */
const MAX_MESSAGE = 256 * 1024;
/** What may wait for a browser that does not read, bytes; then its socket is closed. */
const MAX_WAITING = 1024 * 1024;
/** A browser that answers no ping for this long is gone, s. */
const IDLE_S = 60;

/** Frames a second of one browser; a phone sends a few. What comes faster holds up everybody's calls in this thread. */
const MOST_FRAMES = 500;
/** RFC 6455 §7.4.1: policy violation. */
const TOO_MANY = 1008;

/** Counts a frame; false when there are too many of them. `now`: performance.now(). */
function hasRoom(data: SipSocket, now: number): boolean {
  if (now - data.since >= 1000) {
    data.since = now;
    data.frames = 0;
  }
  data.frames++;
  return data.frames <= MOST_FRAMES;
}

/** Whether a page of `origin` may open the socket: one of ours, or one that the configuration names. */
export function originAllowed(
  origin: string | null,
  host: string | null,
  allowed: readonly string[],
): boolean {
  // Programs that are no browsers (desk phones, soft phones) send none; they cannot be tricked by a page.
  if (origin === null) return true;
  if (allowed.includes(origin)) return true;
  try {
    return host !== null && new URL(origin).host === host;
  } catch {
    return false;
  }
}

/** The upgrade and the socket handler for Bun.serve. */
export function sipSockets(app: App): {
  upgrade(request: Request, server: Bun.Server<SipSocket>): Response | undefined;
  readonly handler: Bun.WebSocketHandler<SipSocket>;
} {
  const refuse = (status: number, text: string) => harden(new Response(`${text}\n`, { status }));
  return {
    upgrade(request, server) {
      const { headers } = request;
      const source = server.requestIP(request);
      if (!source || !app.sip.engine) return refuse(503, "no SIP engine");
      if (!originAllowed(headers.get("origin"), headers.get("host"), app.config.web.origins ?? []))
        return refuse(403, "this page may not open a phone here");
      const offered = (headers.get("sec-websocket-protocol") ?? "").split(",");
      if (!offered.some((name) => name.trim() === "sip")) return refuse(400, "sub-protocol sip expected");
      const data: SipSocket = {
        address: source.address,
        port: source.port,
        server: { address: server.hostname ?? "0.0.0.0", port: server.port ?? 0 },
        secure: new URL(request.url).protocol === "https:",
        frames: 0,
        since: performance.now(),
      };
      if (server.upgrade(request, { headers: { "Sec-WebSocket-Protocol": "sip" }, data })) return undefined;
      return refuse(426, "WebSocket expected");
    },
    handler: {
      maxPayloadLength: MAX_MESSAGE,
      backpressureLimit: MAX_WAITING,
      closeOnBackpressureLimit: true,
      idleTimeout: IDLE_S,
      sendPings: true,
      open(socket) {
        const { address, port, server, secure } = socket.data;
        const peer = { address, port, server, secure };
        socket.data.flow = app.sip.engine?.openWeb(peer, {
          // Only 0 means that the frame was dropped; -1 is queued.
          send: (text) => socket.sendText(text) !== 0,
          close: (code) => socket.close(code),
        });
        if (!app.sip.engine) socket.close(1013);
      },
      message(socket, data) {
        if (hasRoom(socket.data, performance.now())) socket.data.flow?.message(data);
        else socket.close(TOO_MANY);
      },
      ping(socket) {
        if (!hasRoom(socket.data, performance.now())) socket.close(TOO_MANY);
      },
      close: (socket) => socket.data.flow?.closed(),
    },
  };
}
