/** Who is heard on a recording: Goertzel over its channels. */
import { hasTone } from "../../sip/media/goertzel.ts";
import { parseWav, wavChannel } from "../../sip/media/wav.ts";

export interface ChannelTones {
  /** Length of the channel, ms. */
  readonly ms: number;
  /** Of each tone asked for: how long it is heard, ms, in steps of 100. */
  readonly heard: Readonly<Record<number, number>>;
}

/** How long each of `tones` (Hz) is heard on each channel of a WAV file, left first. */
export async function tonesOnChannels(file: string, tones: readonly number[]): Promise<ChannelTones[]> {
  const audio = parseWav(new Uint8Array(await Bun.file(file).arrayBuffer()));
  const block = audio.rate / 10;
  return Array.from({ length: audio.channels }, (_, index) => {
    const samples = wavChannel(audio, index);
    const heard: Record<number, number> = Object.fromEntries(tones.map((hz) => [hz, 0]));
    for (let at = 0; at + block <= samples.length; at += block)
      for (const hz of tones)
        if (hasTone(samples.subarray(at, at + block), hz, audio.rate)) heard[hz] = (heard[hz] ?? 0) + 100;
    return { ms: Math.round((samples.length * 1000) / audio.rate), heard };
  });
}
