/** Stored rows back to events. */
import type { SyncWriter } from "../../../storage/sync.ts";
import type { AgentEvent, CallEvent, JourneyId } from "../events.ts";

export interface StoredEvent {
  readonly seq: number;
  readonly at: number;
  readonly journey: string;
  readonly leg: string | null;
  readonly kind: string;
  readonly data: string;
}

export interface StoredAgentEvent {
  readonly seq: number;
  readonly at: number;
  readonly agent_id: number;
  readonly kind: string;
  readonly data: string;
}

/** Only our own appends are in the table, so the row has the shape of its kind. */
export function callEventOf(row: StoredEvent): CallEvent {
  const { seq, at, journey, leg, kind, data } = row;
  return { seq, at, journey, leg, kind, data: JSON.parse(data) } as CallEvent;
}

export function agentEventOf(row: StoredAgentEvent): AgentEvent {
  const { seq, at, agent_id: agentId, kind, data } = row;
  return { seq, at, agentId, kind, data: JSON.parse(data) } as AgentEvent;
}

/** All events of a journey in order. */
export function readJourneyEvents(sync: SyncWriter, journey: JourneyId): CallEvent[] {
  const rows = sync
    .prepare("SELECT seq, at, journey, leg, kind, data FROM call_event WHERE journey = ? ORDER BY seq")
    .all(journey) as StoredEvent[];
  return rows.map(callEventOf);
}
