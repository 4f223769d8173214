/** Cuts a byte stream into SIP messages and keep-alives (RFC 3261 §18.3, RFC 5626 §4.4.1). No I/O. */
import { headEnd, LIMITS } from "../message/index.ts";

export type Frame =
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  /** CRLF CRLF: to be answered with CRLF. */
  | { readonly kind: "ping" }
  /** The stream cannot be read on; `bytes` is what stands there, for an answer. The connection must be closed. */
  | { readonly kind: "broken"; readonly bytes: Uint8Array };

const NOTHING = new Uint8Array(0);
const LENGTH = /\n(?:content-length|l)[ \t]*:[ \t]*(?:\r?\n[ \t]+)?([^\r\n]*)/gi;

export class StreamFramer {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #scanned = 0;
  #need = 0;
  #broken = false;

  /** Bytes of a message that has begun and not ended; 0 between messages. */
  get unfinished(): number {
    return this.#size > 3 || (this.#size > 0 && !this.#onlyLineEnds()) ? this.#size : 0;
  }

  /** Nothing is kept, not even half a keep-alive. */
  get empty(): boolean {
    return this.#size === 0 && !this.#broken;
  }

  #onlyLineEnds(): boolean {
    return this.#chunks.every((chunk) => chunk.every((byte) => byte === 13 || byte === 10));
  }

  /** Takes a chunk and answers the frames it completes, in order. The chunk must not change afterwards. */
  push(chunk: Uint8Array): Frame[] {
    if (this.#broken || chunk.length === 0) return [];
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    // While a long body is awaited the chunks are only collected, so that each byte is copied once.
    if (this.#size < this.#need) return [];
    let bytes = this.#joined();
    const frames: Frame[] = [];
    for (;;) {
      bytes = skipPings(bytes, frames);
      if (bytes.length === 0 || bytes[0] === 13 || bytes[0] === 10) break;
      const end = headEnd(bytes, Math.max(0, this.#scanned - 3));
      if (end < 0 || end > LIMITS.headBytes) {
        if (bytes.length > LIMITS.headBytes) return this.#fail(frames, bytes.subarray(0, LIMITS.headBytes));
        this.#scanned = bytes.length;
        break;
      }
      const length = declaredLength(bytes.subarray(0, end));
      if (length < 0 || length > LIMITS.bodyBytes) return this.#fail(frames, bytes.subarray(0, end));
      this.#scanned = end;
      this.#need = end + length;
      if (bytes.length < this.#need) break;
      frames.push({ kind: "message", bytes: Uint8Array.prototype.slice.call(bytes, 0, this.#need) });
      bytes = bytes.subarray(this.#need);
      this.#need = 0;
      this.#scanned = 0;
    }
    this.#chunks = bytes.length === 0 ? [] : [bytes];
    this.#size = bytes.length;
    return frames;
  }

  #joined(): Uint8Array {
    const [only] = this.#chunks;
    return this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks, this.#size);
  }

  #fail(frames: Frame[], bytes: Uint8Array): Frame[] {
    this.#broken = true;
    this.#chunks = [];
    this.#size = 0;
    frames.push({ kind: "broken", bytes });
    return frames;
  }
}

/** Takes line ends off the front: pairs are pings, single ones are pongs or padding. A possible half is left. */
function skipPings(bytes: Uint8Array, frames: Frame[]): Uint8Array {
  let at = 0;
  for (;;) {
    if (bytes[at] === 10) at++;
    else if (bytes[at] === 13 && bytes[at + 1] === 10) {
      if (bytes.length < at + 4 && (bytes[at + 2] ?? 13) === 13) break;
      if (bytes[at + 2] === 13 && bytes[at + 3] === 10) {
        // A heap of them is answered once: each answer is a system call, and four bytes are cheap to send.
        if (frames.at(-1)?.kind !== "ping") frames.push({ kind: "ping" });
        at += 4;
      } else at += 2;
    } else if (bytes[at] === 13 && at + 1 < bytes.length) at++;
    else break;
  }
  return at === 0 ? bytes : bytes.length === at ? NOTHING : bytes.subarray(at);
}

/** Content-Length of a head; 0 when absent, -1 when malformed or contradictory. */
function declaredLength(head: Uint8Array): number {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString("latin1");
  let length = -2;
  for (const match of text.matchAll(LENGTH)) {
    const digits = (match[1] ?? "").trim();
    const value = /^[0-9]{1,9}$/.test(digits) ? Number(digits) : -1;
    if (value < 0 || (length !== -2 && length !== value)) return -1;
    length = value;
  }
  return length === -2 ? 0 : length;
}
