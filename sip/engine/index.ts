export type { DoorConfig } from "./challenge/index.ts";
/** The embedded SIP server: what the rest of the program may use of it. */
export { runSipEngine } from "./cli.ts";
export {
  DEFAULT_LIMITS,
  type EngineConfig,
  EngineConfigError,
  type EngineLimits,
  parseContact,
} from "./config.ts";
export {
  type Ban,
  type BanList,
  type BanReason,
  type DefenceCounters,
  type DefenceOptions,
  type Evidence,
  isNetwork,
} from "./defence/index.ts";
export { type Engine, type EngineStats, startEngine } from "./engine.ts";
export { EngineWorkerError, type EngineWorkerHandle, startEngineWorker } from "./handle.ts";
export {
  createTraceReader,
  FINDING_CODES,
  type Finding,
  type FindingCode,
  hostOf,
  type Ladder,
  type LadderColumn,
  type LadderStep,
  type LegMedia,
  type SdpSummary,
  type TraceEntry,
  type TraceParty,
  type TraceQuery,
  type TraceReader,
} from "./trace/index.ts";
export type { TlsIdentity, WebFlow, WebPeer, WebSink } from "./transport/index.ts";
export type { OpenWeb } from "./web-bridge.ts";
