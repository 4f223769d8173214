/**
 * Jitter buffer for A-law: a ring addressed by RTP timestamp. Packets of any length fit, reordering sorts itself out,
 * and a duplicate overwrites itself. Gaps are concealed by repeating the last pitch period with falling level
 * (after ITU-T G.711 Appendix I).
 */
import { ALAW_SILENCE, alawToLinear, linearToAlaw } from "../g711.ts";
import { FRAME, timestampDistance } from "./rtp.ts";

const RING = 8192;
const MASK = RING - 1;
const START_DELAY = FRAME * 2;
const MIN_SPARE = FRAME;
const MAX_DELAY = FRAME * 12;
/** Pulls in one observation: 1 s. */
const WINDOW = 50;

/** Repeats the last pitch period of `history` for one frame; `lost` = frames already missing before this one. */
function conceal(history: Int16Array, lost: number): Int16Array {
  const out = new Int16Array(FRAME);
  if (lost >= 3) return out;
  const end = history.length;
  let lag = 80;
  let best = -Infinity;
  for (let candidate = 40; candidate <= 160; candidate++) {
    let product = 0;
    let energy = 1;
    for (let i = end - 160; i < end; i += 2) {
      const past = history[i - candidate] ?? 0;
      product += (history[i] ?? 0) * past;
      energy += past * past;
    }
    const score = product / Math.sqrt(energy);
    if (score > best) {
      best = score;
      lag = candidate;
    }
  }
  for (let i = 0; i < FRAME; i++) {
    const age = (lost * FRAME + i) / (3 * FRAME);
    // Phase goes on across several lost frames.
    out[i] = Math.round((history[end - lag + ((lost * FRAME + i) % lag)] ?? 0) * Math.max(0, 1 - age));
  }
  return out;
}

export interface JitterCounts {
  received: number;
  /** 20 ms frames concealed while the party was sending. */
  concealed: number;
  late: number;
  duplicates: number;
}

export class JitterBuffer {
  readonly #data = new Uint8Array(RING);
  readonly #valid = new Uint8Array(RING);
  readonly counts: JitterCounts = { received: 0, concealed: 0, late: 0, duplicates: 0 };
  #started = false;
  #ssrc = 0;
  #play = 0;
  #highest = 0;
  #missing = 0;
  #lateInWindow = 0;
  #pulls = 0;
  #leastSpare = RING;
  /** The last 320 samples played, for concealment. */
  readonly #recent = new Uint8Array(FRAME * 2).fill(ALAW_SILENCE);
  #history: Int16Array | null = null;

  /** Buffered audio ahead of the reader, ms. */
  get delayMs(): number {
    return this.#started ? Math.max(0, timestampDistance(this.#highest, this.#play)) / 8 : 0;
  }

  /** Takes the payload of one packet. */
  push(payload: Uint8Array, timestamp: number, ssrc: number): void {
    const length = payload.length;
    if (length === 0 || length > RING / 4) return;
    this.counts.received++;
    const ahead = timestampDistance(timestamp, this.#play);
    if (!this.#started || ssrc !== this.#ssrc || ahead > RING / 2 || ahead < -RING) {
      this.#restart(timestamp, ssrc);
    } else if (ahead + length <= 0) {
      this.counts.late++;
      this.#lateInWindow++;
      const newest = timestampDistance(timestamp, this.#highest) >= 0;
      // The whole stream is late (not one reordered packet): wait longer from now on.
      if (newest || this.#lateInWindow >= 3) {
        const delay = Math.min(MAX_DELAY, -ahead);
        if (newest) this.#play = (timestamp - (delay < MAX_DELAY ? 0 : START_DELAY)) >>> 0;
        else this.#play = (this.#play - FRAME) >>> 0;
        this.#lateInWindow = 0;
        if (!newest) return;
      } else return;
    }
    const at = timestamp & MASK;
    if (this.#valid[at] === 1 && timestampDistance(timestamp, this.#highest) < 0) this.counts.duplicates++;
    const first = Math.min(length, RING - at);
    this.#data.set(payload.subarray(0, first), at);
    this.#valid.fill(1, at, at + first);
    if (first < length) {
      this.#data.set(payload.subarray(first), 0);
      this.#valid.fill(1, 0, length - first);
    }
    const end = (timestamp + length) >>> 0;
    if (timestampDistance(end, this.#highest) > 0) this.#highest = end;
  }

  /** Fills `out` with the next 160 codes; false when there was nothing to play (silence is filled in). */
  pull(out: Uint8Array<ArrayBuffer>): boolean {
    if (!this.#started) {
      out.fill(ALAW_SILENCE);
      return false;
    }
    this.#observe();
    const at = this.#play & MASK;
    let have = 0;
    for (let i = 0; i < FRAME; i++) {
      const index = (at + i) & MASK;
      have += this.#valid[index] ?? 0;
      out[i] = this.#data[index] ?? 0;
      this.#valid[index] = 0;
    }
    this.#play = (this.#play + FRAME) >>> 0;
    if (have === FRAME) {
      this.#missing = 0;
      this.#history = null;
    } else if (have > 0 && this.#missing === 0 && timestampDistance(this.#highest, this.#play) < 0) {
      // The tail of the last packet before a gap.
      out.fill(ALAW_SILENCE, have);
    } else {
      this.#fillGap(out);
    }
    this.#recent.copyWithin(0, FRAME);
    this.#recent.set(out, FRAME);
    return have > 0 || this.#missing <= 3;
  }

  #fillGap(out: Uint8Array<ArrayBuffer>): void {
    this.#history ??= alawToLinear(this.#recent);
    // Long silence is a pause of the sender (hold, voice activity), not loss.
    if (this.#missing < 25) this.counts.concealed++;
    linearToAlaw(conceal(this.#history, this.#missing), out);
    this.#missing++;
    if (this.#missing > WINDOW * 4) this.#started = false;
  }

  #restart(timestamp: number, ssrc: number): void {
    this.#valid.fill(0);
    this.#started = true;
    this.#ssrc = ssrc;
    this.#play = (timestamp - START_DELAY) >>> 0;
    this.#highest = timestamp;
    // Nothing was lost before the first packet.
    this.#missing = 25;
    this.#history = null;
    this.#pulls = 0;
    this.#leastSpare = RING;
  }

  /** Once a second: what was never needed of the delay is given back, one frame at a time. */
  #observe(): void {
    const spare = timestampDistance(this.#highest, this.#play) - FRAME;
    if (spare >= 0) this.#leastSpare = Math.min(this.#leastSpare, spare);
    if (spare > MAX_DELAY) {
      this.#play = (this.#highest - START_DELAY) >>> 0;
      this.#leastSpare = RING;
    }
    if (++this.#pulls < WINDOW) return;
    if (this.#leastSpare < RING && this.#leastSpare > MIN_SPARE * 2) this.#play = (this.#play + FRAME) >>> 0;
    this.#pulls = 0;
    this.#leastSpare = RING;
    this.#lateInWindow = 0;
  }
}
