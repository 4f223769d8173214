/** Calls: the journeys, their log and records, the live picture. */
export { type Calls, type CallsDeps, createCalls } from "./create.ts";
export type * from "./events.ts";
export { AGENT_STATES, CALL_RESULTS, HANGUP_CAUSES } from "./events.ts";
export type * from "./live.ts";
export type { CallRecordView, Records } from "./records.ts";
export type { CallTrace, FoundMessages, TracedParty, Traces } from "./trace.ts";
