/**
 * The event logs (journey.md): facts become durable together with the rows projected from them, in one transaction,
 * then the listeners hear of them in order.
 */
import type { Store } from "../../storage/database.ts";
import type { AgentEvent, AgentFact, CallEvent, CallFact, JourneyId } from "./events.ts";
import { emptyJourneyState, type JourneyState, reduce } from "./project/index.ts";
import { agentEventOf, readJourneyEvents, type StoredAgentEvent } from "./project/read.ts";
import { applyAgentEvent, saveRecordings, saveRecords } from "./project/write.ts";

export interface EventLog {
  /**
   * Kept on return; a power cut within the next 5 ms may still take them (storage/flush.ts). The events in the order given,
   * each with its `seq`. @throws StorageError
   */
  append(facts: readonly CallFact[]): readonly CallEvent[];
  /** @throws StorageError */
  appendAgent(facts: readonly AgentFact[]): readonly AgentEvent[];
  /** Called once per event after it is durable. The function given back ends it. */
  onEvent(listener: (event: CallEvent) => void): () => void;
  onAgentEvent(listener: (event: AgentEvent) => void): () => void;
  /** All events of a journey in order; none = unknown. */
  readJourney(journey: JourneyId): CallEvent[];
  /** What agents did with a `seq` above `sinceSeq` (0); without the states that came of it. */
  readAgentEvents(sinceSeq?: number): AgentEvent[];
  /** Journeys without journey.ended, oldest first. */
  openJourneys(): JourneyId[];
}

/** Ended journeys kept in memory for what comes late (a recording's figures). */
const ENDED_KEPT = 200;

export function createLog(deps: { readonly store: Store }): EventLog {
  const { store } = deps;
  const { sync } = store;
  const states = new Map<JourneyId, JourneyState>();
  let ended: JourneyId[] = [];

  const stateOf = (journey: JourneyId): JourneyState =>
    states.get(journey) ?? readJourneyEvents(sync, journey).reduce(reduce, emptyJourneyState(journey));

  function keep(state: JourneyState): void {
    const first = states.get(state.journey)?.ended ?? null;
    states.set(state.journey, state);
    if (state.ended === null || first !== null) return;
    ended.push(state.journey);
    if (ended.length <= ENDED_KEPT * 2) return;
    for (const old of ended.slice(0, ENDED_KEPT)) states.delete(old);
    ended = ended.slice(ENDED_KEPT);
  }

  const calls = dispatcher<CallEvent>(store);
  const agents = dispatcher<AgentEvent>(store);

  return {
    append(facts) {
      if (facts.length === 0) return [];
      // Read before the work: should the work be done again, it starts from the same states.
      const before = new Map<JourneyId, JourneyState>();
      for (const { journey } of facts) if (!before.has(journey)) before.set(journey, stateOf(journey));
      const done = sync.transaction(() => {
        const seqs = sync.appendEvents(facts);
        const after = new Map(before);
        const events = facts.map((fact, i): CallEvent => ({ ...fact, seq: seqs[i] ?? 0 }));
        for (const event of events)
          after.set(
            event.journey,
            reduce(after.get(event.journey) ?? emptyJourneyState(event.journey), event),
          );
        for (const [journey, state] of after) {
          saveRecords(sync, state);
          if (state.recordings !== before.get(journey)?.recordings) saveRecordings(sync, state);
        }
        return { events, after };
      });
      for (const state of done.after.values()) keep(state);
      calls.send(done.events);
      return done.events;
    },
    appendAgent(facts) {
      if (facts.length === 0) return [];
      const events = sync.transaction(() => {
        const seqs = sync.appendAgentEvents(facts);
        const stored = facts.map((fact, i): AgentEvent => ({ ...fact, seq: seqs[i] ?? 0 }));
        for (const event of stored) applyAgentEvent(sync, event);
        return stored;
      });
      agents.send(events);
      return events;
    },
    onEvent: calls.listen,
    onAgentEvent: agents.listen,
    readJourney: (journey) => readJourneyEvents(sync, journey),
    readAgentEvents(sinceSeq = 0) {
      const rows = sync
        .prepare(
          `SELECT seq, at, agent_id, kind, data FROM agent_event
           WHERE seq > ? AND kind NOT IN ('agent.state_changed', 'agent.state_ended') ORDER BY seq`,
        )
        .all(sinceSeq) as StoredAgentEvent[];
      return rows.map(agentEventOf);
    },
    openJourneys() {
      const rows = sync
        .prepare(
          "SELECT journey FROM call_record WHERE ended_at IS NULL AND part = 0 ORDER BY started_at, journey",
        )
        .all() as { journey: string }[];
      return rows.map((row) => row.journey);
    },
  };
}

/** Tells events in order: what a listener appends is told after the events under way. A listener's error is logged. */
function dispatcher<E extends { readonly at: number; readonly kind: string }>(store: Store) {
  const listeners = new Set<(event: E) => void>();
  const waiting: E[] = [];
  let busy = false;
  return {
    listen(listener: (event: E) => void): () => void {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    send(events: readonly E[]): void {
      waiting.push(...events);
      if (busy) return;
      busy = true;
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift())
        for (const listener of listeners)
          try {
            listener(event);
          } catch (error) {
            const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
            store.telemetry.log({
              at: event.at,
              level: "error",
              part: "calls",
              message: `${event.kind}: ${message}`,
            });
          }
      busy = false;
    },
  };
}
