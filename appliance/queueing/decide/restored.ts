/** What the agents' log says of each agent when the exchange starts anew. */
import type { AgentFact } from "../../calls/events.ts";

export interface RestoredAgent {
  readonly groups: Set<number>;
  paused: { reason: string; reasonId: number | null; since: number } | null;
  /** UTC ms of the last change that counts for how long the agent has been free; null without one. */
  baseSince: number | null;
  /** After-call work that was not ended. */
  acw: Extract<AgentFact, { kind: "agent.acw_started" }> | null;
}

/** Folds the facts of an earlier run, in the order of the log. */
export function restoredAgents(facts: Iterable<AgentFact>): ReadonlyMap<number, RestoredAgent> {
  const found = new Map<number, RestoredAgent>();
  for (const fact of facts) {
    let agent = found.get(fact.agentId);
    if (!agent) {
      agent = { groups: new Set(), paused: null, baseSince: null, acw: null };
      found.set(fact.agentId, agent);
    }
    switch (fact.kind) {
      case "agent.signed_in":
        agent.groups.add(fact.data.groupId);
        agent.baseSince = fact.at;
        break;
      case "agent.signed_out":
        agent.groups.delete(fact.data.groupId);
        agent.baseSince = fact.at;
        break;
      case "agent.paused":
        agent.paused = { reason: fact.data.reason, reasonId: fact.data.reasonId, since: fact.at };
        break;
      case "agent.unpaused":
        agent.paused = null;
        agent.baseSince = fact.at;
        break;
      case "agent.acw_started":
        agent.acw = fact;
        break;
      case "agent.acw_ended":
        agent.acw = null;
        agent.baseSince = fact.at;
        break;
      default:
        break;
    }
  }
  return found;
}
