/**
 * The SIP message as the engine sees it (RFC 3261 §7). Header names are canonical ("Call-ID", "Via"); compact
 * names are expanded and folding is undone by the parser. Header order is kept as received.
 */
export interface SipHeader {
  /** Canonical name, e.g. "Content-Type". */
  readonly name: string;
  /** Value without the name, folding undone, trimmed. One entry a header line (comma lists are not split). */
  value: string;
}

export interface SipRequest {
  readonly kind: "request";
  method: string;
  uri: string;
  headers: SipHeader[];
  body: Uint8Array;
}

export interface SipResponse {
  readonly kind: "response";
  status: number;
  reason: string;
  headers: SipHeader[];
  body: Uint8Array;
}

export type SipMessage = SipRequest | SipResponse;

export type TransportProtocol = "udp" | "tcp" | "tls" | "ws" | "wss";

/** Where a message came from or goes to. `flow` names the connection (or bound UDP socket) it used. */
export interface SipPeer {
  readonly protocol: TransportProtocol;
  readonly address: string;
  readonly port: number;
  /** Opaque id of the connection or listening socket; sending back on it uses the same flow (RFC 5626). */
  readonly flow: string;
}

/** A received message with its source and the local socket it reached. */
export interface InboundMessage {
  readonly message: SipMessage;
  readonly peer: SipPeer;
  readonly localAddress: string;
  readonly localPort: number;
  /** Monotonic receive time, ms (performance.now()). */
  readonly at: number;
  /** Bytes on the wire, for trace and meta lines. */
  readonly bytes: number;
}
