/** `LENGTH#PAYLOAD` frames of the agent protocol; LENGTH counts bytes of UTF-8. */

/** Longest payload taken from an app. */
export const MAX_FRAME = 1_048_576;

export class FrameError extends Error {
  readonly code = "agent-frame";
}

const HASH = 35;

/** One frame, ready for the socket: written once, into one buffer. */
export function frame(leader: string, message?: Uint8Array): Buffer {
  const line = message ? `${leader}\r\n` : leader;
  const lineBytes = Buffer.byteLength(line);
  const size = lineBytes + (message?.length ?? 0);
  const digits = `${size}#`;
  const bytes = Buffer.allocUnsafe(digits.length + size);
  const at = bytes.write(digits, 0, "latin1");
  bytes.write(line, at, "utf8");
  if (message) bytes.set(message, at + lineBytes);
  return bytes;
}

/** Cuts a byte stream into payloads. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private buffered = 0;
  private need = 0;

  /** @param limit longest payload accepted now; see `raiseLimit`. */
  constructor(private limit: number) {}

  raiseLimit(limit: number): void {
    this.limit = limit;
  }

  /**
   * Takes bytes and returns each complete payload. The bytes are copied: the socket uses its buffer again.
   * @throws FrameError when the length is no decimal or beyond the limit; the connection is of no use then.
   */
  push(bytes: Uint8Array): Buffer[] {
    const payloads: Buffer[] = [];
    this.chunks.push(Buffer.from(bytes));
    this.buffered += bytes.length;
    if (this.buffered < this.need) return payloads;
    let data = this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [];
    this.buffered = 0;
    this.need = 0;
    while (data.length > 0) {
      const hash = lengthEnd(data);
      if (hash < 0) {
        if (data.length >= 9 || !/^\d*$/.test(data.toString("latin1")))
          throw new FrameError("no frame length");
        break;
      }
      const digits = data.toString("latin1", 0, hash);
      const length = Number(digits);
      if (!/^[1-9]\d*$/.test(digits) || length > this.limit) throw new FrameError("bad frame length");
      const end = hash + 1 + length;
      if (data.length < end) {
        this.need = end;
        break;
      }
      payloads.push(data.subarray(hash + 1, end));
      data = data.subarray(end);
    }
    if (data.length > 0) {
      this.chunks.push(data);
      this.buffered = data.length;
    }
    return payloads;
  }
}

/** Index of the "#" within the first nine bytes, -1 when it is not there. */
function lengthEnd(data: Uint8Array): number {
  const most = Math.min(data.length, 9);
  for (let at = 0; at < most; at++) if (data[at] === HASH) return at;
  return -1;
}
