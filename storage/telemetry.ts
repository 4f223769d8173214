/** The second file: log lines, NORMAL durability, pruned by age. Times are UTC ms. */
import { Database as Sqlite } from "bun:sqlite";

export interface LogRow {
  readonly at: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly part: string;
  readonly message: string;
}

export interface Telemetry {
  /** Never throws: a log line must not stop a call. */
  log(row: LogRow): void;
  newest(limit: number): readonly LogRow[];
  /** Removes rows older than `before`; returns how many. */
  prune(before: number): number;
  close(): void;
}

export function openTelemetry(file: string): Telemetry {
  const db = new Sqlite(file, { create: true, readwrite: true });
  db.run("PRAGMA busy_timeout = 1000");
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = NORMAL");
  db.run(
    "CREATE TABLE IF NOT EXISTS log (at INTEGER NOT NULL, level TEXT NOT NULL, part TEXT NOT NULL, message TEXT NOT NULL)",
  );
  db.run("CREATE INDEX IF NOT EXISTS log_at ON log (at)");
  const insert = db.prepare("INSERT INTO log (at, level, part, message) VALUES (?, ?, ?, ?)");
  const newest = db.prepare<LogRow, [number]>(
    "SELECT at, level, part, message FROM log ORDER BY at DESC, rowid DESC LIMIT ?",
  );
  const prune = db.prepare("DELETE FROM log WHERE at < ?");
  return {
    log(row) {
      try {
        insert.run(row.at, row.level, row.part, row.message.slice(0, 4000));
      } catch {
        // Full disk or closed: the line is lost, the call is not.
      }
    },
    newest: (limit) => newest.all(limit),
    prune: (before) => prune.run(before).changes,
    close: () => db.close(),
  };
}
