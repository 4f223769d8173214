/**
 * Days of calls by the dice on the fakes, with the real log behind: whatever callers, agents and lines do, each journey
 * ends once and whole, nobody is left over, and the projections come out of the log again byte for byte.
 */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../../../storage/database.ts";
import { CALL_RESULTS, type CallEvent, type CallFact } from "../events.ts";
import { createLog } from "../log.ts";
import { rebuild } from "../project/index.ts";
import { extension, group, menu, office, trunk } from "./fake-office.ts";
import { FakeExchange } from "./fakes.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function open(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), "zongji-simulation-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  // Durability is not what is tried here.
  store.sync.db.run("PRAGMA synchronous = OFF");
  cleanups.push(() => store.close());
  return store;
}

/** mulberry32: the same days in each run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class Day {
  readonly x: FakeExchange;
  readonly #random: () => number;
  /** Parties whose phone has put us on hold. */
  readonly #held = new Set<string>();
  calls = 0;

  constructor(store: Store, random: () => number) {
    this.#random = random;
    const log = createLog({ store });
    const base = office();
    this.x = new FakeExchange(
      {
        ...base,
        flows: new Map([
          [1, { ...menu, internalNumber: "700", timeoutDestination: { type: "group", id: 1 } as const }],
        ]),
        groups: new Map([
          [
            1,
            { ...group, joinEmpty: true, leaveWhenEmpty: false, overflow: { type: "group", id: 2 } as const },
          ],
          [
            2,
            { ...group, id: 2, number: "801", strategy: "ring-all" as const, maxWaitS: 15, autoPause: true },
          ],
        ]),
      },
      { append: (facts) => void log.append(facts), appendAgent: (facts) => void log.appendAgent(facts) },
    );
    for (const id of [1, 2, 3]) this.x.online.add(id);
    for (const id of [1, 2]) {
      this.x.board.device(id, true);
      this.x.board.signIn(id, [], "admin");
    }
  }

  #one<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.#random() * of.length)];
  }

  #legs(...states: string[]): string[] {
    return [...this.x.legs].flatMap(([leg, state]) => (states.includes(state) ? [leg] : []));
  }

  call(): void {
    this.calls++;
    const { x } = this;
    const kind = this.#random();
    if (kind < 0.6) x.call(trunk, this.#random() < 0.95 ? "02155501000" : "404", `138${this.calls}`);
    else {
      const dialled = this.#one(["1001", "1002", "913900000000", "800", "801", "700", "*46", "*47", "999"]);
      x.call(extension(1 + Math.floor(this.#random() * 2)), dialled ?? "1001", "1001");
    }
  }

  /** Something happens to some leg. */
  step(): void {
    const { x } = this;
    const at = x.clock.now();
    const dialling = this.#one(this.#legs("dialling"));
    const coming = this.#one(this.#legs("dialling", "ringing"));
    const any = this.#one([...x.legs.keys()]);
    const talking = this.#one(this.#legs("answered"));
    const play = x.plays.at(-1);
    const chance = this.#random();
    if (chance < 0.15 && dialling) x.ringing(dialling, this.#random() < 0.3);
    else if (chance < 0.4 && coming) x.answer(coming);
    else if (chance < 0.5 && coming) {
      const causes = ["busy", "declined", "no-answer", "unreachable"] as const;
      x.ended(coming, this.#one(causes) ?? "busy", "remote", 486);
    } else if (chance < 0.56 && any) x.ended(any, "normal", "remote");
    else if (chance < 0.7 && talking) x.digit(talking, this.#one(["1", "2", "*"]) ?? "1");
    else if (chance < 0.78 && talking) {
      const held = this.#held.delete(talking);
      if (!held) this.#held.add(talking);
      x.tell({ type: held ? "resumed" : "held", leg: talking, at });
    } else if (chance < 0.92 && talking) {
      const to = this.#one(["1001", "1002", "800", "700", "913900000000", "555"]) ?? "1001";
      const other = this.#random() < 0.4 ? this.#one(this.#legs("answered")) : undefined;
      x.tell({
        type: "transfer-requested",
        leg: talking,
        to,
        at,
        ...(other === undefined ? {} : { replaces: other }),
      });
      // Many phones hang up as soon as they have asked.
      if (this.#random() < 0.4) x.ended(talking, "normal", "remote");
    } else if (chance < 0.96 && play)
      x.media({ type: "play-finished", leg: play.leg, play: play.play, outcome: "completed", ms: 5, at });
    else if (chance < 0.97 && any) x.legs.delete(any);
    else if (chance < 0.985) for (const id of [1, 2]) x.board.setIdle(id, "web");
    else if (chance < 0.99) x.board.signOut(1, [], "web");
    else x.board.signIn(1, [], "admin");
  }

  async pass(): Promise<void> {
    const { x } = this;
    await x.settle();
    x.clock.advance(Math.floor(this.#random() * this.#random() * 6000));
    await x.settle();
    x.centre.reconcile();
    await x.settle();
  }

  async close(): Promise<void> {
    const { x } = this;
    for (const leg of [...x.legs.keys()]) x.ended(leg, "normal", "remote");
    for (let n = 0; n < 40; n++) {
      for (const leg of [...x.legs.keys()]) x.ended(leg, "normal", "remote");
      x.clock.advance(1000);
      await x.settle();
      x.centre.reconcile();
      await x.settle();
    }
  }
}

function byJourney(facts: readonly CallFact[]): Map<string, CallFact[]> {
  const found = new Map<string, CallFact[]>();
  for (const fact of facts) found.set(fact.journey, [...(found.get(fact.journey) ?? []), fact]);
  return found;
}

/** What holds for each journey, whatever happened. */
function checkJourney(facts: readonly CallFact[]): void {
  const count = (kind: CallEvent["kind"]) => facts.filter((fact) => fact.kind === kind).length;
  const legs = (...kinds: string[]) => facts.flatMap((f) => (kinds.includes(f.kind) ? [f.leg] : [])).sort();
  expect(count("journey.ended")).toBe(1);
  expect(facts.at(-1)?.kind).toBe("journey.ended");
  expect(legs("leg.ended", "leg.moved")).toEqual(legs("leg.created"));
  for (const [begin, end] of [
    ["queue.joined", "queue.left"],
    ["flow.entered", "flow.left"],
    ["hold.started", "hold.ended"],
    ["bridge.joined", "bridge.left"],
    ["recording.started", "recording.stopped"],
  ] as const)
    expect([begin, count(begin)]).toEqual([begin, count(end)]);
  expect(count("offer.made")).toBe(count("offer.answered") + count("offer.missed"));
  expect(count("transfer.requested")).toBe(count("transfer.completed") + count("transfer.failed"));
}

const rowsOf = (store: Store) =>
  JSON.stringify([
    store.sync.db.query("SELECT * FROM call_record ORDER BY journey, part").all(),
    store.sync.db.query("SELECT * FROM recording ORDER BY id").all(),
  ]);

/** Kinds of facts of all days. */
const reached = new Set<CallEvent["kind"]>();

for (const seed of [1, 7, 20_261_121])
  test(`a day by the dice, seed ${seed}`, async () => {
    const store = await open();
    const random = dice(seed);
    const day = new Day(store, random);
    const { x } = day;
    for (let n = 0; n < 150; n++) {
      day.call();
      for (let steps = Math.floor(random() * 12); steps > 0; steps--) {
        day.step();
        await day.pass();
      }
    }
    await day.close();

    expect(
      x.alarms.filter((alarm) => !alarm.startsWith("unknown-did") && !alarm.startsWith("prompt")),
    ).toEqual([]);
    expect(x.legs.size).toBe(0);
    expect(x.centre.size).toBe(0);
    expect(x.clock.pending()).toBe(0);
    expect(x.board.busyWith()).toEqual([]);
    for (const id of [1, 2])
      expect(["talking", "ringing", "on-hold", "busy"]).not.toContain(x.board.state(id).state);
    const journeys = byJourney(x.facts);
    expect(journeys.size).toBeGreaterThanOrEqual(day.calls);
    for (const facts of journeys.values()) checkJourney(facts);
    for (const { kind } of x.facts) reached.add(kind);

    type Row = { part: number; result: string } & Record<
      "ivr_ms" | "wait_ms" | "ring_ms" | "talk_ms" | "hold_ms" | "total_ms",
      number
    >;
    const rows = store.sync.db.query("SELECT * FROM call_record").all() as Row[];
    expect(rows.filter(({ part }) => part === 0).length).toBe(journeys.size);
    for (const row of rows) {
      expect(CALL_RESULTS as readonly string[]).toContain(row.result);
      const parts = row.ivr_ms + row.wait_ms + row.talk_ms + row.hold_ms;
      // A queue's waiting contains its ringing.
      expect(parts).toBeLessThanOrEqual(row.total_ms);
      expect(row.ring_ms).toBeLessThanOrEqual(row.total_ms);
    }
    const before = rowsOf(store);
    expect(rebuild(store).journeys).toBe(journeys.size);
    expect(rowsOf(store)).toBe(before);
  }, 30_000);

test("the dice reached transfers that succeed, fail and join calls, holds, missed offers, recordings, codes", () => {
  for (const kind of [
    "transfer.completed",
    "transfer.failed",
    "leg.moved",
    "hold.started",
    "offer.missed",
    "recording.stopped",
    "feature.used",
  ] as const)
    expect([kind, reached.has(kind)]).toEqual([kind, true]);
});
