import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../storage/database.ts";
import { createLog } from "./log.ts";
import { rebuild } from "./project/rebuild.ts";
import { fact, inboundStart, START } from "./project/scenario.ts";
import { deleteOldRecordings } from "./retention.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const DAY = 86_400_000;

/** Recordings r0, r1 and r2, made a day apart; the file of r1 is gone already. */
async function office() {
  const folder = mkdtempSync(join(tmpdir(), "zongji-retention-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  cleanups.push(() => store.close());
  mkdirSync(join(folder, "rec"));
  const log = createLog({ store });
  for (let i = 0; i < 3; i++) {
    const journey = `j${i}`;
    if (i !== 1) writeFileSync(join(folder, `rec/${i}.wav`), "RIFF");
    const facts = [
      ...inboundStart(journey),
      fact(1, "recording.started", { recording: `r${i}`, file: `rec/${i}.wav`, leftLeg: "c" }, null, journey),
      fact(6, "recording.stopped", { recording: `r${i}`, ms: 5000, bytes: 4, sha256: "h" }, null, journey),
      fact(6, "journey.ended", { cause: "normal", by: "caller" }, null, journey),
    ];
    log.append(facts.map((each) => ({ ...each, at: each.at + i * DAY })));
  }
  const problems: string[] = [];
  const run = (days: number, now: number) =>
    deleteOldRecordings({
      store,
      now: () => now,
      days: () => days,
      append: (made) => void log.append(made),
      problem: (detail) => problems.push(detail),
    });
  const states = () =>
    store.sync.db.query("SELECT id, state FROM recording ORDER BY id").values() as [string, string][];
  return { folder, store, log, run, states, problems };
}

test("recordings older than the days lose their files; the record and the log tell", async () => {
  const { folder, store, log, run, states, problems } = await office();
  expect(await run(0, START + 900 * DAY)).toBe(0);
  expect(await run(30, START + 31.5 * DAY)).toBe(2);
  expect(states()).toEqual([
    ["r0", "deleted"],
    ["r1", "deleted"],
    ["r2", "done"],
  ]);
  expect(existsSync(join(folder, "rec/0.wav"))).toBe(false);
  expect(existsSync(join(folder, "rec/2.wav"))).toBe(true);
  expect(log.readJourney("j0").at(-1)).toMatchObject({
    kind: "recording.deleted",
    data: { recording: "r0", days: 30 },
  });
  expect(store.sync.db.query("SELECT action, detail_json FROM audit_log").all()).toEqual([
    { action: "delete-recordings", detail_json: JSON.stringify({ days: 30, recordings: ["r0", "r1"] }) },
  ]);
  expect(await run(30, START + 31.5 * DAY)).toBe(0);
  expect(problems).toEqual([]);
  const before = states();
  rebuild(store);
  expect(states()).toEqual(before);
});

test("a file that cannot be removed keeps its record and is told", async () => {
  const { folder, run, states, problems } = await office();
  rmSync(join(folder, "rec/0.wav"));
  mkdirSync(join(folder, "rec/0.wav"));
  expect(await run(30, START + 30.5 * DAY)).toBe(0);
  expect(states()[0]).toEqual(["r0", "done"]);
  expect(problems).toHaveLength(1);
});
