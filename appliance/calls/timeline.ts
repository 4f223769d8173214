/** The stretches of agents' states (agent_timeline): one row a stretch, closed when the next begins. */
import type { SyncWriter } from "../../storage/database.ts";
import type { AgentState, JourneyId } from "./events.ts";

export interface StretchWriter {
  write(
    agentId: number,
    state: { readonly state: AgentState; readonly reason: string },
    journey: JourneyId | null,
    groupId: number | null,
    at: number,
  ): void;
  /** Ends all open stretches. */
  close(at: number): void;
}

/** Stretches an earlier run left open end where the next one begins, at `startedAt` at the latest. */
export function stretchWriter(sync: SyncWriter, startedAt: number): StretchWriter {
  const closeAll = (at: number) =>
    void sync.prepare("UPDATE agent_timeline SET to_at = MAX(from_at, ?) WHERE to_at IS NULL").run(at);
  sync.transaction(() => closeAll(startedAt));
  return {
    write(agentId, { state, reason }, journey, groupId, at) {
      sync.transaction(() => {
        sync
          .prepare("UPDATE agent_timeline SET to_at = ? WHERE agent_id = ? AND to_at IS NULL")
          .run(at, agentId);
        sync
          .prepare(
            `INSERT INTO agent_timeline (agent_id, state, reason, from_at, to_at, journey, group_id)
             VALUES (?, ?, ?, ?, NULL, ?, ?)`,
          )
          .run(agentId, state, reason, at, journey, groupId);
      });
    },
    close: (at) => sync.transaction(() => closeAll(at)),
  };
}
