export { FINDING_CODES, type Finding, type FindingCode } from "./finding.ts";
export type { Ladder, LadderColumn, LadderStep, SdpSummary } from "./ladder.ts";
export { pcapOf } from "./pcap.ts";
export { createTraceReader, type TraceReader } from "./reader.ts";
export { hostOf, type TraceEntry, type TraceQuery, TraceRing, traceText } from "./ring.ts";
export type { LegMedia, TraceParty } from "./talks.ts";
export { doTraceWork, type TraceQuestion, type TraceReading, type TraceWork } from "./work.ts";
