/** The transport layer (RFC 3261 §18): UDP, TCP, TLS, WS and WSS behind one interface. */
import {
  type InboundMessage,
  parseMessage,
  type SipMessage,
  type SipPeer,
  type SipRequest,
  serializeMessage,
  statelessResponse,
  type TransportProtocol,
  validateMessage,
} from "../message/index.ts";
import type { Connection, WaitingBytes } from "./connection.ts";
import { TransportError } from "./errors.ts";
import type { Frame } from "./framer.ts";
import { family, plainAddress } from "./local.ts";
import { LongRequests } from "./long.ts";
import type { ListenPoint, SendTarget, TlsIdentity, TransportLayer } from "./model.ts";
import { DEFAULTS, type Settings, type TransportOptions } from "./options.ts";
import { type Listening, Points } from "./points.ts";
import { markReceived } from "./received.ts";
import { connectStream, listenStream } from "./stream.ts";
import { ConnectionTable, keyOf } from "./table.ts";
import { bindUdp, type UdpPort } from "./udp.ts";
import { openWebFlow, type WebFlow, type WebPeer, type WebSink } from "./web.ts";
import { listenWebSocket } from "./websocket.ts";

type Address = Extract<SendTarget, { by: "address" }>;

const PONG = Buffer.from("\r\n");

/** What the sockets hand to the layer. */
export interface Hub {
  readonly settings: Settings;
  /** What connections may keep for slow readers. */
  readonly bounds: { readonly maxPendingBytes: number; readonly waiting: WaitingBytes };
  nextFlow(prefix: string): string;
  admit(address: string, protocol: TransportProtocol): boolean;
  /** False: over the bounds, the socket must be closed. */
  add(connection: Connection): boolean;
  remove(connection: Connection, error?: Error): void;
  chunk(connection: Connection, bytes: Uint8Array): void;
  message(connection: Connection, bytes: Uint8Array): void;
  datagram(port: UdpPort, bytes: Uint8Array, address: string, remotePort: number): void;
  /** Where peers of a web server outside this layer reach us: what Via and Contact say to them. */
  reachable(point: ListenPoint): void;
}

/** The layer with the door for WebSockets that another web server accepts. */
export interface Transport extends TransportLayer {
  /** Open connections of all kinds. */
  readonly connections: number;
  /** Undefined when the peer is not admitted; the socket has been closed then. */
  openWeb(peer: WebPeer, sink: WebSink): WebFlow | undefined;
  /** Something came of that connection (a registration, a call): it is kept. */
  prove(flow: string): void;
  /** Further TLS and WSS connections are made with these certificates. Rejects when a port cannot be had again. */
  renew(tls: TlsIdentity): Promise<void>;
}

class Layer implements Transport, Hub {
  readonly settings: Settings;
  readonly bounds: { readonly maxPendingBytes: number; readonly waiting: WaitingBytes };
  readonly #points = new Points();
  readonly listening: readonly Listening[] = this.#points.all;
  readonly #udp = new Map<string, UdpPort>();
  readonly #closers: (() => void)[] = [];
  /** Stops accepting, by flow of the listener. */
  readonly #servers = new Map<string, () => void>();
  readonly #open: ConnectionTable;
  readonly #dialing = new Map<string, Promise<Connection>>();
  readonly #long: LongRequests;
  readonly #messageListeners: ((inbound: InboundMessage) => void)[] = [];
  readonly #failureListeners: ((peer: SipPeer, error: Error) => void)[] = [];
  readonly #sweeper: ReturnType<typeof setInterval>;
  #flows = 0;
  #closed = false;

