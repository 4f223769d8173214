/** What rtpengine has counted of a call, out of its answer to `query`. */
import type { NgDictionary } from "./rtpengine.ts";

function dictionary(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** RTP packets that came from the side with this tag; null when the answer does not tell. */
export function packetsFrom(reply: NgDictionary, tag: string): number | null {
  const side = dictionary(dictionary(reply.tags)[tag]);
  let sum: number | null = null;
  for (const media of list(side.medias))
    for (const item of list(dictionary(media).streams)) {
      const stream = dictionary(item);
      const flags = list(stream.flags).map(String);
      // With rtcp-mux both flags stand on one stream: what came is voice for the most part.
      if (flags.includes("RTCP") && !flags.includes("RTP")) continue;
      const packets = dictionary(stream.stats).packets;
      if (typeof packets === "number" || typeof packets === "bigint") sum = (sum ?? 0) + Number(packets);
    }
  return sum;
}
