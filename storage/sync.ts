/**
 * The synchronous fast path of the writer, for facts that must be kept in the same tick (events, registrations): safe
 * from the end of this program on return, from a power cut when `flushed` resolves, which is a matter of milliseconds and
 * does not keep the main thread waiting.
 * An asynchronous `write` may have its transaction open at that moment; then the work joins it under a savepoint, and
 * should that transaction fail, the work is done again on its own at once.
 */
import type { SQLQueryBindings, Database as Sqlite, Statement } from "bun:sqlite";
import { storageError } from "./errors.ts";
import type { Flusher } from "./flush.ts";

/** An event row before it has its `seq`; `data` is stored as JSON. Times are UTC ms. */
export interface EventInsert {
  readonly at: number;
  readonly journey: string;
  readonly leg: string | null;
  readonly kind: string;
  readonly data: unknown;
}

export interface AgentEventInsert {
  readonly at: number;
  readonly agentId: number;
  readonly kind: string;
  readonly data: unknown;
}

export interface SyncWriter {
  /** The writer's connection. Write only inside `transaction`. */
  readonly db: Sqlite;
  /** Runs `work` in one transaction (or in the open one) and returns its value. `work` must be synchronous. */
  transaction<T>(work: (db: Sqlite) => T): T;
  /** A statement prepared once. */
  prepare(sql: string): Statement<unknown, SQLQueryBindings[]>;
  /** Resolves when all that was committed here is on the disk. @throws StorageError */
  flushed(): Promise<void>;
  /** Appends in order; returns the `seq` of each. @throws StorageError disk-full */
  appendEvents(events: readonly EventInsert[]): number[];
  appendAgentEvents(events: readonly AgentEventInsert[]): number[];
}

/** What `write` tells the fast path about its own transaction. */
export interface OpenTransaction {
  opened(): void;
  committed(): void;
  /** Called after ROLLBACK: does again what had joined. */
  rolledBack(): void;
}

export function syncWriter(
  db: Sqlite,
  flusher: Pick<Flusher, "committed" | "flushed">,
): { writer: SyncWriter; gate: OpenTransaction } {
  const statements = new Map<string, Statement<unknown, SQLQueryBindings[]>>();
  let outer = false;
  let depth = 0;
  let joined: ((db: Sqlite) => unknown)[] = [];
  let ends: (() => void)[] = [];
  const ended = (): void => {
    const waiting = ends;
    ends = [];
    for (const end of waiting) end();
  };

  const prepare = (sql: string) => {
    let found = statements.get(sql);
    if (!found) {
      found = db.prepare(sql);
      statements.set(sql, found);
    }
    return found;
  };

  function alone<T>(work: (db: Sqlite) => T): T {
    // The flusher synchronises instead, beside the main thread.
    db.run("PRAGMA synchronous = NORMAL");
    depth++;
    try {
      prepare("BEGIN IMMEDIATE").run();
      const value = work(db);
      prepare("COMMIT").run();
      flusher.committed();
      return value;
    } catch (error) {
      if (db.inTransaction) prepare("ROLLBACK").run();
      throw storageError(error);
    } finally {
      depth--;
      db.run("PRAGMA synchronous = FULL");
    }
  }

  function transaction<T>(work: (db: Sqlite) => T): T {
    if (depth > 0) return work(db);
    if (!outer) return alone(work);
    prepare("SAVEPOINT fast").run();
    depth++;
    try {
      const value = work(db);
      prepare("RELEASE fast").run();
      joined.push(work);
      return value;
    } catch (error) {
      prepare("ROLLBACK TO fast").run();
      prepare("RELEASE fast").run();
      throw storageError(error);
    } finally {
      depth--;
    }
  }

  const insertEvent = "INSERT INTO call_event (at, journey, leg, kind, data) VALUES (?, ?, ?, ?, ?)";
  const insertAgentEvent = "INSERT INTO agent_event (at, agent_id, kind, data) VALUES (?, ?, ?, ?)";

  const writer: SyncWriter = {
    db,
    prepare,
    transaction,
    async flushed() {
      // What joined an open transaction is kept when that one is, or done again on its own.
      if (outer) await new Promise<void>((resolve) => ends.push(resolve));
      await flusher.flushed();
    },
    appendEvents: (events) =>
      transaction(() => {
        const insert = prepare(insertEvent);
        return events.map((e) =>
          Number(insert.run(e.at, e.journey, e.leg, e.kind, JSON.stringify(e.data)).lastInsertRowid),
        );
      }),
    appendAgentEvents: (events) =>
      transaction(() => {
        const insert = prepare(insertAgentEvent);
        return events.map((e) =>
          Number(insert.run(e.at, e.agentId, e.kind, JSON.stringify(e.data)).lastInsertRowid),
        );
      }),
  };
  const gate: OpenTransaction = {
    opened() {
      outer = true;
    },
    committed() {
      outer = false;
      joined = [];
      ended();
    },
    rolledBack() {
      outer = false;
      const again = joined;
      joined = [];
      try {
        if (again.length > 0)
          alone((db) => {
            for (const work of again) work(db);
          });
      } finally {
        ended();
      }
    },
  };
  return { writer, gate };
}
