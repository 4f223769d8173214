export { type Ladder, type LadderStep, ladderOf, type SdpSummary } from "./ladder.ts";
export { pcapOf } from "./pcap.ts";
export { masked, type TraceEntry, TraceRing } from "./ring.ts";
