/** Agents' commands as pages and codes give them: an agent for itself, a supervisor for others. */
import type { LiveAgent } from "../calls/live.ts";
import { type Actor, ForbiddenError, permit, UseCaseError } from "../kernel.ts";
import type { Office } from "../routing/index.ts";
import type { AgentBoard, By } from "./agents.ts";

export interface AgentCommands {
  /** No groups given: every group the agent belongs to. @throws UseCaseError error.agent-disabled | error.not-member */
  signIn(actor: Actor, agentId: number, groupIds?: readonly number[]): void;
  signOut(actor: Actor, agentId: number, groupIds?: readonly number[]): void;
  /** `reasonId` of a pause reason; null = without one. */
  pause(actor: Actor, agentId: number, reasonId: number | null): void;
  unpause(actor: Actor, agentId: number): void;
  endAcw(actor: Actor, agentId: number): void;
  states(): readonly LiveAgent[];
}

export function createAgentCommands(board: AgentBoard, office: () => Office): AgentCommands {
  /** Who acts; refuses what is not the actor's to do. */
  function by(actor: Actor, agentId: number): Exclude<By, "system" | "phone"> {
    if (!office().agents.has(agentId))
      throw new UseCaseError("error.not-found", { what: "agent", id: agentId });
    if (actor.agentId === agentId) {
      permit(actor, "desk.use");
      return "web";
    }
    permit(actor, "agents.control");
    if (actor.scope === "own") throw new ForbiddenError("agents.control");
    return "admin";
  }
  return {
    signIn: (actor, agentId, groupIds = []) => board.signIn(agentId, groupIds, by(actor, agentId)),
    signOut: (actor, agentId, groupIds = []) => board.signOut(agentId, groupIds, by(actor, agentId)),
    pause(actor, agentId, reasonId) {
      const who = by(actor, agentId);
      const reason = reasonId === null ? "" : office().pauseReasons.get(reasonId);
      if (reason === undefined)
        throw new UseCaseError("error.not-found", { what: "pause-reason", id: reasonId ?? 0 });
      board.pause(agentId, reason, reasonId, who);
    },
    unpause: (actor, agentId) => board.unpause(agentId, by(actor, agentId)),
    endAcw: (actor, agentId) => board.endAcw(agentId, by(actor, agentId)),
    states: () => board.picture(),
  };
}
