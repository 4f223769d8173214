/**
 * The append-only event log (journey.md): facts only, one discriminated union. Everything that reports show is a
 * projection of these rows. `at` is UTC ms.
 */
import type { LegEndCause } from "../../sip/index.ts";
import type { Destination } from "../routing/model.ts";
import type { Why } from "../routing/why.ts";

export type JourneyId = string;
export type Direction = "inbound" | "outbound" | "internal" | "campaign" | "callback";
export type LegRole = "caller" | "agent" | "external" | "extension" | "supervisor" | "service";
export type HangupParty = "caller" | "callee" | "system";

/** The one list of hang-up causes (W-3.2.4.70 – W-3.2.4.85). */
export const HANGUP_CAUSES = [
  "normal",
  "no-answer",
  "call-failed",
  "blacklist",
  "call-count-limit",
  "callee-busy",
  "callee-rejected",
  "caller-hung-up-early",
  "call-timeout",
  "queue-wait-exit",
  "queue-timeout",
  "empty-queue-refused",
  "empty-queue-overflow",
  "queue-overflow",
  "no-agent-available",
  "system-lost",
  "media-failure",
] as const;
export type HangupCause = (typeof HANGUP_CAUSES)[number];

export type QueueLeftReason =
  | "answered"
  | "abandoned"
  | "timeout"
  | "full"
  | "empty"
  | "no-agent"
  | "overflow"
  | "callback"
  | "transferred"
  /** The place went to another call: a consultation that waited became a transfer. */
  | "handed-over"
  | "lost";
export type OfferMissedReason =
  | "no-answer"
  | "declined"
  | "busy"
  | "unreachable"
  | "caller-left"
  | "taken-by-another"
  /** Rings on for the call that took the place over. */
  | "handed-over"
  | "lost";
export type BridgeMode = "talk" | "monitor" | "whisper" | "barge" | "conference";

interface Data {
  "journey.started": {
    direction: Direction;
    callerRaw: string;
    caller: string;
    callerName: string;
    calleeRaw: string;
    callee: string;
    didId?: number;
    didNumber?: string;
    trunkId?: number;
    extensionId?: number;
    /** Caller number shown to the called party (outbound). */
    displayedNumber?: string;
    region?: string;
    sipCallId?: string;
  };
  "route.decided": {
    by: "did" | "inbound-route" | "default" | "internal" | "outbound-profile" | "feature-code" | "emergency";
    routeId?: number;
    destination: Destination;
    /** A sentence in events of earlier versions. */
    why: Why | string;
  };
  "flow.entered": { flowId: number; name: string };
  "node.entered": { flowId: number; node: string };
  "prompt.played": {
    play: string;
    media: string;
    outcome: "completed" | "interrupted" | "failed";
    ms: number;
  };
  "keys.pressed": { digits: string; flowId?: number; matched: string | null };
  "flow.left": {
    flowId: number;
    outcome: "matched" | "timeout" | "no-match" | "direct-dial" | "hangup" | "failed";
  };
  "condition.checked": { conditionId: number; name: string; officeTime: string; matched: boolean };
  "queue.joined": {
    groupId: number;
    groupNumber: string;
    priority: number;
    position: number;
    /** The place of another call was taken over, which had waited there for so long. */
    kind?: "taken-over";
    waitedMs?: number;
  };
  "queue.position": { groupId: number; position: number };
  "queue.announced": { groupId: number; what: "announcement" | "position" | "periodic"; position?: number };
  /** `waitedMs`: the place's, with the waiting of the call that it was taken over from. */
  "queue.left": { groupId: number; reason: QueueLeftReason; waitedMs: number; agentId?: number };
  "offer.made": { agentId: number; groupId: number | null; strategy: string; why: Why | string };
  "offer.ringing": { agentId: number; groupId: number | null };
  "offer.answered": { agentId: number; groupId: number | null };
  "offer.missed": { agentId: number; groupId: number | null; reason: OfferMissedReason };
  "leg.created": {
    role: LegRole;
    endpoint: string;
    agentId?: number;
    extensionId?: number;
    trunkId?: number;
  };
  "leg.ringing": { earlyMedia: boolean };
  "leg.answered": { codec: string };
  "leg.ended": {
    cause: LegEndCause;
    by: "remote" | "local" | "system";
    sipStatus?: number;
    sipReason?: string;
  };
  /** The leg lives on in another journey (a consultation became a transfer). */
  "leg.moved": { to: JourneyId };
  "bridge.joined": { legs: string[]; mode: BridgeMode };
  "bridge.left": { legs: string[]; mode: BridgeMode };
  "hold.started": { by: "remote" | "local"; music?: string };
  "hold.ended": { by: "remote" | "local" };
  "transfer.requested": { kind: "blind" | "attended"; to: string; byAgentId?: number };
  "transfer.completed": { to: string };
  "transfer.failed": { to: string; cause: LegEndCause };
  /** The transfer reached nobody: who made it is rung again (W-3.15.1.4.4). */
  "transfer.recalled": { to: string; byAgentId?: number };
  "recording.started": { recording: string; file: string; leftLeg: string; rightLeg?: string };
  "recording.paused": { recording: string; reason: string };
  "recording.resumed": { recording: string };
  "recording.stopped": { recording: string; ms: number; bytes: number; sha256: string; failed?: string };
  /** The office keeps recordings for so many days; this one's are over. */
  "recording.deleted": { recording: string; days: number };
  "feature.used": { code: string; agentId?: number; result: string };
  "journey.ended": { cause: HangupCause; by: HangupParty; sipStatus?: number; sipReason?: string };
}

