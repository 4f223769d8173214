/** The reducer of journeys: pure, one event at a time, the same for the live append and for the rebuild. */
import type { CallEvent } from "../events.ts";
import { closeBridges, joinBridge, leaveBridge, passTime } from "./parts.ts";
import { approachSince, dropRings, endOfRing, ringing } from "./ring.ts";
import type { JourneyState, LegState, RecordingRow } from "./state.ts";

/** @returns the state after `event`; the given one is untouched. */
export function reduce(before: JourneyState, event: CallEvent): JourneyState {
  const state = passTime(before, event.at);
  return { ...step(state, event), lastSeq: event.seq, lastAt: Math.max(state.lastAt, event.at) };
}

function step(state: JourneyState, event: CallEvent): JourneyState {
  const { at } = event;
  switch (event.kind) {
    case "journey.started":
      return { ...state, started: { ...event.data, at } };
    case "flow.entered":
      return { ...approachSince(state, at), phase: "ivr", flowSince: state.flowSince ?? at };
    case "flow.left":
      return leaveFlow(state, at);
    case "feature.used":
      return state.phase === "none" ? { ...state, phase: "ivr" } : state;
    case "keys.pressed":
      return event.data.digits === "" ? state : { ...state, keys: [...state.keys, event.data.digits] };
    case "queue.joined":
      return {
        ...approachSince(state, at),
        phase: "queue",
        queueSince: at,
        groupId: event.data.groupId,
      };
    case "queue.left": {
      const left = leaveQueue(state, at);
      // Who takes the place over is the group's caller now.
      return event.data.reason === "handed-over" ? { ...left, phase: "none", groupId: null } : left;
    }
    case "offer.made": {
      const { agentId, groupId } = event.data;
      const others = state.offers.filter((o) => o.agentId !== agentId);
      return { ...approachSince(state, at), offers: [...others, { agentId, groupId, ringingSince: null }] };
    }
    case "offer.ringing": {
      const { agentId, groupId } = event.data;
      const others = state.offers.filter((o) => o.agentId !== agentId);
      const rung = ringing(state, at, { agentId, extensionId: extensionOf(state, agentId) });
      return { ...rung, offers: [...others, { agentId, groupId, ringingSince: at }] };
    }
    case "offer.answered":
    case "offer.missed":
      return endOffer(state, event);
    case "leg.created":
      return addLeg(state, event);
    case "leg.ringing":
      return legRinging(state, event.leg, at);
    case "leg.answered":
      return endLegRing(state, event.leg, at, true);
    case "leg.ended": {
      const rung = endLegRing(state, event.leg, at, false);
      return {
        ...rung,
        legs: rung.legs.map((leg) => (leg.id === event.leg ? { ...leg, ended: true } : leg)),
        holds: rung.holds.filter((leg) => leg !== event.leg),
      };
    }
    case "bridge.joined":
      return joinBridge(state, event.data, at);
    case "bridge.left":
      return leaveBridge(state, event.data, at);
    case "leg.moved":
      return {
        ...state,
        legs: state.legs.map((leg) => (leg.id === event.leg ? { ...leg, ended: true } : leg)),
      };
    case "transfer.completed":
      // Who transfers is served no longer.
      return state.contact === event.leg ? { ...state, contact: null } : state;
    case "hold.started":
      return startHold(state, event.leg ?? "");
    case "hold.ended":
      return { ...state, holds: state.holds.filter((leg) => leg !== (event.leg ?? "")) };
    case "recording.started":
    case "recording.stopped":
    case "recording.deleted":
      return { ...state, recordings: record(state, event) };
    case "journey.ended": {
      const { cause, by, sipStatus, sipReason } = event.data;
      const open = closeBridges(dropRings(leaveQueue(leaveFlow(state, at), at), at), at);
      const ended = { at, cause, by, sipStatus: sipStatus ?? null, sipReason: sipReason ?? null };
      return { ...open, ended };
    }
    default:
      return state;
  }
}

type Of<K extends CallEvent["kind"]> = Extract<CallEvent, { readonly kind: K }>;

function leaveFlow(state: JourneyState, at: number): JourneyState {
  if (state.flowSince === null) return state;
  return { ...state, flowSince: null, ivrMs: state.ivrMs + at - state.flowSince };
}

function leaveQueue(state: JourneyState, at: number): JourneyState {
  if (state.queueSince === null) return state;
  const waitMs = state.approach.waitMs + at - state.queueSince;
  return { ...state, queueSince: null, approach: { ...state.approach, waitMs } };
}

