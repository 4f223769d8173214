import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../storage/database.ts";
import { type Actor, ForbiddenError, NotFoundError, SYSTEM_ACTOR } from "../kernel.ts";
import type { CallFact } from "./events.ts";
import { createLog } from "./log.ts";
import { agentLeg, fact, inboundStart, START } from "./project/scenario.ts";
import { createRecords } from "./records.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const STEP = 60_000;

/** Calls of agents 1, 2 and 3 in turn, a minute apart. */
async function office(calls = 9) {
  const folder = mkdtempSync(join(tmpdir(), "zongji-records-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  cleanups.push(() => store.close());
  const { db } = store.sync;
  db.run("INSERT INTO department (id, name, created_at, updated_at) VALUES (901, 'Sales', 0, 0)");
  db.run(
    "INSERT INTO department (id, name, parent_id, created_at, updated_at) VALUES (902, 'North', 901, 0, 0)",
  );
  for (const id of [1, 2, 3]) {
    db.run(
      `INSERT INTO extension (id, number, name, ha1_md5, ha1_sha256, enabled, allow_remote, dnd, created_at, updated_at)
       VALUES (?, ?, '', '', '', 1, 0, 0, 0, 0)`,
      [id, String(1000 + id)],
    );
    db.run(
      `INSERT INTO agent (id, number, first_name, last_name, extension_id, department_id, phone_pin_hash, click_to_call_only,
         enabled, work_in_browser, browser_timeout_s, created_at, updated_at)
       VALUES (?, ?, '伟', '王', ?, ?, '', 0, 1, 0, 0, 0, 0)`,
      [id, String(1000 + id), id, id === 3 ? null : 900 + id],
    );
  }
  const log = createLog({ store });
  for (let i = 0; i < calls; i++) {
    const agent = 1 + (i % 3);
    const facts: CallFact[] = [
      ...inboundStart(`j${i}`),
      agentLeg(1, "a", agent, `j${i}`),
      fact(2, "leg.answered", { codec: "PCMA" }, "a", `j${i}`),
      fact(2, "bridge.joined", { legs: ["c", "a"], mode: "talk" }, null, `j${i}`),
      fact(
        2,
        "recording.started",
        { recording: `r${i}`, file: `rec/${i}.wav`, leftLeg: "c", rightLeg: "a" },
        null,
        `j${i}`,
      ),
      fact(7, "bridge.left", { legs: ["c", "a"], mode: "talk" }, null, `j${i}`),
      fact(7, "recording.stopped", { recording: `r${i}`, ms: 5000, bytes: 9, sha256: "h" }, null, `j${i}`),
      fact(7, "journey.ended", { cause: "normal", by: "callee" }, null, `j${i}`),
    ];
    log.append(facts.map((f) => ({ ...f, at: f.at + i * STEP })));
  }
  return { store, folder, records: createRecords({ store, now: () => START }) };
}

const actor = (scope: Actor["scope"], agentId: number | null, departmentId: number | null = null): Actor => ({
  ...SYSTEM_ACTOR,
  name: "li",
  permissions: ["calls.view", "recordings.play"],
  scope,
  agentId,
  departmentId,
});

test("a page newest first, with names; filters by time, agent and part of a number", async () => {
  const { records } = await office();
  const page = await records.list(SYSTEM_ACTOR, { pageSize: 4, page: 2 });
  expect(page).toMatchObject({ total: 9, totalIsMore: false, page: 2 });
  expect(page.rows.map((row) => row.journey)).toEqual(["j4", "j3", "j2", "j1"]);
  expect(page.rows[0]).toMatchObject({
    agentNumber: "1002",
    agentName: "王伟",
    talkMs: 5000,
    recording: { id: "r4", durationMs: 5000, state: "done" },
  });
  const list = async (filters: Record<string, string>) =>
    (await records.list(SYSTEM_ACTOR, { filters })).rows.map((row) => row.journey);
  expect(await list({ from: String(START + 3 * STEP), to: String(START + 5 * STEP) })).toEqual(["j4", "j3"]);
  expect(await list({ agent: "1", result: "answered" })).toEqual(["j6", "j3", "j0"]);
  expect(await list({ number: "800000001" })).toHaveLength(9);
  expect(await list({ number: "777" })).toEqual([]);
  expect(await list({ direction: "outbound" })).toEqual([]);
});

test("scope: own, department with those below, nothing without an agent; permission is asked", async () => {
  const { records } = await office();
  const seen = async (who: Actor) => (await records.list(who, {})).total;
  expect(await seen(actor("own", 1))).toBe(3);
  expect(await seen(actor("own", null))).toBe(0);
  expect(await seen(actor("department", null, 901))).toBe(6);
  expect(await seen(actor("department", null, 902))).toBe(3);
  expect(await seen(actor("all", null))).toBe(9);
  expect(await records.get(actor("own", 1), "j0")).toHaveLength(1);
  expect(await records.get(actor("own", 1), "j1").catch((e) => e)).toBeInstanceOf(NotFoundError);
  expect(await records.timeline(actor("own", 1), "j1").catch((e) => e)).toBeInstanceOf(NotFoundError);
  expect(await records.timeline(actor("own", 1), "j0")).toHaveLength(9);
  const nobody = { ...actor("all", null), permissions: [] };
  expect(await records.list(nobody, {}).catch((e) => e)).toBeInstanceOf(ForbiddenError);
});

test("a recording within scope is told and audited; others are not", async () => {
  const { records, store, folder } = await office();
  const found = await records.recordingFile(actor("own", 1), "r0");
  expect(found).toEqual({
    path: join(folder, "rec/0.wav"),
    durationMs: 5000,
    name: "20231114T221322Z_13800000001_02155501.wav",
  });
  // A player asks again for each piece.
  await records.recordingFile(actor("own", 1), "r0");
  expect(await records.recordingFile(actor("own", 1), "r1").catch((e) => e)).toBeInstanceOf(NotFoundError);
  expect(await records.recordingFile(actor("own", 1), "r0", "download").catch((e) => e)).toBeInstanceOf(
    ForbiddenError,
  );
  expect(store.sync.db.query("SELECT actor, action, subject, subject_id FROM audit_log").all()).toEqual([
    { actor: "li", action: "play-recording", subject: "recording", subject_id: "r0" },
  ]);
});

test("counting stops, so that a list of very many calls opens at once", async () => {
  const { records, store } = await office(1);
  store.sync.db.run(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)
     INSERT INTO call_record SELECT 'x' || i, part, direction, result, cause, hangup_by, sip_status, sip_reason,
       caller_original, caller_actual, caller_name, callee_original, callee_actual, did_id, did_number, trunk_id,
       group_id, agent_id, extension_id, started_at + i, answered_at, ended_at, ivr_ms, wait_ms, ring_ms, talk_ms,
       hold_ms, hold_count, acw_ms, total_ms, keys, recording, last_seq FROM call_record, n`,
  );
  const page = await records.list(SYSTEM_ACTOR, {});
  expect(page).toMatchObject({ total: 10_000, totalIsMore: true });
  expect(page.rows[0]?.journey).toBe("x10500");
  expect(records.todayCounts(START)).toMatchObject({
    calls: 10_501,
    inbound: 10_501,
    answered: 10_501,
    outbound: 0,
  });
});
