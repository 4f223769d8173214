/** One stream or WebSocket connection: framing, write queue, times. The socket itself is behind `Sink`. */
import type { SipPeer, TransportProtocol } from "../message/model.ts";
import { type Frame, StreamFramer } from "./framer.ts";

export interface Sink {
  /** Bytes taken; fewer than given means that `drained` will follow. Negative: the socket is gone. */
  write(bytes: Uint8Array): number;
  end(): void;
}

export class Connection {
  readonly peer: SipPeer;
  readonly localAddress: string;
  readonly localPort: number;
  readonly #sink: Sink;
  readonly #framer = new StreamFramer();
  readonly #maxPending: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** performance.now() of the last byte either way. */
  lastUsed = performance.now();
  /** When the unfinished message began; 0 when there is none. */
  unfinishedSince = 0;
  closed = false;
  /** Second key of a connection we opened to a named TLS server. */
  namedKey: string | undefined;

  constructor(peer: SipPeer, local: { address: string; port: number }, sink: Sink, maxPending: number) {
    this.peer = peer;
    this.localAddress = local.address;
    this.localPort = local.port;
    this.#sink = sink;
    this.#maxPending = maxPending;
  }

  get key(): string {
    return connectionKey(this.peer.protocol, this.peer.address, this.peer.port);
  }

  /** Frames completed by a chunk; keeps the slowloris clock. */
  receive(chunk: Uint8Array, now: number): Frame[] {
    this.lastUsed = now;
    const frames = this.#framer.push(chunk);
    if (this.#framer.unfinished === 0) this.unfinishedSince = 0;
    else if (this.unfinishedSince === 0 || frames.length > 0) this.unfinishedSince = now;
    return frames;
  }

  /** Writes or queues; false when the connection is gone or its reader too slow (it is closed then). */
  send(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    this.lastUsed = performance.now();
    if (this.#pending.length > 0) return this.#queue(bytes);
    const written = this.#sink.write(bytes);
    if (written < 0) return false;
    return written >= bytes.length || this.#queue(bytes.subarray(written));
  }

  #queue(bytes: Uint8Array): boolean {
    if (this.#pendingBytes + bytes.length > this.#maxPending) {
      this.end();
      return false;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    return true;
  }

  /** The socket takes bytes again. */
  drained(): void {
    while (!this.closed) {
      const next = this.#pending[0];
      if (!next) return;
      const written = Math.max(0, this.#sink.write(next));
      this.#pendingBytes -= written;
      if (written < next.length) {
        this.#pending[0] = next.subarray(written);
        return;
      }
      this.#pending.shift();
    }
  }

  end(): void {
    if (!this.closed) this.#sink.end();
  }
}

export function connectionKey(protocol: TransportProtocol, address: string, port: number): string {
  return `${protocol}/${address}/${port}`;
}
