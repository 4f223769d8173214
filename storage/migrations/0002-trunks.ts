/** What carriers ask for beyond an address: formats, identities, limits, the next trunk; the Path of devices. */
import { type Kysely, type Migration, sql } from "kysely";

const TRUNK_COLUMNS: readonly string[] = [
  "srtp TEXT NOT NULL DEFAULT 'off'",
  "dtmf TEXT NOT NULL DEFAULT 'rfc4733'",
  "early_media INTEGER NOT NULL DEFAULT 1",
  "calls_per_second INTEGER NOT NULL DEFAULT 0",
  "number_format TEXT NOT NULL DEFAULT 'dialled'",
  "caller_format TEXT NOT NULL DEFAULT 'dialled'",
  "country TEXT NOT NULL DEFAULT 'CN'",
  "area_code TEXT NOT NULL DEFAULT ''",
  "number_prefix TEXT NOT NULL DEFAULT ''",
  "from_user TEXT NOT NULL DEFAULT 'caller'",
  "from_text TEXT NOT NULL DEFAULT ''",
  "contact_user TEXT NOT NULL DEFAULT 'account'",
  "contact_text TEXT NOT NULL DEFAULT ''",
  "diversion INTEGER NOT NULL DEFAULT 0",
  "hide_number INTEGER NOT NULL DEFAULT 0",
  "next_trunk_id INTEGER REFERENCES trunk(id)",
];

export const m0002: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const column of TRUNK_COLUMNS) await sql.raw(`ALTER TABLE trunk ADD COLUMN ${column}`).execute(db);
    await sql`CREATE INDEX trunk_next ON trunk (next_trunk_id)`.execute(db);
    // Registered accounts showed themselves in From whenever the number had a header of its own; that stays so.
    await sql`UPDATE trunk SET from_user = 'account'
      WHERE kind = 'registration' AND identity_header <> 'none' AND username <> ''`.execute(db);
    await sql`ALTER TABLE registration ADD COLUMN path_json TEXT NOT NULL DEFAULT '[]'`.execute(db);
  },
};
