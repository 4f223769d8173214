/** What the transaction layer needs of the transport layer (RFC 3261 §18). */
import type { InboundMessage, SipMessage, SipPeer, SipRequest, TransportProtocol } from "../message/model.ts";

/** One `--contact` of the engine: "sip:IP:PORT;transport=udp,tcp" gives one listener a protocol. */
export interface ListenPoint {
  readonly protocol: TransportProtocol;
  readonly address: string;
  /** 0 asks the system for a free port; the bound one is reported by `TransportLayer.listening`. */
  readonly port: number;
  /** Address put into Via and Contact instead of the bound one (NAT), if any. */
  readonly externalAddress?: string;
  readonly tls?: TlsIdentity;
}

/** Certificates of a TLS listener, PEM: one for everybody, others for the names clients ask for (SNI). */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  /** By host name; "*.example.com" covers one label. */
  readonly hosts?: readonly { readonly name: string; readonly cert: string; readonly key: string }[];
}

/** Where to send: a resolved target, or an existing flow. */
export type SendTarget =
  | {
      readonly by: "address";
      readonly protocol: TransportProtocol;
      readonly address: string;
      readonly port: number;
      /** Name the certificate of a TLS server must bear; the address itself without it. */
      readonly serverName?: string;
    }
  | { readonly by: "flow"; readonly flow: string };

export interface TransportLayer {
  /** Bound sockets, with real ports. */
  readonly listening: readonly (ListenPoint & { readonly flow: string })[];
  onMessage(listener: (inbound: InboundMessage) => void): void;
  /** A connection closed or a UDP send was refused (ICMP): transactions on that peer end with 503. */
  onFailure(listener: (peer: SipPeer, error: Error) => void): void;
  /**
   * Serialises (unless `ready` holds the bytes) and sends. Opens or reuses a connection for stream transports (and switches a request over
   * `udpLimit` bytes to TCP when a TCP listener exists, RFC 3261 §18.1.1).
   * Resolves with the flow used; rejects with TransportError when it cannot be sent.
   */
  send(message: SipMessage, target: SendTarget, ready?: Buffer): Promise<SipPeer>;
  /** Whether a request given to `send` waits for its connection or is on its way over one: it need not be repeated. */
  holds?(request: SipRequest): boolean;
  /** Local listen point whose address belongs into Via/Contact for this protocol and destination. */
  localFor(protocol: TransportProtocol, destination: string): ListenPoint | undefined;
  /** The other end of an open connection; undefined when it is gone. */
  flowPeer(flow: string): SipPeer | undefined;
  close(): Promise<void>;
}
