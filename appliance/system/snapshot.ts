/** All versioned configuration tables as one JSON value, and the way back. */
import { sql } from "kysely";
import type { Tx } from "../../storage/database.ts";

/** Parents before children. `unique`: columns parked while rows change places; `keep`: secrets a rollback never changes. */
const TABLES: readonly {
  readonly name: string;
  readonly unique: readonly string[];
  readonly keep: readonly string[];
}[] = [
  { name: "trunk", unique: ["name"], keep: ["password"] },
  { name: "did", unique: ["number"], keep: ["last_used_at"] },
  { name: "displayed_number", unique: ["number"], keep: [] },
  { name: "department", unique: ["name"], keep: [] },
  { name: "extension", unique: ["number"], keep: ["ha1_md5", "ha1_sha256", "dnd"] },
  { name: "agent", unique: ["number"], keep: ["phone_pin_hash"] },
  { name: "inbound_route", unique: ["name"], keep: [] },
  { name: "condition", unique: ["name"], keep: [] },
  { name: "flow", unique: ["name", "internal_number"], keep: [] },
  { name: "agent_group", unique: ["name", "number"], keep: [] },
  { name: "outbound_rule", unique: ["name"], keep: [] },
  { name: "media_file", unique: ["name", "number"], keep: [] },
  { name: "pause_reason", unique: ["name"], keep: [] },
];
/** No id of their own: replaced whole. */
const WHOLE = ["group_member", "feature_code", "setting"] as const;

export type Snapshot = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

export async function takeSnapshot(tx: Tx): Promise<Snapshot> {
  const snapshot: Record<string, readonly Record<string, unknown>[]> = {};
  for (const name of [...TABLES.map((t) => t.name), ...WHOLE]) {
    const { rows } = await sql<Record<string, unknown>>`SELECT * FROM ${sql.table(name)} ORDER BY 1`.execute(
      tx,
    );
    snapshot[name] = rows;
  }
  return snapshot;
}

/** Makes the tables equal to the snapshot (but for `keep`). Columns added since keep their values. */
export async function restoreSnapshot(tx: Tx, snapshot: Snapshot): Promise<void> {
  await sql`PRAGMA defer_foreign_keys = ON`.execute(tx);
  for (const { name, unique } of TABLES)
    for (const column of unique)
      await sql`UPDATE ${sql.table(name)} SET ${sql.ref(column)} = ${`~${column}~`} || id`.execute(tx);
  for (const { name, keep } of TABLES) {
    const rows = snapshot[name] ?? [];
    const there = new Set(
      (await sql<{ id: number }>`SELECT id FROM ${sql.table(name)}`.execute(tx)).rows.map((r) => r.id),
    );
    for (const row of rows) {
      const known = there.delete(Number(row.id));
      const columns = Object.keys(row).filter((c) => !known || (c !== "id" && !keep.includes(c)));
      if (known)
        await sql`UPDATE ${sql.table(name)} SET ${sql.join(columns.map((c) => sql`${sql.ref(c)} = ${row[c]}`))}
          WHERE id = ${row.id}`.execute(tx);
      else await insertRow(tx, name, columns, row);
    }
    for (const id of there) await sql`DELETE FROM ${sql.table(name)} WHERE id = ${id}`.execute(tx);
  }
  for (const name of WHOLE) {
    await sql`DELETE FROM ${sql.table(name)}`.execute(tx);
    for (const row of snapshot[name] ?? []) await insertRow(tx, name, Object.keys(row), row);
  }
  // An agent brought back may name an account that is gone since.
  await sql`UPDATE agent SET account_id = NULL WHERE account_id NOT IN (SELECT id FROM account)`.execute(tx);
  await sql`UPDATE account SET department_id = NULL WHERE department_id NOT IN (SELECT id FROM department)`.execute(
    tx,
  );
}

async function insertRow(
  tx: Tx,
  table: string,
  columns: readonly string[],
  row: Readonly<Record<string, unknown>>,
) {
  await sql`INSERT INTO ${sql.table(table)} (${sql.join(columns.map((c) => sql.ref(c)))})
    VALUES (${sql.join(columns.map((c) => row[c]))})`.execute(tx);
}
