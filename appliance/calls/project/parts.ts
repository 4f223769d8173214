/** The parties that handle the contact: who they are, how long they talk and hold. */
import type { BridgeMode } from "../events.ts";
import { EMPTY_APPROACH, type JourneyState, type LegState, type Part } from "./state.ts";

const isTalk = (mode: BridgeMode) => mode === "talk" || mode === "conference";

export function keyOf(leg: LegState): string {
  if (leg.agentId !== null) return `a${leg.agentId}`;
  return leg.extensionId === null ? `x${leg.endpoint}` : `e${leg.extensionId}`;
}

/** Legs that hear the contact now, without it. */
function handlers(state: JourneyState): Set<string> {
  const found = new Set<string>();
  for (const { legs, mode } of state.bridges)
    if (isTalk(mode) && state.contact !== null && legs.includes(state.contact))
      for (const id of legs) if (id !== state.contact) found.add(id);
  return found;
}

function talking(state: JourneyState): Set<string> {
  const ids = handlers(state);
  return new Set(state.legs.filter((leg) => ids.has(leg.id)).map(keyOf));
}

/** The time since the last event goes to talk or hold of those in the conversation. */
export function passTime(state: JourneyState, at: number): JourneyState {
  const ms = at - state.lastAt;
  if (state.bridges.length === 0 || ms <= 0) return state;
  const keys = talking(state);
  const held = state.holds.length > 0;
  return {
    ...state,
    parts: state.parts.map((part) => {
      if (!keys.has(part.key)) return part;
      return held ? { ...part, holdMs: part.holdMs + ms } : { ...part, talkMs: part.talkMs + ms };
    }),
  };
}

/**
 * Whom the others serve: the caller; for calls we place for somebody, the outside party. When that one has gone, the
 * first of the bridge who took part before.
 */
function contactOf(state: JourneyState, legs: readonly string[]): string | null {
  const known = state.legs.filter((leg) => legs.includes(leg.id));
  const current = state.legs.find((leg) => leg.id === state.contact);
  if (current && (legs.includes(current.id) || !current.ended)) return current.id;
  if (current === undefined) {
    const { direction } = state.started ?? { direction: "inbound" };
    const placed = direction === "outbound" || direction === "campaign" || direction === "callback";
    const first = placed
      ? known.find((leg) => leg.role === "external")
      : (known.find((leg) => leg.role === "caller") ?? known.find((leg) => leg === state.legs[0]));
    if (first) return first.id;
  }
  const old = known.find((leg) => state.parts.some((part) => part.key === keyOf(leg)));
  return (old ?? known[0])?.id ?? null;
}

export function joinBridge(
  before: JourneyState,
  bridge: { readonly legs: readonly string[]; readonly mode: BridgeMode },
  at: number,
): JourneyState {
  const bridges = [...before.bridges, { legs: [...bridge.legs], mode: bridge.mode }];
  if (!isTalk(bridge.mode)) return { ...before, bridges };
  const contact = contactOf(before, bridge.legs);
  let state: JourneyState = { ...before, bridges, contact };
  if (contact === null || !bridge.legs.includes(contact)) return state;
  state = { ...state, phase: "talking" };
  for (const id of bridge.legs) {
    const leg = state.legs.find((l) => l.id === id);
    if (!leg || id === contact || leg.role === "service" || leg.role === "supervisor") continue;
    state = answer(state, leg, at);
  }
  return state;
}

function answer(state: JourneyState, leg: LegState, at: number): JourneyState {
  const key = keyOf(leg);
  if (state.parts.some((part) => part.key === key))
    return {
      ...state,
      parts: state.parts.map((part) => (part.key === key ? { ...part, leftAt: null } : part)),
    };
  const { approach } = state;
  const waited = state.queueSince === null ? 0 : at - state.queueSince;
  const part: Part = {
    key,
    agentId: leg.agentId,
    extensionId: leg.extensionId,
    trunkId: leg.trunkId,
    endpoint: leg.endpoint,
    groupId: state.groupId,
    startedAt: approach.since ?? at,
    answeredAt: at,
    leftAt: null,
    waitMs: approach.waitMs + waited,
    ringMs: approach.ringMs,
    talkMs: 0,
    holdMs: 0,
    holdCount: state.holds.length > 0 ? 1 : 0,
  };
  // The group is the part's; a party reached later without a queue has none.
  return {
    ...state,
    parts: [...state.parts, part],
    approach: EMPTY_APPROACH,
    groupId: null,
    queueSince: null,
  };
}

export function leaveBridge(
  before: JourneyState,
  bridge: { readonly legs: readonly string[]; readonly mode: BridgeMode },
  at: number,
): JourneyState {
  const bridges = before.bridges.flatMap((open) => {
    if (open.mode !== bridge.mode || !open.legs.some((leg) => bridge.legs.includes(leg))) return [open];
    const legs = open.legs.filter((leg) => !bridge.legs.includes(leg));
    return legs.length > 1 ? [{ ...open, legs }] : [];
  });
  return leaveParts(before, { ...before, bridges }, at);
}

/** Parties of `before` that no longer talk in `after` have left. */
function leaveParts(before: JourneyState, after: JourneyState, at: number): JourneyState {
  const were = talking(before);
  const are = talking(after);
  return {
    ...after,
    parts: after.parts.map((part) =>
      were.has(part.key) && !are.has(part.key) ? { ...part, leftAt: at } : part,
    ),
  };
}

/** The journey ends: whatever is still open closes. */
export function closeBridges(state: JourneyState, at: number): JourneyState {
  return { ...leaveParts(state, { ...state, bridges: [] }, at), holds: [] };
}
