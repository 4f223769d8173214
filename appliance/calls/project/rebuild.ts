/** Drops the projections and makes them again from the logs; the rows are the same, byte for byte (journey.md). */
import type { Store } from "../../../storage/database.ts";
import { agentEventOf, callEventOf, type StoredAgentEvent, type StoredEvent } from "./read.ts";
import { reduce } from "./reduce.ts";
import { emptyJourneyState, type JourneyState } from "./state.ts";
import { dropStretches, STRETCH_KINDS } from "./stretches.ts";
import { applyAgentEvent, saveRecordings, saveRecords } from "./write.ts";

const CHUNK = 5000;

/**
 * Rebuilds call_record, recording and agent_timeline in one transaction. Not while calls run: it takes as long as the
 * logs are. Returns how much was replayed. @throws StorageError
 */
export function rebuild(store: Store): { readonly journeys: number; readonly events: number } {
  const { sync } = store;
  return sync.transaction((db) => {
    db.run("DELETE FROM call_record");
    db.run("DELETE FROM recording");
    dropStretches(sync);
    let journeys = 0;
    let events = 0;
    let state: JourneyState | null = null;
    const flush = () => {
      if (!state) return;
      journeys++;
      saveRecords(sync, state);
      saveRecordings(sync, state);
    };
    // One journey after another: only one state is held, however long the log.
    const select = sync.prepare(
      `SELECT seq, at, journey, leg, kind, data FROM call_event WHERE (journey, seq) > (?, ?)
       ORDER BY journey, seq LIMIT ${CHUNK}`,
    );
    for (let last: [string, number] = ["", 0]; ; ) {
      const rows = select.all(...last) as StoredEvent[];
      for (const row of rows) {
        if (state?.journey !== row.journey) {
          flush();
          state = emptyJourneyState(row.journey);
        }
        state = reduce(state, callEventOf(row));
      }
      events += rows.length;
      const end = rows.at(-1);
      if (!end || rows.length < CHUNK) break;
      last = [end.journey, end.seq];
    }
    flush();
    const kinds = ["agent.acw_ended", ...STRETCH_KINDS].map((kind) => `'${kind}'`).join(", ");
    const agents = sync.prepare(
      `SELECT seq, at, agent_id, kind, data FROM agent_event WHERE seq > ? AND kind IN (${kinds}) ORDER BY seq LIMIT ${CHUNK}`,
    );
    for (let last = 0; ; ) {
      const rows = agents.all(last) as StoredAgentEvent[];
      for (const row of rows) applyAgentEvent(sync, agentEventOf(row));
      const end = rows.at(-1);
      if (!end) break;
      last = end.seq;
    }
    return { journeys, events };
  });
}
