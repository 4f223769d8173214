import { Database as Sqlite } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { BunSqliteDialect } from "kysely-bun-sqlite";
import { DATABASE_FILE, openConnection, openStore, StorageError, type Store } from "./database.ts";
import { MIGRATIONS, migrate, NEWEST } from "./migrations/index.ts";
import type { Database } from "./schema/index.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "zongji-store-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function opened(path = folder()): Promise<Store> {
  const store = await openStore(path);
  cleanups.push(() => store.close());
  return store;
}

const event = (journey: string, n: number) => ({
  at: 1000 + n,
  journey,
  leg: null,
  kind: "node.entered",
  data: { n },
});

test("opens with the pragmas that durability needs, twice in a row", async () => {
  const store = await opened();
  const value = (name: string) => Object.values(store.sync.db.query(`PRAGMA ${name}`).get() as object)[0];
  expect([value("journal_mode"), value("synchronous"), value("foreign_keys"), value("busy_timeout")]).toEqual(
    ["wal", 2, 1, 5000],
  );
  expect(store.version).toBe(NEWEST);
  expect(await store.check()).toEqual([]);
  await store.close();
  const again = await opened(store.folder);
  const roles = await again.read.selectFrom("role").select("name").orderBy("id").execute();
  expect(roles.map((r) => r.name)).toEqual(["administrator", "supervisor", "agent", "receptionist"]);
});

