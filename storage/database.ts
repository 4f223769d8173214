/**
 * The one database (design: SQLite, WAL). Main file: FULL durability, one writer, a separate reader. Telemetry file:
 * logs, NORMAL. Times are UTC ms.
 */
import { Database as Sqlite } from "bun:sqlite";
import { accessSync, constants, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { BunSqliteDialect } from "kysely-bun-sqlite";
import { StorageError, storageError } from "./errors.ts";
import { createFlusher } from "./flush.ts";
import { migrate } from "./migrations/index.ts";
import type { Database } from "./schema/index.ts";
import { type SyncWriter, syncWriter } from "./sync.ts";
import { openTelemetry, type Telemetry } from "./telemetry.ts";

export { StorageError } from "./errors.ts";
export type { AgentEventInsert, EventInsert, SyncWriter } from "./sync.ts";
export type { LogRow, Telemetry } from "./telemetry.ts";

export const DATABASE_FILE = "zongji.db";
export const TELEMETRY_FILE = "telemetry.db";

/** Open within `write`; a plain Kysely over the writer. */
export type Tx = Kysely<Database>;

export interface Store {
  /** The data folder. */
  readonly folder: string;
  /** Reads on their own connection; never sees a half-done write. */
  readonly read: Kysely<Database>;
  /**
   * One BEGIN IMMEDIATE transaction on the writer; calls run one after another, a busy database is tried again.
   * `work` awaits nothing but statements of `tx`. @throws StorageError
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** The synchronous fast path (events, registrations). */
  readonly sync: SyncWriter;
  readonly telemetry: Telemetry;
  /** Name of the newest migration in force. */
  readonly version: string;
  /** Problems found by quick_check and foreign_key_check; empty = sound. */
  check(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Settings of every connection; busy_timeout must be first. */
export function pragmas(db: Sqlite, synchronous: "FULL" | "NORMAL"): void {
  db.run("PRAGMA busy_timeout = 5000");
  db.run("PRAGMA journal_mode = WAL");
  db.run(`PRAGMA synchronous = ${synchronous}`);
  db.run("PRAGMA foreign_keys = ON");
  db.run("PRAGMA cache_size = -16000");
  db.run("PRAGMA temp_store = MEMORY");
  db.run("PRAGMA journal_size_limit = 67108864");
}

/** Opens a connection as `openStore` does; for the jobs Worker and the commands. @throws StorageError */
export function openConnection(file: string, options: { readonly readonly?: boolean } = {}): Sqlite {
  try {
    const db = new Sqlite(file, options.readonly ? { readonly: true } : { create: true, readwrite: true });
    if (options.readonly) db.run("PRAGMA busy_timeout = 5000");
    else pragmas(db, "FULL");
    return db;
  } catch (error) {
    throw storageError(error);
  }
}

/** Opens (and makes) the database in `folder` and brings it to the newest version. @throws StorageError */
export async function openStore(folder: string): Promise<Store> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StorageError("unwritable", `The data folder ${folder} cannot be written.`, { cause: error });
  }
  const file = join(folder, DATABASE_FILE);
  const db = openConnection(file);
  const writerDb = new Kysely<Database>({ dialect: new BunSqliteDialect({ database: db }) });
  let version: string;
  try {
    version = await migrate(writerDb);
  } catch (error) {
    await writerDb.destroy();
    throw storageError(error);
  }
  const readDb = openConnection(file, { readonly: true });
  const read = new Kysely<Database>({ dialect: new BunSqliteDialect({ database: readDb }) });
  const telemetry = openTelemetry(join(folder, TELEMETRY_FILE));
  const flusher = createFlusher(`${file}-wal`, (error) =>
    telemetry.log({ at: Date.now(), level: "error", part: "storage", message: `Flushing failed: ${error}` }),
  );
  const { writer, gate } = syncWriter(db, flusher);

  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  async function attempt<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    db.run("BEGIN IMMEDIATE");
    gate.opened();
    try {
      const value = await work(writerDb);
      db.run("COMMIT");
      gate.committed();
      return value;
    } catch (error) {
      if (db.inTransaction) db.run("ROLLBACK");
      gate.rolledBack();
      throw error;
    }
  }

  async function withRetry<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let n = 0; ; n++) {
      if (closed) throw new StorageError("closed", "The database is closed.");
      try {
        return await attempt(work);
      } catch (error) {
        const known = storageError(error);
        if (!(known instanceof StorageError && known.code === "busy") || n === 3) throw known;
        await Bun.sleep(20 * (n + 1));
      }
    }
  }

  return {
    folder,
    read,
    sync: writer,
    telemetry,
    version,
    write(work) {
      const result = last.then(() => withRetry(work));
      last = result.catch(() => undefined);
      return result;
    },
    async check() {
      const found: string[] = [];
      const quick = await sql<{ quick_check: string }>`PRAGMA quick_check(20)`.execute(read);
      for (const row of quick.rows) if (row.quick_check !== "ok") found.push(row.quick_check);
      const keys = await sql<{ table: string; parent: string }>`PRAGMA foreign_key_check`.execute(read);
      for (const row of keys.rows.slice(0, 20)) found.push(`${row.table} names a missing ${row.parent}`);
      return found;
    },
    async close() {
      if (closed) return;
      await last;
      closed = true;
      await flusher.close();
      telemetry.close();
      await read.destroy();
      db.run("PRAGMA optimize");
      await writerDb.destroy();
    },
  };
}
