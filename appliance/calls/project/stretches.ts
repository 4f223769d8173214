/** Agents' stretches of one state (agent_timeline): each begins and ends with a fact of the agents' log. */
import type { SyncWriter } from "../../../storage/sync.ts";
import type { AgentEvent, AgentFact } from "../events.ts";

/** Facts of the agents' log that make the stretches. */
export const STRETCH_KINDS = ["agent.state_changed", "agent.state_ended"] as const;

/** Only an agent's newest stretch can be open: found by the index, however long the table is. */
const NEWEST = "WHERE agent_id = ? ORDER BY from_at DESC, rowid DESC LIMIT 1";
const OPEN = `INSERT INTO agent_timeline (agent_id, state, reason, from_at, to_at, journey, group_id)
  VALUES (?, ?, ?, ?, NULL, ?, ?)`;

/** Closes the agent's stretch and opens the next one, as the event says; other events do nothing. */
export function applyStretch(sync: SyncWriter, event: AgentEvent): void {
  if (event.kind !== "agent.state_changed" && event.kind !== "agent.state_ended") return;
  const newest = sync
    .prepare(`SELECT rowid, from_at, to_at FROM agent_timeline ${NEWEST}`)
    .get(event.agentId) as { rowid: number; from_at: number; to_at: number | null } | null;
  // The clock may have been set back: stretches never overlap.
  const at = Math.max(event.at, newest?.to_at ?? newest?.from_at ?? 0);
  if (newest?.to_at === null)
    sync.prepare("UPDATE agent_timeline SET to_at = ? WHERE rowid = ?").run(at, newest.rowid);
  if (event.kind === "agent.state_ended") return;
  const { state, reason, journey, groupId } = event.data;
  sync.prepare(OPEN).run(event.agentId, state, reason, at, journey, groupId);
}

/** What ends all open stretches at `at` (UTC ms): nobody looks after the agents' states from then on. */
export function endOfStretches(sync: SyncWriter, at: number): AgentFact[] {
  const open = sync
    .prepare("SELECT agent_id, from_at FROM agent_timeline WHERE to_at IS NULL ORDER BY rowid")
    .all() as { agent_id: number; from_at: number }[];
  return open.map((row) => ({
    kind: "agent.state_ended",
    agentId: row.agent_id,
    at: Math.max(at, row.from_at),
    data: {},
  }));
}

/** Drops the stretches that the log can make again; those of versions that kept no facts of them stay. */
export function dropStretches(sync: SyncWriter): void {
  sync
    .prepare(
      `DELETE FROM agent_timeline
       WHERE from_at >= (SELECT MIN(at) FROM agent_event WHERE kind = 'agent.state_changed')`,
    )
    .run();
}