export type CallEventKind = keyof Data;
export type CallEventData<K extends CallEventKind> = Data[K];

/** A fact before it is stored. */
export type CallFact = {
  [K in CallEventKind]: {
    readonly kind: K;
    readonly journey: JourneyId;
    readonly leg: string | null;
    readonly at: number;
    readonly data: Data[K];
  };
}[CallEventKind];
/** A stored event; `seq` is gap-free and rising. */
export type CallEvent = CallFact & { readonly seq: number };

interface AgentData {
  "agent.signed_in": { groupId: number; by: "phone" | "web" | "admin" | "static" };
  "agent.signed_out": { groupId: number; by: "phone" | "web" | "admin" | "system" };
  "agent.paused": { reason: string; reasonId: number | null; by: "phone" | "web" | "admin" | "system" };
  "agent.unpaused": { by: "phone" | "web" | "admin" | "system" };
  "agent.acw_started": { groupId: number; journey: JourneyId };
  "agent.acw_ended": { groupId: number; by: "timer" | "phone" | "web" | "admin" };
  "agent.device_online": { device: string };
  "agent.device_offline": { device: string };
  "agent.desk_opened": { session: string };
  "agent.desk_closed": { session: string };
  /** The state derived from all of these and from the calls has become another (agent_timeline). */
  "agent.state_changed": {
    state: AgentState;
    reason: string;
    journey: JourneyId | null;
    groupId: number | null;
  };
  /** The exchange stopped: what the agent did from then on is not known. */
  "agent.state_ended": Readonly<Record<string, never>>;
}
export type AgentEventKind = keyof AgentData;
export type AgentFact = {
  [K in AgentEventKind]: {
    readonly kind: K;
    readonly agentId: number;
    readonly at: number;
    readonly data: AgentData[K];
  };
}[AgentEventKind];
export type AgentEvent = AgentFact & { readonly seq: number };

/** Derived agent state, in order of precedence (journey.md). */
export const AGENT_STATES = [
  "offline",
  "signed-out",
  "on-hold",
  "talking",
  "ringing",
  "busy",
  "acw",
  "paused",
  "idle",
] as const;
export type AgentState = (typeof AGENT_STATES)[number];

/** Mutually exclusive results; "failed" for outbound. */
export const CALL_RESULTS = [
  "ivr",
  "answered",
  "voicemail",
  "rang-no-answer",
  "queue-abandoned",
  "blacklisted",
  "concurrency-limited",
  "failed",
] as const;
export type CallResult = (typeof CALL_RESULTS)[number];
