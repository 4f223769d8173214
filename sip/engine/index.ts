/** The embedded SIP server: what the rest of the program may use of it. */
export { runSipEngine } from "./cli.ts";
export {
  DEFAULT_LIMITS,
  type EngineConfig,
  EngineConfigError,
  type EngineLimits,
  parseContact,
} from "./config.ts";
export type { Ban } from "./defence/index.ts";
export { type Engine, type EngineStats, startEngine } from "./engine.ts";
export { EngineWorkerError, type EngineWorkerHandle, startEngineWorker } from "./handle.ts";
export { type Ladder, type LadderStep, ladderOf, type SdpSummary, type TraceEntry } from "./trace/index.ts";
export type { WebFlow, WebPeer, WebSink } from "./transport/index.ts";
export type { OpenWeb } from "./web-bridge.ts";