test("writes run one after another; a failed one leaves nothing", async () => {
  const store = await opened();
  const add = (name: string, fail = false) =>
    store.write(async (tx) => {
      await tx
        .insertInto("department")
        .values({ name, parent_id: null, created_at: 0, updated_at: 0 })
        .execute();
      if (fail) throw new Error("no");
      return name;
    });
  const results = await Promise.allSettled([add("a"), add("b", true), add("c"), add("a")]);
  expect(results.map((r) => r.status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
  const names = await store.read.selectFrom("department").select("name").orderBy("id").execute();
  expect(names.map((n) => n.name)).toEqual(["default", "a", "c"]);
});

test("events appended while a write is open survive its failure, with gap-free numbers", async () => {
  const store = await opened();
  expect(store.sync.appendEvents([event("j1", 1), event("j1", 2)])).toEqual([1, 2]);
  let inside: number[] = [];
  const failing = store.write(async (tx) => {
    await tx
      .insertInto("department")
      .values({ name: "x", parent_id: null, created_at: 0, updated_at: 0 })
      .execute();
    inside = store.sync.appendEvents([event("j2", 3)]);
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(inside).toEqual([3]);
  await store.write(async () => {
    store.sync.appendEvents([event("j3", 4)]);
  });
  const rows = await store.read
    .selectFrom("call_event")
    .select(["seq", "journey", "data"])
    .orderBy("seq")
    .execute();
  expect(rows.map((r) => [r.seq, r.journey])).toEqual([
    [1, "j1"],
    [2, "j1"],
    [3, "j2"],
    [4, "j3"],
  ]);
  expect(JSON.parse(rows[2]?.data ?? "")).toEqual({ n: 3 });
  expect(await store.read.selectFrom("department").select("name").where("name", "=", "x").execute()).toEqual(
    [],
  );
});

test("a synchronous transaction is all or nothing", async () => {
  const store = await opened();
  const broken = () =>
    store.sync.transaction(() => {
      store.sync.appendEvents([event("j", 1)]);
      store.sync.appendAgentEvents([{ at: 1, agentId: 1, kind: "agent.unpaused", data: { by: "web" } }]);
      throw new Error("no");
    });
  expect(broken).toThrow("no");
  expect(await store.read.selectFrom("call_event").selectAll().execute()).toEqual([]);
  expect(
    store.sync.appendAgentEvents([{ at: 1, agentId: 7, kind: "agent.unpaused", data: { by: "web" } }]),
  ).toEqual([1]);
});

test("an unwritable folder, a file that is no database and a newer database are told apart", async () => {
  const file = join(folder(), "file");
  writeFileSync(file, "");
  await expect(openStore(join(file, "data"))).rejects.toMatchObject({ code: "unwritable" });
  const noise = folder();
  writeFileSync(join(noise, DATABASE_FILE), "x".repeat(8192));
  await expect(openStore(noise)).rejects.toMatchObject({ code: "corrupt" });
  const newer = await opened();
  newer.sync.db.run("INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-later', '')");
  await newer.close();
  await expect(openStore(newer.folder)).rejects.toMatchObject({ code: "newer-version" });
});

test("a full disk is a typed error and the database stays sound", async () => {
  const store = await opened();
  const pages = Object.values(store.sync.db.query("PRAGMA page_count").get() as object)[0] as number;
  store.sync.db.run(`PRAGMA max_page_count = ${pages + 2}`);
  const fill = () => store.sync.appendEvents([{ ...event("j", 1), data: "x".repeat(100_000) }]);
  expect(fill).toThrow(StorageError);
  store.sync.db.run("PRAGMA max_page_count = 1073741823");
  expect(store.sync.appendEvents([event("j", 1)])).toEqual([1]);
  expect(await store.check()).toEqual([]);
});

test("every earlier version is brought to the newest", async () => {
  for (const name of Object.keys(MIGRATIONS)) {
    const path = folder();
    const db = new Kysely<Database>({
      dialect: new BunSqliteDialect({ database: openConnection(join(path, DATABASE_FILE)) }),
    });
    await migrate(db, name);
    await db.destroy();
    const store = await opened(path);
    const { rows } = await sql<{ name: string }>`SELECT name FROM kysely_migration ORDER BY name`.execute(
      store.read,
    );
    expect(rows.map((r) => r.name)).toEqual(Object.keys(MIGRATIONS));
    expect(await store.check()).toEqual([]);
  }
});

test("trunks and registrations of the first version keep their ways", async () => {
  const path = folder();
  const old = openConnection(join(path, DATABASE_FILE));
  const db = new Kysely<Database>({ dialect: new BunSqliteDialect({ database: old }) });
  await migrate(db, "0001-first");
  const add = old.prepare(
    `INSERT INTO trunk (name, enabled, kind, host, port, transport, username, auth_username, password, from_domain, outbound_proxy,
     allowed_addresses_json, max_calls, register_expires_s, options_ping_s, codecs_json, identity_header, created_at, updated_at)
     VALUES (?, 1, ?, 'h', 0, 'udp', ?, '', 'p', '', '', '[]', 0, 300, 30, '["PCMA"]', ?, 1, 1)`,
  );
  add.run("account in From", "registration", "acct", "pai");
  add.run("number in From", "registration", "acct", "none");
  add.run("by address", "ip", "", "pai");
  old.run(
    `INSERT INTO extension (number, name, ha1_md5, ha1_sha256, enabled, allow_remote, dnd, created_at, updated_at)
     VALUES ('1001', '', '', '', 1, 0, 0, 1, 1)`,
  );
  old.run(
    "INSERT INTO registration VALUES (1, 'sip:1001@h', 'udp:h:5060', 'ua', 'c', 1, '', 1, 9999999999999)",
  );
  await db.destroy();
  const store = await opened(path);
  const trunks = await store.read.selectFrom("trunk").selectAll().orderBy("id").execute();
  expect(trunks.map((row) => [row.name, row.from_user, row.contact_user])).toEqual([
    ["account in From", "account", "account"],
    ["number in From", "caller", "account"],
    ["by address", "caller", "account"],
  ]);
  expect(trunks[0]).toMatchObject({
    host: "h",
    password: "p",
    srtp: "off",
    dtmf: "rfc4733",
    early_media: 1,
    number_format: "dialled",
    country: "CN",
    next_trunk_id: null,
  });
  const rows = await store.read.selectFrom("registration").selectAll().execute();
  expect(rows[0]).toMatchObject({ contact: "sip:1001@h", path_json: "[]" });
});

test("lists of a million rows read an index, never sort or scan the table", async () => {
  const store = await opened();
  const plan = (text: string) =>
    (store.sync.db.query(`EXPLAIN QUERY PLAN ${text}`).all() as { detail: string }[])
      .map((r) => r.detail)
      .join("; ");
  const page = "ORDER BY started_at DESC LIMIT 50";
  for (const [query, index] of [
    [`SELECT * FROM call_record ${page}`, "call_record_started"],
    [`SELECT * FROM call_record WHERE started_at < 5 ${page}`, "call_record_started"],
    [`SELECT * FROM call_record WHERE agent_id = 1 ${page}`, "call_record_agent"],
    [`SELECT * FROM call_record WHERE group_id = 1 AND started_at > 5 ${page}`, "call_record_group"],
    [`SELECT * FROM call_record WHERE did_id = 1 ${page}`, "call_record_did"],
    [`SELECT * FROM call_record WHERE result = 'answered' ${page}`, "call_record_result"],
    [`SELECT * FROM call_record WHERE caller_actual = '138' ${page}`, "call_record_caller"],
    [`SELECT * FROM call_record WHERE callee_actual = '600' ${page}`, "call_record_callee"],
    ["SELECT count(*) FROM call_record WHERE started_at >= 1 AND started_at < 9", "call_record_started"],
    ["SELECT * FROM call_event WHERE journey = 'j' ORDER BY seq", "call_event_journey"],
    ["SELECT * FROM call_event WHERE at >= 5 AND at < 9", "call_event_at"],
    ["SELECT * FROM agent_event WHERE agent_id = 1 ORDER BY seq DESC LIMIT 1", "agent_event_agent"],
    ["SELECT * FROM agent_timeline WHERE agent_id = 1 AND from_at >= 5", "agent_timeline_agent"],
    ["SELECT * FROM recording WHERE journey = 'j'", "recording_journey"],
    ["SELECT * FROM audit_log WHERE at >= 5 ORDER BY at DESC LIMIT 50", "audit_log_at"],
  ] as const) {
    const found = plan(query);
    expect(found).toContain(`INDEX ${index}`);
    expect(found).not.toContain("TEMP B-TREE");
  }
});

test("telemetry keeps log lines in its own file and forgets old ones", async () => {
  const store = await opened();
  for (const at of [1, 2, 3]) store.telemetry.log({ at, level: "info", part: "test", message: `m${at}` });
  expect(store.telemetry.newest(2).map((r) => r.message)).toEqual(["m3", "m2"]);
  expect(store.telemetry.prune(3)).toBe(2);
  const main = new Sqlite(join(store.folder, DATABASE_FILE), { readonly: true });
  cleanups.push(() => main.close());
  expect(main.query("SELECT name FROM sqlite_master WHERE name = 'log'").all()).toEqual([]);
});
