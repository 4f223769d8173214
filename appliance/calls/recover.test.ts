import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../storage/database.ts";
import { fakeClock } from "./clock.ts";
import { createLog } from "./log.ts";
import { agentLeg, fact, inboundStart, START } from "./project/scenario.ts";
import { closeBroken, readHeartbeat, startHeartbeat } from "./recover.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function open() {
  const folder = mkdtempSync(join(tmpdir(), "zongji-recover-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  cleanups.push(() => store.close());
  return store;
}

test("what a crash left open is closed at the last sign of life, each thing once", async () => {
  const store = await open();
  const log = createLog({ store });
  log.append([
    ...inboundStart("queued"),
    fact(1, "queue.joined", { groupId: 7, groupNumber: "600", priority: 0, position: 1 }, "c", "queued"),
    fact(2, "offer.made", { agentId: 1, groupId: 7, strategy: "fixed", why: "" }, "a1", "queued"),
    agentLeg(2, "a1", 1, "queued"),
    fact(3, "offer.ringing", { agentId: 1, groupId: 7 }, "a1", "queued"),
    ...inboundStart("talking"),
    agentLeg(1, "a2", 2, "talking"),
    fact(2, "leg.answered", { codec: "PCMA" }, "a2", "talking"),
    fact(2, "bridge.joined", { legs: ["c", "a2"], mode: "talk" }, null, "talking"),
    fact(2, "recording.started", { recording: "r1", file: "r1.wav", leftLeg: "c" }, null, "talking"),
    fact(2, "recording.started", { recording: "r2", file: "r2.wav", leftLeg: "a2" }, null, "talking"),
    fact(8, "hold.started", { by: "remote" }, "a2", "talking"),
    ...inboundStart("over"),
    fact(1, "journey.ended", { cause: "normal", by: "caller" }, null, "over"),
  ]);
  const over = log.readJourney("over").length;

  const after = createLog({ store });
  const lastAlive = START + 20_000;
  const closed = await closeBroken(after, lastAlive, (file) => {
    if (file === "r2.wav") throw new Error("nothing left");
    return { ms: 6000, bytes: 96_044, sha256: "abc" };
  });
  expect(closed).toBe(2);
  expect(after.openJourneys()).toEqual([]);
  expect(after.readJourney("over")).toHaveLength(over);
  const ends = (journey: string) =>
    after
      .readJourney(journey)
      .filter((event) => event.at === lastAlive)
      .map((event) => `${event.kind} ${event.leg ?? ""}`.trim());
  expect(ends("queued")).toEqual([
    "offer.missed a1",
    "queue.left c",
    "leg.ended c",
    "leg.ended a1",
    "journey.ended",
  ]);
  expect(ends("talking")).toEqual([
    "hold.ended a2",
    "bridge.left",
    "recording.stopped",
    "recording.stopped",
    "leg.ended c",
    "leg.ended a2",
    "journey.ended",
  ]);
  expect(
    store.sync.db
      .query("SELECT result, cause, hangup_by, talk_ms, hold_ms, wait_ms FROM call_record ORDER BY journey")
      .all(),
  ).toEqual([
    { result: "ivr", cause: "normal", hangup_by: "caller", talk_ms: 0, hold_ms: 0, wait_ms: 0 },
    {
      result: "rang-no-answer",
      cause: "system-lost",
      hangup_by: "system",
      talk_ms: 0,
      hold_ms: 0,
      wait_ms: 19_000,
    },
    {
      result: "answered",
      cause: "system-lost",
      hangup_by: "system",
      talk_ms: 6000,
      hold_ms: 12_000,
      wait_ms: 0,
    },
  ]);
  expect(
    store.sync.db.query("SELECT id, state, duration_ms, sha256 FROM recording ORDER BY id").all(),
  ).toEqual([
    { id: "r1", state: "done", duration_ms: 6000, sha256: "abc" },
    { id: "r2", state: "failed", duration_ms: 0, sha256: "" },
  ]);
  expect(await closeBroken(after, lastAlive, () => null)).toBe(0);
});

test("an event later than the heartbeat wins", async () => {
  const log = createLog({ store: await open() });
  log.append([...inboundStart(), fact(9, "flow.entered", { flowId: 1, name: "m" }, "c")]);
  await closeBroken(log, START, () => null);
  expect(log.readJourney("j1").at(-1)).toMatchObject({ kind: "journey.ended", at: START + 9000 });
});

test("the heartbeat is written each 2 s until stopped", async () => {
  const store = await open();
  expect(readHeartbeat(store)).toBe(0);
  const clock = fakeClock(START);
  const stop = startHeartbeat(store, clock);
  expect(readHeartbeat(store)).toBe(START);
  clock.advance(5000);
  expect(readHeartbeat(store)).toBe(START + 4000);
  stop();
  clock.advance(9000);
  expect(readHeartbeat(store)).toBe(START + 4000);
});
