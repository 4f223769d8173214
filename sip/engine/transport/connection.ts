/** One stream or WebSocket connection: framing, write queue, times. The socket itself is behind `Sink`. */
import type { SipPeer, TransportProtocol } from "../message/model.ts";
import { type Frame, StreamFramer } from "./framer.ts";

export interface Sink {
  /** Bytes taken; fewer than given means that `drained` will follow. Negative: the socket is gone. */
  write(bytes: Uint8Array): number;
  /** Closes after what has been written. */
  end(): void;
  /** Closes now, whatever waits. */
  terminate(): void;
}

/** Bytes that wait for slow readers, of all connections together. */
export interface WaitingBytes {
  bytes: number;
  readonly limit: number;
}

export class Connection {
  readonly peer: SipPeer;
  readonly localAddress: string;
  readonly localPort: number;
  readonly #sink: Sink;
  readonly #maxPending: number;
  readonly #waiting: WaitingBytes;
  #framer: StreamFramer | undefined;
  #pending: Uint8Array[] | undefined;
  #pendingBytes = 0;
  /** performance.now() of the last byte either way. */
  lastUsed = performance.now();
  /** performance.now() of the last SIP message received; a keep-alive is none. */
  lastMessage = this.lastUsed;
  /** When the unfinished message or handshake began; 0 when there is none. */
  unfinishedSince = 0;
  /** When its end was asked for; 0 before. */
  endingSince = 0;
  /** Something came of it: a registration, a call, or we opened it. Others are not kept for long. */
  proven = false;
  /** A registration of ours was sent over it: the registrar calls us by it, so it is kept open. */
  kept = false;
  closed = false;
  /** Second key of a connection we opened to a named TLS server. */
  namedKey: string | undefined;

  constructor(
    peer: SipPeer,
    local: { address: string; port: number },
    sink: Sink,
    bounds: { readonly maxPendingBytes: number; readonly waiting: WaitingBytes },
  ) {
    this.peer = peer;
    this.localAddress = local.address;
    this.localPort = local.port;
    this.#sink = sink;
    this.#maxPending = bounds.maxPendingBytes;
    this.#waiting = bounds.waiting;
  }

  get key(): string {
    return connectionKey(this.peer.protocol, this.peer.address, this.peer.port);
  }

  /** Frames completed by a chunk; keeps the slowloris clock. */
  receive(chunk: Uint8Array, now: number): Frame[] {
    this.lastUsed = now;
    this.#framer ??= new StreamFramer();
    const frames = this.#framer.push(chunk);
    if (this.#framer.unfinished === 0) {
      this.unfinishedSince = 0;
      // Thousands of idle phones: a framer that holds nothing is made again when it is needed.
      if (this.#framer.empty) this.#framer = undefined;
    } else if (this.unfinishedSince === 0 || frames.length > 0) this.unfinishedSince = now;
    return frames;
  }

  /** Writes or queues; false when the connection is gone or its reader too slow (it is closed then). */
  send(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    this.lastUsed = performance.now();
    if (this.#pending) return this.#queue(this.#pending, bytes);
    const written = this.#sink.write(bytes);
    if (written < 0) return false;
    if (written >= bytes.length) return true;
    this.#pending = [];
    return this.#queue(this.#pending, bytes.subarray(written));
  }

  #queue(pending: Uint8Array[], bytes: Uint8Array): boolean {
    const waiting = this.#waiting;
    if (
      this.#pendingBytes + bytes.length > this.#maxPending ||
      waiting.bytes + bytes.length > waiting.limit
    ) {
      this.terminate();
      return false;
    }
    pending.push(bytes);
    this.#count(bytes.length);
    return true;
  }

  #count(bytes: number): void {
    this.#pendingBytes += bytes;
    this.#waiting.bytes += bytes;
  }

  /** The socket takes bytes again. */
  drained(): void {
    while (!this.closed && this.#pending) {
      const next = this.#pending[0];
      if (!next) {
        this.#pending = undefined;
        return;
      }
      const written = Math.max(0, this.#sink.write(next));
      this.#count(-written);
      if (written < next.length) {
        this.#pending[0] = next.subarray(written);
        return;
      }
      this.#pending.shift();
    }
  }

  /** Closes in order; what the other end leaves open is cut by the layer's sweep. */
  end(): void {
    if (this.closed || this.endingSince > 0) return;
    this.endingSince = performance.now();
    this.#sink.end();
  }

  /** Cuts. */
  terminate(): void {
    if (this.closed) return;
    this.#sink.terminate();
  }

  /** Lets go of everything; called once when the socket is gone. */
  release(): void {
    this.closed = true;
    this.#count(-this.#pendingBytes);
    this.#pending = undefined;
    this.#framer = undefined;
  }
}

export function connectionKey(protocol: TransportProtocol, address: string, port: number): string {
  return `${protocol}/${address}/${port}`;
}
