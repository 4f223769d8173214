/** Ringing on the way to the next party. */
import type { JourneyState } from "./state.ts";

/** Notes when the way to the next party began. */
export function approachSince(state: JourneyState, at: number): JourneyState {
  if (state.approach.since !== null) return state;
  return { ...state, approach: { ...state.approach, since: at } };
}

/** A phone starts to ring. */
export function ringing(
  state: JourneyState,
  at: number,
  who: { readonly agentId: number | null; readonly extensionId: number | null },
): JourneyState {
  const next = approachSince(state, at);
  return { ...next, phase: "ringing", lastRung: who, approach: { ...next.approach, ringAnswered: false } };
}

/** A phone stops ringing: the answered ring counts, or the last one when nobody answers. */
export function endOfRing(state: JourneyState, ms: number, answered: boolean): JourneyState {
  if (state.approach.ringAnswered && !answered) return state;
  return { ...state, approach: { ...state.approach, ringMs: Math.max(0, ms), ringAnswered: answered } };
}

/** The journey ends: what still rings stops. */
export function dropRings(state: JourneyState, at: number): JourneyState {
  let next: JourneyState = { ...state, offers: [], ringing: [] };
  for (const { since } of state.ringing) next = endOfRing(next, at - since, false);
  for (const { ringingSince } of state.offers)
    if (ringingSince !== null) next = endOfRing(next, at - ringingSince, false);
  return next;
}