function extensionOf(state: JourneyState, agentId: number): number | null {
  return state.legs.findLast((leg) => leg.agentId === agentId)?.extensionId ?? null;
}

function endOffer(state: JourneyState, event: Of<"offer.answered"> | Of<"offer.missed">): JourneyState {
  const { agentId } = event.data;
  const offer = state.offers.find((o) => o.agentId === agentId);
  if (!offer) return state;
  const offers = state.offers.filter((o) => o !== offer);
  const answered = event.kind === "offer.answered";
  const next =
    offer.ringingSince === null
      ? { ...state, offers }
      : endOfRing({ ...state, offers }, event.at - offer.ringingSince, answered);
  // Back to waiting, unless the ringing was what the call ended in.
  const over = event.kind === "offer.missed" && !["caller-left", "lost"].includes(event.data.reason);
  const silent = next.ringing.length === 0 && offers.every((o) => o.ringingSince === null);
  return over && silent && next.phase === "ringing" && next.queueSince !== null
    ? { ...next, phase: "queue" }
    : next;
}

function addLeg(state: JourneyState, event: Of<"leg.created">): JourneyState {
  const id = event.leg ?? "";
  const { role, endpoint, agentId, extensionId, trunkId } = event.data;
  const leg: LegState = {
    id,
    role,
    endpoint,
    agentId: agentId ?? null,
    extensionId: extensionId ?? null,
    trunkId: trunkId ?? null,
    ended: false,
  };
  return { ...state, legs: [...state.legs.filter((l) => l.id !== id), leg] };
}

/** The first leg is the one the journey began with: its own ringing is nobody's wait. */
function legRinging(state: JourneyState, id: string | null, at: number): JourneyState {
  const leg = state.legs.find((l) => l.id === id);
  if (!leg || leg === state.legs[0] || leg.role === "supervisor" || leg.role === "service") return state;
  if (leg.agentId !== null && state.offers.some((o) => o.agentId === leg.agentId)) return state;
  if (state.ringing.some((r) => r.leg === leg.id)) return state;
  const rung = ringing(state, at, { agentId: leg.agentId, extensionId: leg.extensionId });
  return { ...rung, ringing: [...rung.ringing, { leg: leg.id, since: at }] };
}

function endLegRing(state: JourneyState, id: string | null, at: number, answered: boolean): JourneyState {
  const ring = state.ringing.find((r) => r.leg === id);
  if (!ring) return state;
  return endOfRing({ ...state, ringing: state.ringing.filter((r) => r !== ring) }, at - ring.since, answered);
}

function startHold(state: JourneyState, leg: string): JourneyState {
  if (state.holds.includes(leg)) return state;
  const first = state.holds.length === 0;
  const open = new Set(state.parts.filter((p) => p.leftAt === null).map((p) => p.key));
  return {
    ...state,
    holds: [...state.holds, leg],
    parts: first
      ? state.parts.map((p) => (open.has(p.key) ? { ...p, holdCount: p.holdCount + 1 } : p))
      : state.parts,
  };
}

function record(
  state: JourneyState,
  event: Of<"recording.started"> | Of<"recording.stopped"> | Of<"recording.deleted">,
): readonly RecordingRow[] {
  const { recordings, journey } = state;
  if (event.kind === "recording.started") {
    const { recording, file, leftLeg, rightLeg } = event.data;
    const sides = state.legs.filter((leg) => leg.id === leftLeg || leg.id === rightLeg);
    const row: RecordingRow = {
      id: recording,
      journey,
      file,
      started_at: event.at,
      stopped_at: null,
      duration_ms: 0,
      bytes: 0,
      sha256: "",
      left_leg: leftLeg,
      right_leg: rightLeg ?? null,
      agent_id: sides.findLast((leg) => leg.agentId !== null)?.agentId ?? null,
      state: "recording",
      failure: null,
    };
    return [...recordings.filter((r) => r.id !== recording), row];
  }
  if (event.kind === "recording.deleted") {
    const { recording } = event.data;
    return recordings.map((row) => (row.id === recording ? { ...row, state: "deleted" } : row));
  }
  const { recording, ms, bytes, sha256, failed } = event.data;
  return recordings.map((row) =>
    row.id === recording
      ? {
          ...row,
          stopped_at: event.at,
          duration_ms: ms,
          bytes,
          sha256,
          state: failed === undefined ? "done" : "failed",
          failure: failed ?? null,
        }
      : row,
  );
}
