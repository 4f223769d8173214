export { FINDING_CODES, type Finding, type FindingCode } from "./finding.ts";
export { explainTrace } from "./findings.ts";
export { type Ladder, type LadderColumn, type LadderStep, ladderOf, type SdpSummary } from "./ladder.ts";
export { pcapOf } from "./pcap.ts";
export { createTraceReader, type TraceReader, TraceReaderError } from "./reader.ts";
export { hostOf, type TraceEntry, type TraceQuery, TraceRing, traceText } from "./ring.ts";
export type { LegMedia, TraceParty } from "./talks.ts";
export { doTraceWork, readTrace, type TraceQuestion, type TraceReading, type TraceWork } from "./work.ts";
