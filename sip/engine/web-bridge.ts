/**
 * WebSockets of the web server for an engine in a Worker: the web server's thread holds the sockets (`WebDoor`), the
 * engine's thread the connections (`WebHall`); between them go small messages, in order.
 */
import type { WebFlow, WebPeer, WebSink } from "./transport/index.ts";

/** From the web server's thread to the engine's. */
export type WebToEngine =
  | { readonly web: "open"; readonly id: number; readonly peer: WebPeer }
  | { readonly web: "data"; readonly id: number; readonly data: string | Uint8Array }
  | { readonly web: "closed"; readonly id: number };

/** From the engine's thread to the web server's. */
export type WebFromEngine =
  | { readonly web: "send"; readonly id: number; readonly text: string }
  | { readonly web: "close"; readonly id: number; readonly code: number }
  /** So many bytes have been read: room for more. */
  | { readonly web: "taken"; readonly bytes: number };

/** Opens a connection for an accepted WebSocket; undefined when it is refused (the socket has been closed then). */
export type OpenWeb = (peer: WebPeer, sink: WebSink) => WebFlow | undefined;

/** Bytes on their way to an engine that does not keep up; then connections that go on talking are closed. */
const MAX_UNREAD = 16 * 1_048_576;
/** Each frame costs this much at least, so that many small ones are bounded too. */
const FRAME_COST = 256;
/** The engine reports what it has read in steps of this size. */
const REPORT_BYTES = 65_536;
const RESTARTING = 1012;
const OVERLOADED = 1013;

/** The web server's side. */
export class WebDoor {
  readonly #post: (message: WebToEngine) => void;
  readonly #sinks = new Map<number, WebSink>();
  readonly #maxUnread: number;
  #nextId = 1;
  #unread = 0;
  #shut = false;

  constructor(post: (message: WebToEngine) => void, maxUnread = MAX_UNREAD) {
    this.#post = post;
    this.#maxUnread = maxUnread;
  }

  /** Open sockets. */
  get size(): number {
    return this.#sinks.size;
  }

  readonly open: OpenWeb = (peer, sink) => {
    if (this.#shut) {
      sink.close(RESTARTING);
      return undefined;
    }
    const id = this.#nextId++;
    this.#sinks.set(id, sink);
    this.#post({ web: "open", id, peer });
    return {
      message: (data) => {
        if (!this.#sinks.has(id)) return;
        this.#unread += costOf(data);
        if (this.#unread > this.#maxUnread) sink.close(OVERLOADED);
        else this.#post({ web: "data", id, data });
      },
      closed: () => {
        if (this.#sinks.delete(id)) this.#post({ web: "closed", id });
      },
    };
  };

  /** A message of the engine. */
  receive(message: WebFromEngine): void {
    if (message.web === "taken") {
      this.#unread = Math.max(0, this.#unread - message.bytes);
      return;
    }
    const sink = this.#sinks.get(message.id);
    if (message.web === "close") sink?.close(message.code);
    else if (sink && !sink.send(message.text)) sink.close(OVERLOADED);
  }

  /** The engine is gone: everybody is told to come again. */
  shut(): void {
    this.#shut = true;
    const sinks = [...this.#sinks.values()];
    this.#sinks.clear();
    for (const sink of sinks) sink.close(RESTARTING);
  }
}

/** The engine's side. */
export class WebHall {
  readonly #flows = new Map<number, WebFlow>();
  #read = 0;

  constructor(
    private readonly openWeb: OpenWeb,
    private readonly post: (message: WebFromEngine) => void,
  ) {}

  /** A message of the web server's thread. */
  receive(message: WebToEngine): void {
    const { id } = message;
    if (message.web === "open") {
      const flow = this.openWeb(message.peer, {
        send: (text) => {
          this.post({ web: "send", id, text });
          return true;
        },
        close: (code) => this.post({ web: "close", id, code }),
      });
      if (flow) this.#flows.set(id, flow);
    } else if (message.web === "data") {
      this.#flows.get(id)?.message(message.data);
      this.#count(costOf(message.data));
    } else {
      this.#flows.get(id)?.closed();
      this.#flows.delete(id);
    }
  }

  #count(bytes: number): void {
    this.#read += bytes;
    if (this.#read < REPORT_BYTES) return;
    this.post({ web: "taken", bytes: this.#read });
    this.#read = 0;
  }
}

function costOf(data: string | Uint8Array): number {
  return FRAME_COST + data.length;
}
