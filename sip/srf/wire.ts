/**
 * The connection to the engine, sped up under drachtio-srf: what one turn of the event loop writes leaves in one system
 * call, frames are cut without copying, and requests that need no dialog (REGISTER, OPTIONS) take a straight way past
 * its parser. All else goes through drachtio-srf as ever; the protocol on the wire is the same.
 */
import type { Socket } from "node:net";
import { FrameReader } from "../engine/agent-protocol/framing.ts";
import type { VendorWire } from "./vendor.ts";

/** Longest frame taken from the engine: the largest message a stream may carry, and its leader. */
const MAX_FRAME = 4 * 1_048_576;
/** Bytes gathered before they are written at once. */
const MAX_GATHERED = 65_536;

export interface WireTap {
  /** A request outside a dialog: true when it was taken. `leader` holds the fields before the message. */
  onRequest(leader: readonly string[], message: Buffer, wire: AgentWire): boolean;
}

/** One connection to an engine (and those that follow it when it comes back). */
export class AgentWire {
  readonly #vendor: VendorWire;
  readonly #tap: WireTap;
  #socket: Socket | undefined;
  #gathered = "";
  #scheduled = false;
  /** Commands of the straight way that wait for their answer. */
  readonly #waiting = new Map<string, (ok: boolean) => void>();

  constructor(vendor: VendorWire, tap: WireTap) {
    this.#vendor = vendor;
    this.#tap = tap;
    vendor.send = (socket, text) => this.#send(socket, text);
    vendor.on("connect", (socket) => this.#adopt(socket));
    vendor.on("close", (socket) => this.#lost(socket));
  }

  /** The connection; undefined while there is none. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Sends a command; `done` hears whether the engine took it. */
  command(text: string, done: (ok: boolean) => void): void {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return done(false);
    this.#waiting.set(this.#send(socket, text), done);
  }

  #send(socket: Socket, text: string): string {
    const id = crypto.randomUUID();
    const payload = `${id}|${text}`;
    if (socket !== this.#socket) {
      socket.write(`${Buffer.byteLength(payload)}#${payload}`);
      return id;
    }
    this.#gathered += `${Buffer.byteLength(payload)}#${payload}`;
    if (this.#gathered.length >= MAX_GATHERED) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
    return id;
  }

  #flush(): void {
    const text = this.#gathered;
    this.#gathered = "";
    if (text !== "" && this.#socket?.destroyed === false) this.#socket.write(text);
  }

  #adopt(socket: Socket): void {
    this.#fail();
    this.#socket = socket;
    const reader = new FrameReader(MAX_FRAME);
    socket.removeAllListeners("data");
    socket.on("data", (bytes: Buffer) => {
      let payloads: Buffer[];
      try {
        payloads = reader.push(bytes);
      } catch (error) {
        // Nothing behind a broken frame can be read: drachtio-srf connects anew.
        socket.destroy(error instanceof Error ? error : undefined);
        return;
      }
      for (const payload of payloads) this.#take(socket, payload);
    });
  }

  #take(socket: Socket, payload: Buffer): void {
    const end = payload.indexOf("\r\n");
    const leader = payload.toString("latin1", 0, end < 0 ? payload.length : end).split("|");
    if (leader[1] === "sip") {
      if (end > 0 && this.#tap.onRequest(leader, payload.subarray(end + 2), this)) return;
    } else if (leader[1] === "response") {
      const id = leader[2] ?? "";
      const done = this.#waiting.get(id);
      if (done !== undefined) {
        this.#waiting.delete(id);
        done(leader[3] === "OK");
        return;
      }
    }
    this.#vendor.emit("msg", socket, payload.toString("utf8"));
  }

  #lost(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#fail();
  }

  #fail(): void {
    this.#gathered = "";
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const done of waiting) done(false);
  }
}
