/** Writes projected rows; call it inside a transaction of the synchronous writer. */
import type { SQLQueryBindings } from "bun:sqlite";
import type { SyncWriter } from "../../../storage/sync.ts";
import type { AgentEvent } from "../events.ts";
import { rowsOf } from "./rows.ts";
import type { CallRecordRow, JourneyState, RecordingRow } from "./state.ts";
import { applyStretch } from "./stretches.ts";

const RECORD_COLUMNS = [
  "journey",
  "part",
  "direction",
  "result",
  "cause",
  "hangup_by",
  "sip_status",
  "sip_reason",
  "caller_original",
  "caller_actual",
  "caller_name",
  "callee_original",
  "callee_actual",
  "did_id",
  "did_number",
  "trunk_id",
  "group_id",
  "agent_id",
  "extension_id",
  "started_at",
  "answered_at",
  "ended_at",
  "ivr_ms",
  "wait_ms",
  "ring_ms",
  "talk_ms",
  "hold_ms",
  "hold_count",
  "acw_ms",
  "total_ms",
  "keys",
  "recording",
  "last_seq",
] as const satisfies readonly (keyof CallRecordRow)[];

const RECORDING_COLUMNS = [
  "id",
  "journey",
  "file",
  "started_at",
  "stopped_at",
  "duration_ms",
  "bytes",
  "sha256",
  "left_leg",
  "right_leg",
  "agent_id",
  "state",
  "failure",
] as const satisfies readonly (keyof RecordingRow)[];

/** Columns in `kept` hold what others put there. */
function upsert(table: string, columns: readonly string[], key: readonly string[], kept: readonly string[]) {
  const set = columns.filter((c) => !key.includes(c) && !kept.includes(c)).map((c) => `${c} = excluded.${c}`);
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})
    ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${set.join(", ")}`;
}

// After-call work comes from the agents' log, also after the journey's end.
const UPSERT_RECORD = upsert("call_record", RECORD_COLUMNS, ["journey", "part"], ["acw_ms"]);
const UPSERT_RECORDING = upsert("recording", RECORDING_COLUMNS, ["id"], []);

export function saveRecords(sync: SyncWriter, state: JourneyState): void {
  for (const row of rowsOf(state))
    sync.prepare(UPSERT_RECORD).run(...RECORD_COLUMNS.map((column): SQLQueryBindings => row[column]));
}

export function saveRecordings(sync: SyncWriter, state: JourneyState): void {
  for (const row of state.recordings)
    sync.prepare(UPSERT_RECORDING).run(...RECORDING_COLUMNS.map((column): SQLQueryBindings => row[column]));
}

/**
 * Agents' stretches; and adds finished after-call work to the agent's record of that journey. A stretch ends with
 * agent.acw_ended; the start is looked up in the log, so nothing need be remembered.
 */
export function applyAgentEvent(sync: SyncWriter, event: AgentEvent): void {
  applyStretch(sync, event);
  if (event.kind !== "agent.acw_ended") return;
  const before = sync
    .prepare(
      `SELECT kind, at, data FROM agent_event WHERE agent_id = ? AND seq < ?
       AND kind IN ('agent.acw_started', 'agent.acw_ended') ORDER BY seq DESC LIMIT 1`,
    )
    .get(event.agentId, event.seq) as { kind: string; at: number; data: string } | null;
  if (before?.kind !== "agent.acw_started") return;
  const { journey } = JSON.parse(before.data) as { journey: string };
  sync
    .prepare("UPDATE call_record SET acw_ms = acw_ms + ? WHERE journey = ? AND agent_id = ?")
    .run(Math.max(0, event.at - before.at), journey, event.agentId);
}
