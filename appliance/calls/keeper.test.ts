/** A full disk stops no call: facts wait in order and are written when there is room again. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, StorageError } from "../../storage/database.ts";
import { fakeClock } from "./clock.ts";
import { office, trunk } from "./journey/fake-office.ts";
import { FakeExchange } from "./journey/fakes.ts";
import { createKeeper } from "./keeper.ts";
import { createLog } from "./log.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function keeper(limit?: number) {
  const clock = fakeClock();
  const told: string[] = [];
  const made = createKeeper({
    after: clock.after,
    alarm: (code, detail) => told.push(`${code} ${detail}`),
    clear: (code) => told.push(`clear ${code}`),
    ...(limit === undefined ? {} : { limit }),
  });
  return { clock, told, made };
}

test("a call on a full disk goes on; its facts are stored in order when there is room again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "zongji-keeper-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  cleanups.push(() => store.close());
  const log = createLog({ store });
  const { clock, told, made } = keeper();
  const x = new FakeExchange(office(), { append: (facts) => made.write(() => void log.append(facts)) });
  for (const id of [1, 2]) x.online.add(id);
  x.board.device(1, true);
  x.board.signIn(1, [], "admin");

  const { page_count: pages } = store.sync.db.query("PRAGMA page_count").get() as { page_count: number };
  store.sync.db.run(`PRAGMA max_page_count = ${pages}`);
  const fill = () =>
    store.sync.appendEvents(
      Array.from({ length: 200 }, () => ({
        at: 0,
        journey: "fill",
        leg: null,
        kind: "x",
        data: "x".repeat(500),
      })),
    );
  let full = false;
  for (let n = 0; n < 100 && !full; n++)
    try {
      fill();
    } catch (error) {
      full = error instanceof StorageError && error.code === "disk-full";
    }
  expect(full).toBe(true);

  const calls = [];
  for (let n = 0; n < 30; n++) {
    const caller = x.call(trunk, "02155501000", "13800138000");
    await x.settle();
    x.digit(caller, "1");
    await x.settle();
    const agent = x.dialledTo("1001");
    x.answer(agent);
    await x.settle();
    expect(x.hears.get(caller)).toEqual([agent]);
    x.ended(caller, "normal", "remote");
    await x.pass(6000);
    calls.push(caller);
  }
  expect(x.centre.size).toBe(0);
  expect(x.alarms).toEqual([]);
  expect(made.waiting).toBeGreaterThan(0);
  expect(told.length).toBe(1);
  expect(told[0]).toStartWith("log-waiting");

  store.sync.db.run("PRAGMA max_page_count = 1000000");
  clock.advance(1000);
  expect(made.waiting).toBe(0);
  expect(told.at(-1)).toBe("clear log-waiting");
  expect(log.openJourneys()).toEqual([]);
  const rows = store.sync.db.query("SELECT result FROM call_record").values();
  expect(rows.length).toBe(calls.length);
  expect(rows.every(([result]) => result === "answered")).toBe(true);
});

test("order is kept, a fault of ours is not waited for, the store of waiting writes is bounded", () => {
  const { clock, told, made } = keeper(3);
  const done: number[] = [];
  let full = true;
  const work = (n: number) => () => {
    if (full) throw new StorageError("disk-full", "The disk is full.");
    done.push(n);
  };
  for (const n of [1, 2]) made.write(work(n));
  made.write(() => {
    if (full) throw new StorageError("disk-full", "full");
    throw new TypeError("a fault");
  });
  expect(() => made.write(work(4))).toThrow(StorageError);
  clock.advance(5000);
  expect(done).toEqual([]);
  full = false;
  clock.advance(1000);
  expect(done).toEqual([1, 2]);
  expect(told).toContain("log-lost a fault");
  made.write(work(5));
  expect(done).toEqual([1, 2, 5]);
  expect(clock.pending()).toBe(0);
  expect(() =>
    made.write(() => {
      throw new TypeError("a fault");
    }),
  ).toThrow(TypeError);
});
