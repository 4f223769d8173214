/**
 * What a new office starts with. Names that are locale keys are built in ("role.administrator" on screen).
 *
 * Feature codes, close to FreePBX's where that has one: *43 echo test, *45 sign in, *46 sign out, *47 pause (followed by
 * the reason's position, "*471"), *48 idle again, *65 say my number.
 */
import { type Kysely, sql } from "kysely";

const SUPERVISOR = [
  "dashboard.view",
  "calls.view",
  "calls.export",
  "calls.hangup",
  "calls.note",
  "recordings.play",
  "recordings.download",
  "click-to-call",
  "monitor.view",
  "agents.control",
  "agents.view",
  "groups.view",
  "pause-reasons.view",
  "blacklist.view",
  "blacklist.edit",
  "media-files.view",
];
const AGENT = ["desk.use", "calls.view", "calls.note", "recordings.play", "click-to-call"];
const RECEPTIONIST = [
  "dashboard.view",
  "reception.use",
  "calls.view",
  "calls.note",
  "calls.hangup",
  "click-to-call",
  "monitor.view",
  "agents.view",
  "extensions.view",
  "groups.view",
];

const ROLES: readonly (readonly [name: string, permissions: readonly string[], scope: string])[] = [
  ["administrator", ["*"], "all"],
  ["supervisor", SUPERVISOR, "groups"],
  ["agent", AGENT, "own"],
  ["receptionist", RECEPTIONIST, "all"],
];

const FEATURE_CODES: readonly (readonly [code: string, feature: string])[] = [
  ["*43", "echo"],
  ["*45", "sign-in"],
  ["*46", "sign-out"],
  ["*47", "pause"],
  ["*48", "idle"],
  ["*65", "announce-number"],
];

const PAUSE_REASONS = ["rest", "meal", "meeting", "training", "paperwork"];

export async function seed(db: Kysely<unknown>): Promise<void> {
  const now = Date.now();
  for (const [name, permissions, scope] of ROLES)
    await sql`INSERT INTO role (name, permissions_json, scope, built_in, created_at, updated_at)
      VALUES (${name}, ${JSON.stringify(permissions)}, ${scope}, 1, ${now}, ${now})`.execute(db);
  await sql`INSERT INTO department (name, parent_id, created_at, updated_at) VALUES ('default', NULL, ${now}, ${now})`.execute(
    db,
  );
  for (const [code, feature] of FEATURE_CODES)
    await sql`INSERT INTO feature_code (code, feature) VALUES (${code}, ${feature})`.execute(db);
  for (const [index, reason] of PAUSE_REASONS.entries())
    await sql`INSERT INTO pause_reason (name, position, created_at, updated_at)
      VALUES (${`pause-reason.${reason}`}, ${index + 1}, ${now}, ${now})`.execute(db);
}
