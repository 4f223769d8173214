import { afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../storage/database.ts";
import { SYSTEM_ACTOR, ValidationError } from "../kernel.ts";
import { createPeople } from "../people/index.ts";
import { createConfiguration, createSystem, type SetupInput } from "./index.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function office() {
  const folder = mkdtempSync(join(tmpdir(), "zongji-system-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  cleanups.push(() => store.close());
  const now = Date.now;
  const configuration = createConfiguration({ store, now });
  const people = createPeople({ store, now, configuration, realm: "office" });
  const make = () =>
    createSystem({
      store,
      now,
      configuration,
      version: "1.2.3",
      prepareAdministrator: people.prepareAdministrator,
    });
  const system = make();
  cleanups.push(() => system.stop());
  await configuration.load();
  return { store, people, system, folder, make };
}

const SETUP: SetupInput = {
  code: "",
  language: "en",
  username: "boss",
  displayName: "Boss",
  password: "a good password",
  officeName: "<i>Office</i>",
  timeZone: "Europe/Berlin",
  country: "DE",
  areaCode: "30",
  emergencyNumbers: ["112", "110"],
  numberingLength: 3,
};

test("first-boot set-up: wrong code, bad input, then all at once and only once", async () => {
  const { system, people, store, make } = await office();
  expect(system.setup.needed()).toBe(true);
  const { code } = system.setup;
  const wrong = await system.setup.complete({ ...SETUP, code: "0000-0000" }, "10.0.0.1").catch((e) => e);
  expect(wrong).toBeInstanceOf(ValidationError);
  expect(wrong.fields.code.code).toBe("error.set-up-code");
  const bad = await system.setup
    .complete({ ...SETUP, code, timeZone: "Mars/Base", password: "short" }, "")
    .catch((e) => e);
  expect(bad.fields.timeZone.code).toBe("error.choice");
  expect(await store.read.selectFrom("account").selectAll().execute()).toEqual([]);
  await system.setup.complete({ ...SETUP, code }, "10.0.0.1");
  expect(system.setup.needed()).toBe(false);
  expect(system.settings.get()).toMatchObject({
    officeName: "<i>Office</i>",
    timeZone: "Europe/Berlin",
    numberingLength: 3,
  });
  const { actor } = await people.signIn("boss", "a good password", { address: "", userAgent: "" });
  expect(actor.permissions).toEqual(["*"]);
  await expect(system.setup.complete({ ...SETUP, code, username: "other" }, "")).rejects.toBeInstanceOf(
    ValidationError,
  );
  const later = make();
  cleanups.push(() => later.stop());
  expect(later.setup.code).toBe("");
});

test("guessing the set-up code ends after ten attempts", async () => {
  const { system } = await office();
  for (let i = 0; i < 10; i++)
    await system.setup.complete({ ...SETUP, code: "x" }, "").catch(() => undefined);
  await expect(system.setup.complete({ ...SETUP, code: system.setup.code }, "")).rejects.toBeInstanceOf(
    ValidationError,
  );
});

test("settings are checked, saved and audited", async () => {
  const { system } = await office();
  const bad = await system.settings
    .save(SYSTEM_ACTOR, { extensionRingS: 0, emergencyNumbers: ["1a"] })
    .catch((e) => e);
  expect(Object.keys(bad.fields).sort()).toEqual(["emergencyNumbers", "extensionRingS"]);
  const saved = await system.settings.save(SYSTEM_ACTOR, { extensionRingS: 20, recordInternal: true });
  expect([saved.extensionRingS, saved.recordInternal, saved.outboundRingS]).toEqual([20, true, 60]);
  await system.audit.write(SYSTEM_ACTOR, "play-recording", "recording", "r1", { journey: "j" });
  const { rows } = await system.audit.list(SYSTEM_ACTOR, {});
  expect(rows.map((r) => [r.action, r.subject, r.subjectId])).toEqual([
    ["play-recording", "recording", "r1"],
    ["save", "settings", ""],
  ]);
  const nobody = { ...SYSTEM_ACTOR, permissions: [] };
  await expect(system.audit.list(nobody, {})).rejects.toMatchObject({ code: "error.forbidden" });
});

test("alarms: one open alarm for one trouble, cleared once", async () => {
  const { system, store } = await office();
  let told = 0;
  system.alarms.onChange(() => told++);
  system.alarms.raise("recording-failed", "disk", "ENOSPC");
  system.alarms.raise("recording-failed", "disk", "ENOSPC");
  system.alarms.raise("recording-failed", "disk", "EIO");
  expect(system.alarms.open()).toHaveLength(1);
  expect(system.alarms.open()[0]?.detail).toBe("EIO");
  system.alarms.clear("recording-failed", "disk");
  system.alarms.clear("recording-failed", "disk");
  expect([told, system.alarms.open().length]).toEqual([3, 0]);
  expect(await store.read.selectFrom("alarm").selectAll().execute()).toHaveLength(1);
  const health = await system.health(true);
  expect([health.databaseProblems, health.version, health.openAlarms]).toEqual([[], "1.2.3", 0]);
});

test("exports and backups run in the jobs Worker; formulas are guarded", async () => {
  const { system, store, folder } = await office();
  const insert = store.sync.prepare(
    `INSERT INTO call_record (journey, part, direction, caller_original, caller_actual, caller_name, callee_original,
      callee_actual, started_at, ivr_ms, wait_ms, ring_ms, talk_ms, hold_ms, hold_count, acw_ms, total_ms, keys, last_seq)
     VALUES (?, 0, 'inbound', '138' || (80000000 + ?), '138', ?, '600', '600', ?, 0, 0, 0, 0, 0, 0, 0, 0, '', 0)`,
  );
  store.sync.transaction(() => {
    for (let i = 0; i < 4500; i++)
      insert.run(`j${i}`, i, i === 0 ? '=cmd|"x"' : "张三", 1_700_000_000_000 + Math.floor(i / 3));
  });
  const columns = [
    { key: "started_at", label: "时间" },
    { key: "caller_name", label: "主叫" },
    { key: "journey", label: "ID" },
  ];
  const job = await system.jobs.start(SYSTEM_ACTOR, "export-call-records", {
    columns,
    timeZone: "Asia/Shanghai",
  });
  const done = await system.jobs.finished(job.id);
  expect([done.state, done.progress, done.error, done.result?.rows]).toEqual(["done", 100, null, 4500]);
  const { path } = await system.jobs.file(SYSTEM_ACTOR, job.id);
  const bytes = await Bun.file(path).bytes();
  expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  const lines = new TextDecoder().decode(bytes).trimEnd().split("\r\n");
  expect(lines).toHaveLength(4501);
  expect(lines[0]).toBe("时间,主叫,ID");
  expect(lines.at(-1)).toBe(`2023-11-15 06:13:20,"'=cmd|""x""",j0`);
  expect(new Set(lines).size).toBe(4501);
  const found = await system.jobs.start(SYSTEM_ACTOR, "export-call-records", {
    columns,
    timeZone: "Asia/Shanghai",
    number: "138 8000-0017",
  });
  expect((await system.jobs.finished(found.id)).result?.rows).toBe(1);

  mkdirSync(join(folder, "recordings"));
  writeFileSync(join(folder, "recordings", "a.wav"), "sound");
  const backup = await system.jobs.finished((await system.jobs.start(SYSTEM_ACTOR, "backup", {})).id);
  expect([backup.state, backup.error]).toEqual(["done", null]);
  const target = mkdtempSync(join(tmpdir(), "zongji-restored-"));
  cleanups.push(() => rmSync(target, { recursive: true }));
  const file = (await system.jobs.file(SYSTEM_ACTOR, backup.id)).path;
  expect(Bun.spawnSync(["tar", "-xf", file, "-C", target]).exitCode).toBe(0);
  expect(await Bun.file(join(target, "recordings", "a.wav")).text()).toBe("sound");
  const restored = await openStore(target);
  cleanups.push(() => restored.close());
  const { n } = await restored.read
    .selectFrom("call_record")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  expect(n).toBe(4500);

  const failed = await system.jobs.finished(
    (await system.jobs.start(SYSTEM_ACTOR, "export-call-records", { columns: [] })).id,
  );
  expect([failed.state, failed.error]).toEqual(["failed", "no columns to export"]);
});
