/** Which waiting call and which agents come next: the six ring strategies of W-3.1.3.18–23 as pure functions. */
import type { Group, GroupMember } from "../../routing/model.ts";
import type { Why } from "../../routing/why.ts";

/** What the strategies know of an agent who may be offered a call now. */
export interface Candidate {
  readonly agentId: number;
  /** End of the agent's last call today, UTC ms; 0 = none today. */
  readonly lastCallEndedAt: number;
  /** Calls answered today. */
  readonly answeredToday: number;
  /** Not before this time: the retry pause of the group after a missed offer. UTC ms. */
  readonly notBefore: number;
}

export interface WaitingCall {
  readonly journey: string;
  readonly priority: number;
  readonly joinedAt: number;
}

/** Waiting calls in the order they are served: higher priority, then the longer wait, then the id. */
export function waitingOrder(calls: readonly WaitingCall[]): readonly WaitingCall[] {
  return [...calls].sort(
    (a, b) => b.priority - a.priority || a.joinedAt - b.joinedAt || (a.journey < b.journey ? -1 : 1),
  );
}

/** Where memory rotation stands: the agent who took the last call of the group. */
export interface RotationMemory {
  readonly lastAgentId: number | null;
}

export interface Pick {
  readonly agentIds: readonly number[];
  /** In words, for the offer's record. */
  readonly why: Why;
}

/**
 * Agents to ring now for one call; empty = nobody. `random` gives 0 ≤ x < 1. `tried` are the agents already missed in
 * this round: they are asked again only when no other of the same or another priority is left.
 */
export function pickAgents(
  group: Group,
  candidates: ReadonlyMap<number, Candidate>,
  memory: RotationMemory,
  tried: ReadonlySet<number>,
  now: number,
  random: () => number,
): Pick {
  const ready = [...group.members]
    .sort((a, b) => a.position - b.position)
    .filter((member) => (candidates.get(member.agentId)?.notBefore ?? Number.POSITIVE_INFINITY) <= now);
  if (ready.length === 0) return { agentIds: [], why: { code: "nobody-free" } };
  if (group.strategy === "ring-all")
    return {
      agentIds: ready.map((member) => member.agentId),
      why: { code: "all-free", params: { n: ready.length } },
    };
  const fresh = ready.filter((member) => !tried.has(member.agentId));
  const pool = fresh.length > 0 ? fresh : ready;
  const best = Math.min(...pool.map((member) => member.priority));
  const tier = pool.filter((member) => member.priority === best);
  const chosen = choose(group, tier, candidates, memory, random);
  return { agentIds: [chosen.member.agentId], why: chosen.why };
}

function choose(
  group: Group,
  tier: readonly GroupMember[],
  candidates: ReadonlyMap<number, Candidate>,
  memory: RotationMemory,
  random: () => number,
): { readonly member: GroupMember; readonly why: Why } {
  const first = tier[0];
  if (!first) throw new RangeError("choose needs at least one member");
  const smallest = (of: (c: Candidate | undefined) => number) =>
    tier.reduce((a, b) => (of(candidates.get(b.agentId)) < of(candidates.get(a.agentId)) ? b : a));
  switch (group.strategy) {
    case "longest-idle":
      return { member: smallest((c) => c?.lastCallEndedAt ?? 0), why: { code: "idle-longest" } };
    case "fewest-calls":
      return { member: smallest((c) => c?.answeredToday ?? 0), why: { code: "fewest-calls" } };
    case "memory-rotation": {
      const order = [...group.members].sort((a, b) => a.position - b.position);
      const last = order.find((member) => member.agentId === memory.lastAgentId)?.position;
      const after = last === undefined ? undefined : tier.find((member) => member.position > last);
      return { member: after ?? first, why: { code: "next-in-turn" } };
    }
    case "random":
      return {
        member: tier[Math.min(tier.length - 1, Math.floor(random() * tier.length))] ?? first,
        why: { code: "by-lot" },
      };
    case "sequential":
    case "ring-all":
      return { member: first, why: { code: "first-in-list" } };
  }
}

export type Admission =
  | { readonly admit: true }
  | { readonly admit: false; readonly reason: "full" | "empty" | "no-agent" };

/** Whether a call may join (W-3.1.3.36, .37, .39). */
export function admission(
  group: Group,
  state: { readonly waiting: number; readonly signedIn: number; readonly free: number },
): Admission {
  if (group.capacity > 0 && state.waiting >= group.capacity) return { admit: false, reason: "full" };
  if (state.signedIn === 0 && !group.joinEmpty) return { admit: false, reason: "empty" };
  if (group.noAgentOverflow && state.signedIn > 0 && state.free === 0)
    return { admit: false, reason: "no-agent" };
  return { admit: true };
}
