/** The derived state of an agent (journey.md): the first rule that fits wins. Pure. */
import type { AgentState, JourneyId } from "../../calls/events.ts";

/** What a leg of an agent is doing. */
export interface AgentLeg {
  readonly phase: "ringing" | "talking" | "held";
  readonly journey: JourneyId;
  readonly groupId: number | null;
  /** Came by an offer of a queue. */
  readonly viaOffer: boolean;
}

export interface TimedLeg extends AgentLeg {
  readonly since: number;
}

export interface AgentFacts {
  readonly deviceOnline: boolean;
  /** Groups the agent is signed in to, static ones included. */
  readonly groups: readonly number[];
  readonly pausedReason: string | null;
  readonly pausedSince: number;
  /** After-call work until this time (0 = until ended by hand), null = none. */
  readonly acwUntil: number | null;
  readonly acwSince: number;
  /** The agent's live leg, if any. `group`: null for a call outside the groups. */
  readonly leg: {
    readonly phase: "ringing" | "talking" | "held";
    readonly since: number;
    readonly groupId: number | null;
    readonly viaOffer: boolean;
    readonly journey: string;
  } | null;
  /** Since when the rest (signed in, online) is as it is. */
  readonly baseSince: number;
}

export interface DerivedState {
  readonly state: AgentState;
  readonly reason: string;
  readonly since: number;
}

export function deriveState(facts: AgentFacts): DerivedState {
  const { leg } = facts;
  if (!facts.deviceOnline && !leg) return { state: "offline", reason: "", since: facts.baseSince };
  if (facts.groups.length === 0 && !leg) return { state: "signed-out", reason: "", since: facts.baseSince };
  if (leg?.phase === "held") return { state: "on-hold", reason: "", since: leg.since };
  if (leg?.phase === "talking")
    return { state: leg.viaOffer ? "talking" : "busy", reason: "", since: leg.since };
  if (leg?.phase === "ringing")
    return { state: leg.viaOffer ? "ringing" : "busy", reason: "", since: leg.since };
  if (facts.acwUntil !== null) return { state: "acw", reason: "", since: facts.acwSince };
  if (facts.pausedReason !== null)
    return { state: "paused", reason: facts.pausedReason, since: facts.pausedSince };
  return { state: "idle", reason: "", since: facts.baseSince };
}

/** The leg that says what the agent is doing: held, talking, ringing for a group, then what is outside the groups. */
export function foremost(legs: Iterable<TimedLeg>): TimedLeg | null {
  let best: TimedLeg | null = null;
  for (const leg of legs) if (!best || rank(leg) < rank(best)) best = leg;
  return best;
}

function rank({ phase, viaOffer }: AgentLeg): number {
  if (phase === "held") return 0;
  return (phase === "talking" ? 1 : 2) + (viaOffer ? 0 : 2);
}
