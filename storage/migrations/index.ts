/** Migrations, forward only and compiled in. Never change one that was released: add the next. */
import { type Kysely, type Migration, Migrator } from "kysely";
import { StorageError } from "../errors.ts";
import type { Database } from "../schema/index.ts";
import { m0001 } from "./0001-first.ts";
import { m0002 } from "./0002-trunks.ts";

/** In order; names sort. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001-first": m0001,
  "0002-trunks": m0002,
};

export const NEWEST = Object.keys(MIGRATIONS).sort().at(-1) ?? "";

/**
 * Brings the database to `upTo` (default: the newest) and returns that name.
 * @throws StorageError "newer-version" for a database made by a later program
 */
export async function migrate(db: Kysely<Database>, upTo: string = NEWEST): Promise<string> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } });
  const { error, results } = await migrator.migrateTo(upTo);
  if (error !== undefined) {
    if (/corrupted migrations|missing/i.test(String(error)))
      throw new StorageError("newer-version", "The database was made by a newer version of Zongji.", {
        cause: error,
      });
    const failed = results?.find((r) => r.status === "Error");
    throw error instanceof Error
      ? error
      : new StorageError("failed", `Migration ${failed?.migrationName ?? ""} failed: ${String(error)}`);
  }
  return upTo;
}
