/** What is done with traces and takes longer than a thread with calls to serve may be held up. */
import { gunzipSync } from "node:zlib";
import type { Finding } from "./finding.ts";
import { explainTrace } from "./findings.ts";
import { type Ladder, ladderOf } from "./ladder.ts";
import { pcapOf } from "./pcap.ts";
import { type TraceEntry, traceText } from "./ring.ts";
import type { LegMedia, TraceParty } from "./talks.ts";

/** Messages with what is known of their parties. `now`: UTC ms. */
export interface TraceQuestion {
  readonly entries: readonly TraceEntry[];
  readonly parties: readonly TraceParty[];
  readonly media: readonly LegMedia[];
  readonly now: number;
}

export interface TraceReading {
  readonly ladder: Ladder;
  readonly findings: readonly Finding[];
}

export type TraceWork =
  | { readonly kind: "read"; readonly question: TraceQuestion }
  | { readonly kind: "text" | "pcap"; readonly entries: readonly TraceEntry[] }
  | { readonly kind: "unpack"; readonly packed: Uint8Array; readonly mostBytes: number };

/** Does one piece of work; pure. @throws when what is to be unpacked is no packed JSON, or too long */
export function doTraceWork(work: TraceWork): unknown {
  switch (work.kind) {
    case "read":
      return readTrace(work.question);
    case "text":
      return traceText(work.entries);
    case "pcap":
      return new Uint8Array(pcapOf(work.entries));
    case "unpack":
      return unpackJson(work.packed, work.mostBytes);
  }
}

/** The ladder of a trace and what is found in it. */
export function readTrace({ entries, parties, media, now }: TraceQuestion): TraceReading {
  const ladder = ladderOf(entries);
  return { ladder, findings: explainTrace({ ladder, parties, media, now }) };
}

function unpackJson(packed: Uint8Array, mostBytes: number): unknown {
  return JSON.parse(gunzipSync(packed, { maxOutputLength: mostBytes }).toString("utf8"));
}
