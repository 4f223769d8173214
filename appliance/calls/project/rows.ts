/** A journey's call records (W-3.2.4.17–24, Q-0.2). */
import type { CallResult } from "../events.ts";
import type { CallRecordRow, JourneyState, Part } from "./state.ts";

/** The one result of an ended journey (Q-0.2.1–8); null while it runs. */
export function resultOf(state: JourneyState): CallResult | null {
  if (!state.started || !state.ended) return null;
  const { cause } = state.ended;
  if (state.parts.length > 0) return "answered";
  if (cause === "blacklist") return "blacklisted";
  if (cause === "call-count-limit") return "concurrency-limited";
  const { direction } = state.started;
  const placed = direction === "outbound" || direction === "campaign" || direction === "callback";
  if (placed) {
    const failed = ["call-failed", "callee-busy", "media-failure", "system-lost"].includes(cause);
    return state.phase === "ringing" && !failed ? "rang-no-answer" : "failed";
  }
  if (state.phase === "ringing") return "rang-no-answer";
  if (state.phase === "queue") return "queue-abandoned";
  // All that is automatic before a person counts as IVR (Q-1.1.1.4); an internal call that got nowhere failed.
  return direction === "internal" && state.phase === "none" ? "failed" : "ivr";
}

/** Part 0 for the journey, one more for each further party; none before journey.started. acw_ms is filled later. */
export function rowsOf(state: JourneyState): CallRecordRow[] {
  const { started, ended, parts } = state;
  if (!started) return [];
  const [first, ...further] = parts;
  const origin = state.legs[0];
  const placed = started.direction !== "inbound" && started.direction !== "internal";
  const trunkLeg = state.legs.findLast((leg) => leg.trunkId !== null);
  const rung = state.phase === "ringing" ? state.lastRung : null;
  // Who handled it; while nobody has: who placed it (calls out) or whose phone rang last.
  const who = first ?? (placed ? { agentId: origin?.agentId ?? null, extensionId: null } : rung);
  const extension =
    first?.extensionId ?? (placed ? (origin?.extensionId ?? started.extensionId) : rung?.extensionId) ?? null;
  // What led to nobody any more belongs to the last party reached.
  const rest = state.approach;
  const row: CallRecordRow = {
    journey: state.journey,
    part: 0,
    direction: started.direction,
    result: resultOf(state),
    cause: ended?.cause ?? null,
    hangup_by: ended?.by ?? null,
    sip_status: ended?.sipStatus ?? null,
    sip_reason: ended?.sipReason ?? null,
    caller_original: started.callerRaw,
    caller_actual: placed ? (started.displayedNumber ?? started.caller) : started.caller,
    caller_name: started.callerName,
    callee_original: started.calleeRaw,
    callee_actual: started.callee,
    did_id: started.didId ?? null,
    did_number: started.didNumber ?? null,
    trunk_id: started.trunkId ?? trunkLeg?.trunkId ?? null,
    group_id: first ? first.groupId : state.groupId,
    agent_id: who?.agentId ?? null,
    extension_id: extension,
    started_at: started.at,
    answered_at: first?.answeredAt ?? null,
    ended_at: ended?.at ?? null,
    ivr_ms: state.ivrMs,
    wait_ms: (first?.waitMs ?? 0) + (further.length === 0 ? rest.waitMs : 0),
    ring_ms: first?.ringMs ?? rest.ringMs,
    talk_ms: first?.talkMs ?? 0,
    hold_ms: first?.holdMs ?? 0,
    hold_count: first?.holdCount ?? 0,
    acw_ms: 0,
    total_ms: ended ? ended.at - started.at : 0,
    keys: state.keys.join(","),
    recording: state.recordings[0]?.id ?? null,
    last_seq: state.lastSeq,
  };
  return [
    row,
    ...further.map((part, i) => partRow(state, row, part, i + 1, i === further.length - 1 ? rest.waitMs : 0)),
  ];
}

function partRow(
  state: JourneyState,
  journey: CallRecordRow,
  part: Part,
  index: number,
  restMs: number,
): CallRecordRow {
  const { ended } = state;
  const leftAt = ended ? (part.leftAt ?? ended.at) : null;
  return {
    ...journey,
    part: index,
    callee_actual: part.endpoint,
    trunk_id: part.trunkId ?? journey.trunk_id,
    group_id: part.groupId,
    agent_id: part.agentId,
    extension_id: part.extensionId,
    started_at: part.startedAt,
    answered_at: part.answeredAt,
    ended_at: leftAt,
    ivr_ms: 0,
    wait_ms: part.waitMs + restMs,
    ring_ms: part.ringMs,
    talk_ms: part.talkMs,
    hold_ms: part.holdMs,
    hold_count: part.holdCount,
    total_ms: leftAt === null ? 0 : leftAt - part.startedAt,
    keys: "",
    recording:
      part.agentId === null ? null : (state.recordings.find((r) => r.agent_id === part.agentId)?.id ?? null),
  };
}
