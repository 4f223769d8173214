/** Tones as files. */
import { sines } from "../../sip/media/goertzel.ts";
import { encodeWav } from "../../sip/media/wav.ts";

/** A tone of `ms` as a WAV file, 8 kHz mono. */
export function toneWav(hz: number, ms: number): Uint8Array {
  return encodeWav({ rate: 8000, channels: 1, samples: sines([hz], ms * 8, -12) });
}
