/** WebSocket connections a web server has accepted (RFC 7118): its own listener's, or those of another thread's. */
import type { SipPeer } from "../message/model.ts";
import { Connection } from "./connection.ts";
import type { Hub } from "./layer.ts";
import { family, isWildcard, plainAddress } from "./local.ts";

/** The other end of an accepted WebSocket and the place it was accepted at. Plain data: it crosses threads. */
export interface WebPeer {
  readonly address: string;
  readonly port: number;
  /** Came by TLS (wss). */
  readonly secure: boolean;
  /** Address and port the web server listens on. */
  readonly server: { readonly address: string; readonly port: number };
}

/** What the engine does with the socket. */
export interface WebSink {
  /** One SIP message or keep-alive; false when the frame was dropped. */
  send(text: string): boolean;
  /** Closes with a WebSocket code (RFC 6455 §7.4). */
  close(code: number): void;
}

/** What the web server tells the engine. */
export interface WebFlow {
  message(data: string | Uint8Array): void;
  closed(): void;
}

/** Ordinary end; try again later. */
const CLOSE = { normal: 1000, later: 1013 } as const;

/**
 * Takes an accepted WebSocket as a connection of the engine.
 * @returns undefined when the peer is banned or a bound is reached; the socket has been closed then.
 */
export function openWebFlow(hub: Hub, peer: WebPeer, sink: WebSink): WebFlow | undefined {
  const protocol = peer.secure ? "wss" : "ws";
  const address = plainAddress(peer.address);
  const from: SipPeer = { protocol, address, port: peer.port, flow: hub.nextFlow(protocol) };
  const connection = new Connection(
    from,
    { address: peer.server.address, port: peer.server.port },
    {
      write: (bytes) => {
        if (sink.send(Buffer.from(bytes).toString("utf8"))) return bytes.length;
        // A frame that was dropped breaks what the peer is told: it does not read fast enough to stay.
        sink.close(CLOSE.later);
        return -1;
      },
      end: () => sink.close(CLOSE.normal),
      terminate: () => sink.close(CLOSE.normal),
    },
    hub.bounds,
  );
  if (!hub.admit(address, protocol) || !hub.add(connection)) {
    sink.close(CLOSE.later);
    return undefined;
  }
  const anywhere = family(address) === 6 ? "::" : "0.0.0.0";
  const own = isWildcard(peer.server.address) ? anywhere : plainAddress(peer.server.address);
  hub.reachable({ protocol, address: own, port: peer.server.port });
  return {
    message: (data) => hub.message(connection, typeof data === "string" ? Buffer.from(data, "utf8") : data),
    closed: () => hub.remove(connection),
  };
}
