/** Keys as tones in the voice (ITU-T Q.23, Q.24), for carriers that carry them no other way. */
import { toneLevel, totalLevel } from "../goertzel.ts";
import { COLUMNS, PAD, ROWS } from "./dtmf.ts";

/** Quieter pairs are taken for an echo or noise, dBm0 a tone. */
const FLOOR = -35;
/** A row may be louder or quieter than its column by this, dB. */
const TWIST = 9;
/** The two tones stand out from the others of their group by this, dB. */
const CLEAR = 5;
/** The two tones make up all but this of the frame, dB: speech has more beside them. */
const PURE = -3;
/** Frames of 20 ms in a row that begin and end a press: a key sounds 40 ms at least, and so does the pause. */
const FRAMES = 2;

function strongest(samples: Int16Array, group: readonly number[]): { index: number; level: number } | null {
  const levels = group.map((hz) => toneLevel(samples, hz));
  const level = Math.max(...levels);
  const index = levels.indexOf(level);
  if (level < FLOOR || levels.some((other, at) => at !== index && other > level - CLEAR)) return null;
  return { index, level };
}

/** The key that sounds in a frame, or null. */
export function keyIn(samples: Int16Array): string | null {
  const total = totalLevel(samples);
  if (total < FLOOR) return null;
  const row = strongest(samples, ROWS);
  const column = row && strongest(samples, COLUMNS);
  if (!row || !column || Math.abs(row.level - column.level) > TWIST) return null;
  const both = 10 * Math.log10(10 ** (row.level / 10) + 10 ** (column.level / 10));
  return both < total + PURE ? null : (PAD[row.index * 4 + column.index] ?? null);
}

/** Reports each press once, 40 ms after its begin. */
export class ToneReceiver {
  #candidate: string | null = null;
  #frames = 0;
  #pressed: string | null = null;

  /** Takes the next 20 ms; gives the key whose press it makes certain. */
  receive(samples: Int16Array): string | null {
    const key = keyIn(samples);
    this.#frames = key === this.#candidate ? this.#frames + 1 : 1;
    this.#candidate = key;
    if (this.#frames < FRAMES || key === this.#pressed) return null;
    this.#pressed = key;
    return key;
  }
}
