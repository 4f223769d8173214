/** One play order of a leg: a list of sounds, repeated, cut into 20 ms frames without gaps between items. */
import { ALAW_SILENCE } from "../g711.ts";
import type { Sound } from "./sounds.ts";

export interface PlayPosition {
  readonly item: number;
  readonly offset: number;
}

export class Player {
  readonly #sounds: readonly Sound[];
  #left: number;
  #item = 0;
  #offset = 0;
  #played = 0;

  /** `times`: Infinity for waiting music. Sounds without length are left out. */
  constructor(sounds: readonly Sound[], times: number, from: PlayPosition = { item: 0, offset: 0 }) {
    this.#sounds = sounds.filter((sound) => sound.length > 0);
    this.#left = this.#sounds.length === 0 ? 0 : times;
    const sound = this.#sounds[from.item];
    if (sound && from.offset < sound.length) {
      this.#item = from.item;
      this.#offset = from.offset;
    }
  }

  get position(): PlayPosition {
    return { item: this.#item, offset: this.#offset };
  }

  /** Audio given out so far, ms. */
  get ms(): number {
    return Math.round(this.#played / 8);
  }

  /** Fills a frame (the end is padded with silence); false when there was nothing left. */
  fill(frame: Uint8Array): boolean {
    let at = 0;
    while (at < frame.length && this.#left > 0) {
      const sound = this.#sounds[this.#item];
      if (!sound) break;
      const codes = sound.codes;
      const start = codes ? this.#offset % codes.length : 0;
      const untilWrap = codes ? codes.length - start : Number.POSITIVE_INFINITY;
      const count = Math.min(frame.length - at, sound.length - this.#offset, untilWrap);
      if (codes) frame.set(codes.subarray(start, start + count), at);
      else frame.fill(ALAW_SILENCE, at, at + count);
      at += count;
      this.#offset += count;
      if (this.#offset >= sound.length) this.#next();
    }
    this.#played += at;
    if (at > 0) frame.fill(ALAW_SILENCE, at);
    return at > 0;
  }

  #next(): void {
    this.#offset = 0;
    this.#item++;
    if (this.#item < this.#sounds.length) return;
    this.#item = 0;
    this.#left--;
  }
}
