/** The door of `sip`: what the appliance may use. */
export type * from "./directory.ts";
export { TRUNK_DEFAULTS } from "./directory.ts";
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
} from "./engine/index.ts";
export {
  type Ban,
  type BanReason,
  type Defence,
  type DefenceConfig,
  type DefenceCounters,
  Firewall,
  type FirewallState,
  isNetwork,
} from "./guard.ts";
export type * from "./legs/model.ts";
export { LEG_END_CAUSES } from "./legs/model.ts";
export type * from "./media/model.ts";
export { repairRecording } from "./media/repair.ts";
export type { AuthResultEvent } from "./srf/authenticator.ts";
export type { DigestAlgorithm } from "./srf/digest.ts";
export type { EngineView } from "./srf/launch.ts";
export { ownAddress, type Sip, type SipConfig, type SipStats, startSip } from "./start.ts";
