/** Codecs in session descriptions: keeping some of an offer, ordering ours (RFC 3264 §5.1, §6.1). */
import type { AudioDescription } from "./sdp.ts";

/** Whether two names mean one codec; "G729A" is G729 with annex A. */
export function sameCodec(left: string, right: string): boolean {
  const plain = (name: string) => name.toUpperCase().replace(/^G729A$/, "G729");
  return plain(left) === plain(right);
}

/** The codec of `wanted` (in its order) that `audio` has too; undefined when there is none. */
export function firstCommon(
  audio: AudioDescription,
  wanted: readonly string[],
): AudioDescription["codecs"][number] | undefined {
  const usable = audio.codecs.filter((codec) => codec.known);
  for (const name of wanted) {
    const found = usable.find((codec) => sameCodec(codec.name, name));
    if (found) return found;
  }
  return undefined;
}

/** The offer with only these payload types in its audio stream. */
export function keepPayloads(sdp: string, audio: AudioDescription, keep: readonly number[]): string {
  return editAudio(sdp, audio.chosen, (formats, line) => {
    const dropped = formats.filter((format) => !keep.includes(Number(format)));
    const attribute = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)\b/.exec(line)?.[1];
    return attribute !== undefined && dropped.includes(attribute)
      ? undefined
      : formats.filter((format) => !dropped.includes(format));
  });
}

/** The description with the payload types of its audio stream in the order of `wanted`; others follow. */
export function orderCodecs(sdp: string, audio: AudioDescription, wanted: readonly string[]): string {
  const place = (format: string): number => {
    const codec = audio.codecs.find((each) => String(each.payloadType) === format);
    const index = codec ? wanted.findIndex((name) => sameCodec(name, codec.name)) : -1;
    return index < 0 ? wanted.length : index;
  };
  return editAudio(sdp, audio.chosen, (formats) => [...formats].sort((a, b) => place(a) - place(b)));
}

/**
 * Rewrites the stream number `index`: `edit` gets the payload types of the m= line and each line, and gives the types
 * to write, or undefined to leave the line out.
 */
function editAudio(
  sdp: string,
  index: number,
  edit: (formats: readonly string[], line: string) => readonly string[] | undefined,
): string {
  let stream = -1;
  let formats: readonly string[] = [];
  const lines = sdp.split(/\r?\n/).flatMap((line) => {
    if (line.startsWith("m=")) stream++;
    if (stream !== index || line === "") return [line];
    if (line.startsWith("m=")) {
      const [type = "", port = "", protocol = "", ...types] = line.split(/\s+/);
      formats = types;
      return [[type, port, protocol, ...(edit(formats, line) ?? types)].join(" ")];
    }
    return edit(formats, line) === undefined ? [] : [line];
  });
  return lines.join("\r\n");
}
