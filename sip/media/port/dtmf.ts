/** Keys as RTP events (RFC 4733 §2): one reported key a press, and sending. */
import { FRAME, timestampDistance } from "./rtp.ts";

const KEYS = "0123456789*#ABCD";
/** Row and column frequencies (ITU-T Q.23), for parties without telephone-event. */
export const ROWS = [697, 770, 852, 941];
export const COLUMNS = [1209, 1336, 1477, 1633];
export const PAD = "123A456B789C*0#D";

/** The two frequencies of a key, or null for no key. */
export function keyTones(key: string): readonly number[] | null {
  const at = PAD.indexOf(key);
  if (key.length !== 1 || at < 0) return null;
  return [ROWS[at >> 2] ?? 0, COLUMNS[at & 3] ?? 0];
}

/** Only the keys 0-9 * # A-D of a string. */
export function onlyKeys(digits: string): string {
  return [...digits.toUpperCase()].filter((key) => KEYS.includes(key)).join("");
}

/**
 * Reports a key at its first packet and never twice. Packets of one press share the timestamp, so a lost start or
 * end, or a repeated end, changes nothing. A key held longer than the 16-bit duration continues in segments
 * with a new timestamp (RFC 4733 §2.5.1.3), which is the same press.
 */
export class KeyReceiver {
  #event = -1;
  #timestamp = 0;
  #duration = 0;
  #ended = true;
  #ssrc = -1;

  /** The key that this packet starts, or null. */
  receive(payload: Uint8Array, timestamp: number, ssrc: number): string | null {
    if (payload.length < 4) return null;
    const event = payload[0] ?? 255;
    const ended = ((payload[1] ?? 0) & 0x80) !== 0;
    const duration = ((payload[2] ?? 0) << 8) | (payload[3] ?? 0);
    if (event > 15) return null;
    if (ssrc === this.#ssrc) {
      const distance = timestampDistance(timestamp, this.#timestamp);
      if (distance === 0) {
        this.#duration = Math.max(this.#duration, duration);
        this.#ended ||= ended;
        return null;
      }
      // An older press, late.
      if (distance < 0 && distance > -8000 * 10) return null;
      const sameUnended = event === this.#event && !this.#ended;
      const nextSegment = sameUnended && this.#duration > 0xf000 && distance <= 0xffff + FRAME * 10;
      // Some phones move the timestamp with every packet of one press.
      const movingTimestamp = sameUnended && distance <= FRAME * 2.5 && duration > this.#duration;
      if (nextSegment || movingTimestamp) {
        this.#timestamp = timestamp;
        this.#duration = duration;
        this.#ended = ended;
        return null;
      }
    }
    this.#event = event;
    this.#timestamp = timestamp;
    this.#duration = duration;
    this.#ended = ended;
    this.#ssrc = ssrc;
    return KEYS[event] ?? null;
  }
}

/** One packet to send instead of an audio frame. */
export interface KeyPacket {
  readonly payload: Uint8Array;
  readonly timestamp: number;
  readonly marker: boolean;
}

const PRESS_FRAMES = 5;
const END_FRAMES = 3;
const GAP_FRAMES = 4;

/** Sends keys one after another: 100 ms each, the end three times, then a pause of 80 ms. */
export class KeySender {
  #queue = "";
  #frame = 0;
  #start = 0;

  /** Appends keys; others than 0-9 * # A-D are dropped. */
  press(digits: string): void {
    this.#queue = (this.#queue + onlyKeys(digits)).slice(0, 128);
  }

  get busy(): boolean {
    return this.#queue !== "";
  }

  /** The key sounding in this frame, "" in a pause; for in-band sending. Advances one frame. */
  nextTone(): { readonly key: string; readonly from: number } {
    const frame = this.#frame++;
    const key = this.#queue[0] ?? "";
    this.#finish(PRESS_FRAMES + GAP_FRAMES);
    return frame < PRESS_FRAMES ? { key, from: frame * FRAME } : { key: "", from: 0 };
  }

  /** The event packet of this frame, or null in the pause between keys. Advances one frame. `now`: RTP timestamp. */
  nextPacket(now: number): KeyPacket | null {
    const frame = this.#frame++;
    if (frame === 0) this.#start = now;
    const event = KEYS.indexOf(this.#queue[0] ?? "0");
    this.#finish(PRESS_FRAMES + END_FRAMES + GAP_FRAMES);
    if (frame >= PRESS_FRAMES + END_FRAMES) return null;
    const duration = Math.min(frame + 1, PRESS_FRAMES) * FRAME;
    const end = frame >= PRESS_FRAMES ? 0x80 : 0;
    return {
      payload: Uint8Array.of(event, end | 10, duration >> 8, duration & 0xff),
      timestamp: this.#start,
      marker: frame === 0,
    };
  }

  #finish(frames: number): void {
    if (this.#frame < frames) return;
    this.#frame = 0;
    this.#queue = this.#queue.slice(1);
  }
}
