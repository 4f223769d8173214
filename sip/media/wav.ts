/** WAV (RIFF) files with 16-bit PCM: reading, and the header for writing. */

/** The bytes are no WAV file, or not the kind we play. */
export class WavError extends Error {
  readonly code = "wav-unreadable";
  override name = "WavError";
}

/** 16-bit PCM with `channels` interleaved at `rate` Hz. */
export interface WavAudio {
  readonly rate: number;
  readonly channels: number;
  readonly samples: Int16Array;
}

/** Length of the header that `wavHeader` makes; the samples follow it. */
export const WAV_HEADER_BYTES = 44;

/** The 44-byte header of a 16-bit PCM file with `dataBytes` of samples. */
export function wavHeader(rate: number, channels: number, dataBytes: number): Uint8Array {
  const header = new Uint8Array(WAV_HEADER_BYTES);
  const view = new DataView(header.buffer);
  const text = (at: number, word: string) => header.set(new TextEncoder().encode(word), at);
  text(0, "RIFF");
  view.setUint32(4, Math.min(36 + dataBytes, 0xffffffff), true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * channels * 2, true);
  view.setUint16(32, channels * 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, Math.min(dataBytes, 0xffffffff), true);
  return header;
}

/**
 * Parses a WAV file with 16-bit PCM. A data chunk whose length is 0, too long or unknown (an unfinished file)
 * reaches to the end of the bytes.
 * @throws WavError for anything else
 */
export function parseWav(bytes: Uint8Array): WavAudio {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || word(0) !== "RIFF" || word(8) !== "WAVE") throw new WavError("not a WAV file");
  let format: { rate: number; channels: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = word(at);
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (id === "fmt ") {
      if (size < 16 || body + 16 > bytes.length) throw new WavError("damaged fmt chunk");
      const coding = view.getUint16(body, true);
      const bits = view.getUint16(body + 14, true);
      const extensible = coding === 0xfffe && size >= 26 && view.getUint16(body + 24, true) === 1;
      if ((coding !== 1 && !extensible) || bits !== 16) {
        throw new WavError(`not 16-bit PCM (coding ${coding}, ${bits} bit)`);
      }
      format = { channels: view.getUint16(body + 2, true), rate: view.getUint32(body + 4, true) };
      if (format.channels < 1 || format.rate < 1) throw new WavError("damaged fmt chunk");
    } else if (id === "data") {
      if (!format) throw new WavError("data before fmt");
      const left = bytes.length - body;
      const length = (size === 0 || size > left ? left : size) & ~1;
      // Copied because the samples may start at an odd address.
      const samples = new Int16Array(new Uint8Array(bytes.subarray(body, body + length)).buffer);
      return { ...format, samples };
    }
    at = body + size + (size & 1);
  }
  throw new WavError("no data chunk");
}

/** One WAV file in memory. */
export function encodeWav(audio: WavAudio): Uint8Array {
  const data = new Uint8Array(audio.samples.buffer, audio.samples.byteOffset, audio.samples.byteLength);
  const out = new Uint8Array(WAV_HEADER_BYTES + data.length);
  out.set(wavHeader(audio.rate, audio.channels, data.length));
  out.set(data, WAV_HEADER_BYTES);
  return out;
}

/** The samples of one channel (0 = left). */
export function wavChannel(audio: WavAudio, channel: number): Int16Array {
  const out = new Int16Array(Math.floor(audio.samples.length / audio.channels));
  for (let i = 0; i < out.length; i++) out[i] = audio.samples[i * audio.channels + channel] ?? 0;
  return out;
}
