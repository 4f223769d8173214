/** Sounds ready to send: files and tones as A-law, kept in memory up to a limit. */
import { readFile, stat } from "node:fs/promises";
import { linearToAlaw } from "../g711.ts";
import { sines } from "../goertzel.ts";
import type { PlayItem } from "../model.ts";
import { parseWav, WavError } from "../wav.ts";

/** A piece to play: `codes` are read cyclically until `length` samples are sent; null is silence. */
export interface Sound {
  readonly codes: Uint8Array | null;
  readonly length: number;
}

const CACHE_BYTES = 64 * 1024 * 1024;
/** 30 minutes; longer files are refused rather than filling memory. */
const LONGEST_FILE = 8000 * 60 * 30 * 2 + 65536;
/** Encoding in slices of about 1 ms keeps the pacing. */
const SLICE = 64_000;

async function encodeSlowly(samples: Int16Array): Promise<Uint8Array> {
  const codes = new Uint8Array(samples.length);
  for (let at = 0; at < samples.length; at += SLICE) {
    linearToAlaw(samples.subarray(at, at + SLICE), codes.subarray(at, at + SLICE));
    if (at + SLICE < samples.length) await new Promise((resolve) => setImmediate(resolve));
  }
  return codes;
}

export class Sounds {
  readonly #files = new Map<string, { readonly changed: number; readonly codes: Uint8Array }>();
  readonly #tones = new Map<string, Uint8Array>();
  #bytes = 0;

  /** @throws WavError, or the error of the file system */
  async load(item: PlayItem): Promise<Sound> {
    if (item.kind === "silence") return { codes: null, length: Math.round(item.ms * 8) };
    if (item.kind === "tone") return this.#tone(item.hz, item.ms, item.level);
    const codes = await this.#file(item.path);
    return { codes, length: codes.length };
  }

  #tone(hz: readonly number[], ms: number, level = -15): Sound {
    const length = Math.round(ms * 8);
    const key = `${hz.join("+")}@${level}`;
    let codes = this.#tones.get(key);
    if (!codes) {
      // One second: whole Hz values join without a click.
      codes = linearToAlaw(sines(hz.map(Math.round), 8000, level));
      if (this.#tones.size > 200) this.#tones.clear();
      this.#tones.set(key, codes);
    }
    return { codes, length };
  }

  async #file(path: string): Promise<Uint8Array> {
    const { mtimeMs, size } = await stat(path);
    const known = this.#files.get(path);
    if (known?.changed === mtimeMs) {
      // Most recently used last.
      this.#files.delete(path);
      this.#files.set(path, known);
      return known.codes;
    }
    if (size > LONGEST_FILE) throw new WavError("longer than 30 minutes");
    const audio = parseWav(await readFile(path));
    if (audio.rate !== 8000 || audio.channels !== 1) {
      throw new WavError(`${audio.rate} Hz, ${audio.channels} channels instead of 8000 Hz mono`);
    }
    const codes = await encodeSlowly(audio.samples);
    this.#bytes += codes.length - (this.#files.get(path)?.codes.length ?? 0);
    this.#files.delete(path);
    this.#files.set(path, { changed: mtimeMs, codes });
    for (const [oldest, { codes: old }] of this.#files) {
      if (this.#bytes <= CACHE_BYTES || oldest === path) break;
      this.#files.delete(oldest);
      this.#bytes -= old.length;
    }
    return codes;
  }
}