  constructor(options: TransportOptions) {
    this.settings = { ...DEFAULTS, ...options };
    this.#open = new ConnectionTable(this.settings);
    this.bounds = this.#open.bounds;
    this.#long = new LongRequests({
      settings: this.settings,
      localFor: (protocol, destination) => this.localFor(protocol, destination),
      connection: (target) => this.#connection(target),
      datagram: (request, target) => this.#datagram(serializeMessage(request), target),
    });
    const period = Math.max(20, Math.min(1000, this.settings.messageTimeoutMs / 4));
    this.#sweeper = setInterval(() => {
      this.#open.sweep(performance.now(), ({ peer }) => this.settings.onReject?.(peer, "Unfinished Message"));
    }, period);
    this.#sweeper.unref();
  }

  async listen(point: ListenPoint): Promise<void> {
    const { protocol } = point;
    const flow = this.nextFlow(protocol);
    try {
      if (protocol === "udp") {
        const port = await bindUdp(point, flow, this);
        this.#udp.set(flow, port);
        this.#closers.push(() => port.close());
        this.#points.add({ ...point, port: port.localPort, flow });
        return;
      }
      const server = await this.#serve(point);
      this.#servers.set(flow, server.stop);
      this.#points.add({ ...point, port: server.port, flow });
    } catch (cause) {
      const where = `${protocol} ${point.address}:${point.port}`;
      throw new TransportError("bind-failed", `cannot listen on ${where}: ${text(cause)}`, cause);
    }
  }

  get connections(): number {
    return this.#open.size;
  }

  openWeb(peer: WebPeer, sink: WebSink): WebFlow | undefined {
    return openWebFlow(this, peer, sink);
  }

  reachable(point: ListenPoint): void {
    const wanted = family(point.address);
    const known = this.listening.some(
      (one) => one.protocol === point.protocol && family(one.address) === wanted,
    );
    if (!known) this.#points.add({ ...point, flow: this.nextFlow(point.protocol) });
  }

  #serve(
    point: ListenPoint,
  ): { port: number; stop: () => void } | Promise<{ port: number; stop: () => void }> {
    const isWeb = point.protocol === "ws" || point.protocol === "wss";
    return isWeb ? listenWebSocket(point, this) : listenStream(point, this);
  }

  async renew(tls: TlsIdentity): Promise<void> {
    for (const [at, point] of this.listening.entries()) {
      const stop = this.#servers.get(point.flow);
      if (!stop || !point.tls) continue;
      // The port is free at once; connections made with the former certificate stay.
      stop();
      const fresh = { ...point, tls };
      try {
        this.#servers.set(point.flow, (await this.#serve(fresh)).stop);
        this.#points.replace(at, fresh);
      } catch (error) {
        // Better an old certificate than no service.
        this.#servers.set(point.flow, (await this.#serve(point)).stop);
        throw error;
      }
    }
  }

  prove(flow: string): void {
    const connection = this.#open.byFlow(flow);
    if (connection) connection.proven = true;
  }

  onMessage(listener: (inbound: InboundMessage) => void): void {
    this.#messageListeners.push(listener);
  }

  onFailure(listener: (peer: SipPeer, error: Error) => void): void {
    this.#failureListeners.push(listener);
  }

  nextFlow(prefix: string): string {
    this.#flows += 1;
    return `${prefix}${this.#flows}`;
  }

  admit(address: string, protocol: TransportProtocol): boolean {
    return !this.#closed && (this.settings.admit?.(address, protocol) ?? true);
  }

  add(connection: Connection): boolean {
    if (this.#closed || !this.#open.hasRoom(connection.peer.address)) return false;
    this.#open.add(connection);
    if (connection.peer.protocol === "tcp") this.#long.opened(connection.peer);
    return true;
  }

  remove(connection: Connection, error?: Error): void {
    if (!this.#open.remove(connection) || this.#closed) return;
    const reason = error ?? new TransportError("flow-gone", "the connection was closed");
    for (const listener of this.#failureListeners) listener(connection.peer, reason);
  }

  chunk(connection: Connection, bytes: Uint8Array): void {
    for (const frame of connection.receive(bytes, performance.now())) this.#frame(connection, frame);
  }

  #frame(connection: Connection, frame: Frame): void {
    if (connection.closed) return;
    if (!this.admit(connection.peer.address, connection.peer.protocol)) return;
    if (frame.kind === "ping") connection.send(PONG);
    else {
      connection.lastMessage = connection.lastUsed;
      const understood = this.#take(frame.bytes, connection.peer, connection, (answer) =>
        connection.send(answer),
      );
      // Behind something that is no SIP message the next boundary cannot be trusted.
      if (!understood || frame.kind === "broken") connection.end();
    }
  }

  message(connection: Connection, bytes: Uint8Array): void {
    connection.lastUsed = performance.now();
    if (!this.admit(connection.peer.address, connection.peer.protocol)) return;
    if (bytes.length <= 4 && bytes.every((byte) => byte === 13 || byte === 10)) {
      if (bytes.length === 4) connection.send(PONG);
      return;
    }
    connection.lastMessage = connection.lastUsed;
    this.#take(bytes, connection.peer, connection, (answer) => connection.send(answer));
  }

  datagram(port: UdpPort, bytes: Uint8Array, source: string, remotePort: number): void {
    const address = plainAddress(source);
    // Shorter than any start line: keep-alives of phones (CRLF, one byte).
    if (bytes.length < 12 || remotePort === 0 || !this.admit(address, "udp")) return;
    const peer = port.peers.of(address, remotePort);
    this.#take(bytes, peer, port, (answer) => port.send(answer, remotePort, source));
  }

  /** Parses, judges and hands up, or answers by itself; false when the bytes were no SIP message. */
  #take(
    bytes: Uint8Array,
    peer: SipPeer,
    local: { localAddress: string; localPort: number },
    answer: (bytes: Uint8Array) => void,
  ): boolean {
    const refuse = (request: SipRequest, status: number, reason: string): void => {
      markReceived(request, peer.address, peer.port);
      answer(serializeMessage(statelessResponse(request, status, reason)));
    };
    const parsed = parseMessage(bytes);
    if (!parsed.ok) {
      if (parsed.partial) refuse(parsed.partial, parsed.status, parsed.reason);
      this.settings.onReject?.(peer, parsed.reason);
      return parsed.code === "version" || parsed.code === "empty";
    }
    const { message } = parsed;
    const verdict = validateMessage(message);
    if (verdict.action !== "accept") {
      if (verdict.action === "answer" && message.kind === "request")
        refuse(message, verdict.status, verdict.reason);
      this.settings.onReject?.(peer, verdict.reason);
      return true;
    }
    if (message.kind === "request") markReceived(message, peer.address, peer.port);
    const { localAddress, localPort } = local;
    const at = performance.now();
    for (const listener of this.#messageListeners) {
      listener({ message, peer, localAddress, localPort, at, bytes: bytes.length });
    }
    return true;
  }

  async send(message: SipMessage, target: SendTarget, ready?: Buffer): Promise<SipPeer> {
    if (this.#closed) throw new TransportError("closed", "the transport is closed");
    const bytes = ready ?? serializeMessage(message);
    if (target.by === "flow") return this.#sendOnFlow(bytes, target.flow);
    if (target.protocol !== "udp") {
      const keep = message.kind === "request" && message.method === "REGISTER";
      return this.#sendOnConnection(bytes, target, keep);
    }
    const byTcp = message.kind === "request" && this.#long.send(message, bytes.length, target);
    return byTcp || this.#datagram(bytes, target);
  }

  holds(request: SipRequest): boolean {
    return this.#long.holds(request);
  }

  #datagram(bytes: Buffer, target: Address): SipPeer {
    const port = this.#udpTowards(target.address);
    if (!port) throw new TransportError("no-listener", `no UDP listener towards ${target.address}`);
    const address = plainAddress(target.address);
    port.sendOrThrow(bytes, target.port, address);
    return port.peers.of(address, target.port);
  }

  #sendOnFlow(bytes: Buffer, flow: string): SipPeer {
    const connection = this.#open.byFlow(flow);
    if (connection) {
      if (connection.send(bytes)) return connection.peer;
      throw new TransportError("congested", "the connection takes no more bytes");
    }
    const [name = "", portText = "", ...rest] = flow.split("/");
    const udp = this.#udp.get(name);
    const port = Number(portText);
    const address = rest.join("/");
    if (!udp || !(port > 0) || address === "") throw new TransportError("flow-gone", `flow ${flow} is gone`);
    udp.sendOrThrow(bytes, port, address);
    return { protocol: "udp", address, port, flow };
  }

  async #sendOnConnection(bytes: Buffer, target: Address, keep: boolean): Promise<SipPeer> {
    const connection = await this.#connection(target);
    if (keep) connection.kept = true;
    if (connection.send(bytes)) return connection.peer;
    throw new TransportError("congested", "the connection takes no more bytes");
  }

  #connection(target: Address): Connection | Promise<Connection> {
    const address = plainAddress(target.address);
    const name = target.protocol === "tls" ? target.serverName : undefined;
    const key = keyOf({ ...target, address }, name);
    const open = this.#open.byKey(key);
    if (open) return open;
    const dialing = this.#dialing.get(key);
    if (dialing) return dialing;
    if (target.protocol !== "tcp" && target.protocol !== "tls") {
      throw new TransportError(
        "flow-gone",
        `no open ${target.protocol} connection to ${address}:${target.port}`,
      );
    }
    const attempt = connectStream(target.protocol, address, target.port, this, name)
      .then((connection) => {
        if (name !== undefined && !connection.closed) this.#open.name(connection, key);
        return connection;
      })
      .finally(() => this.#dialing.delete(key));
    this.#dialing.set(key, attempt);
    return attempt;
  }

  #udpTowards(destination: string): UdpPort | undefined {
    const point = this.#points.towards("udp", destination);
    return point && this.#udp.get(point.flow);
  }

  localFor(protocol: TransportProtocol, destination: string): ListenPoint | undefined {
    return this.#points.localFor(protocol, destination);
  }

  flowPeer(flow: string): SipPeer | undefined {
    return this.#open.byFlow(flow)?.peer;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const close of [...this.#closers, ...this.#servers.values()]) close();
    this.#open.clear();
  }
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Binds every point and starts receiving. Rejects with TransportError "bind-failed"; nothing stays bound then. */
export async function createTransport(
  points: readonly ListenPoint[],
  options: TransportOptions = {},
): Promise<Transport> {
  const layer = new Layer(options);
  try {
    for (const point of points) await layer.listen(point);
  } catch (error) {
    await layer.close();
    throw error;
  }
  return layer;
}
