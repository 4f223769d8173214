/** Queueing: groups with their queues, and pause reasons. */
import type { Entity } from "../kernel.ts";
import type { AgentCommands } from "./commands.ts";
import type { DeskPresence } from "./desk-presence.ts";
import type { GroupInput, GroupRow, PauseReason, PauseReasonInput } from "./model.ts";

export { AgentBoard, type AgentBoardDeps, type AgentDay, type By } from "./agents.ts";
export { type AgentCommands, createAgentCommands } from "./commands.ts";
export type { AgentLeg } from "./decide/agent-state.ts";
export { type Admission, admission, pickAgents, waitingOrder } from "./decide/queue.ts";
export { createDeskPresence, type DeskPresence } from "./desk-presence.ts";
export { createQueueingConfig } from "./groups.ts";
export type * from "./model.ts";
export { GROUP_DEFAULTS } from "./model.ts";

/** The configuration half; the agents' commands are added where the agents' states live. */
export interface QueueingConfig {
  readonly groups: Entity<GroupRow, GroupInput>;
  readonly pauseReasons: Entity<PauseReason, PauseReasonInput>;
}

export interface Queueing extends QueueingConfig {
  readonly agentCommands: AgentCommands;
  /** Told by the live streams of the pages (W-3.1.2.18–19). */
  readonly deskPresence: DeskPresence;
}
