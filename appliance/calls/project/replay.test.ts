import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../../../storage/database.ts";
import { AGENT_STATES, type CallEvent, type CallFact } from "../events.ts";
import { createLog } from "../log.ts";
import { rebuild } from "./index.ts";
import { agentLeg, fact, inboundStart, START } from "./scenario.ts";
import { endOfStretches } from "./stretches.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function open(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), "zongji-replay-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  cleanups.push(() => store.close());
  return store;
}

const snapshot = (store: Store) =>
  JSON.stringify([
    store.sync.db.query("SELECT * FROM call_record ORDER BY journey, part").all(),
    store.sync.db.query("SELECT * FROM recording ORDER BY id").all(),
    store.sync.db.query("SELECT * FROM agent_timeline ORDER BY rowid").all(),
  ]);

/** mulberry32: the same calls in each run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A plausible call: menu?, queue?, offers, talk with holds, transfers, recording; any of it may be where it ends. */
function plausible(random: () => number, journey: string): CallFact[] {
  const chance = (p: number) => random() < p;
  let s = random() * 1000;
  const pass = () => {
    s += Math.round(random() * 20_000) / 1000;
    return s;
  };
  const facts: CallFact[] = inboundStart(journey).map((f) => ({ ...f, at: START + Math.round(s * 1000) }));
  const add: typeof fact = (...args) => {
    const [seconds, kind, data, leg = null] = args;
    const made = fact(seconds, kind, data, leg, journey);
    facts.push(made);
    return made;
  };
  const end = () => {
    add(pass(), "journey.ended", { cause: "normal", by: "caller" });
    // Figures of a recording may come after the end.
    if (chance(0.5))
      add(s, "recording.stopped", { recording: `${journey}-r`, ms: 10, bytes: 5, sha256: "x" });
    return facts;
  };
  if (chance(0.7)) {
    add(pass(), "flow.entered", { flowId: 1, name: "m" }, "c");
    add(pass(), "keys.pressed", { digits: String(Math.floor(random() * 10)), matched: null }, "c");
    if (chance(0.2)) return end();
    add(pass(), "flow.left", { flowId: 1, outcome: "matched" }, "c");
  }
  const queued = chance(0.7);
  if (queued) add(pass(), "queue.joined", { groupId: 7, groupNumber: "600", priority: 0, position: 1 }, "c");
  for (let n = 0; chance(0.85) && n < 6; n++) {
    const agentId = 1 + Math.floor(random() * 4);
    const leg = `${journey}-${n}`;
    if (queued) add(pass(), "offer.made", { agentId, groupId: 7, strategy: "fixed", why: "" }, leg);
    facts.push(agentLeg(pass(), leg, agentId, journey));
    add(pass(), "leg.ringing", { earlyMedia: false }, leg);
    if (queued) add(s, "offer.ringing", { agentId, groupId: 7 }, leg);
    if (chance(0.15)) return end();
    if (chance(0.4)) {
      if (queued) add(pass(), "offer.missed", { agentId, groupId: 7, reason: "no-answer" }, leg);
      add(s, "leg.ended", { cause: "no-answer", by: "local" }, leg);
      continue;
    }
    add(pass(), "leg.answered", { codec: "PCMA" }, leg);
    if (queued) add(s, "offer.answered", { agentId, groupId: 7 }, leg);
    add(s, "bridge.joined", { legs: ["c", leg], mode: "talk" });
    if (n === 0)
      add(s, "recording.started", { recording: `${journey}-r`, file: "f.wav", leftLeg: "c", rightLeg: leg });
    while (chance(0.4)) {
      add(pass(), "hold.started", { by: "remote" }, leg);
      if (chance(0.8)) add(pass(), "hold.ended", { by: "remote" }, leg);
    }
    if (chance(0.1)) return end();
    add(pass(), "bridge.left", { legs: ["c", leg], mode: "talk" });
    add(s, "leg.ended", { cause: "normal", by: "remote" }, leg);
    if (chance(0.6)) break;
  }
  return chance(0.1) ? facts : end();
}

test("dropped and replayed, the rows are the same byte for byte", async () => {
  const store = await open();
  const random = dice(20261121);
  const calls = Array.from({ length: 400 }, (_, i) => plausible(random, `j${i}`));
  let log = createLog({ store });
  const live = new Map(calls.map((facts, i) => [i, facts]));
  // Many calls at once, in pieces of up to 4 facts; now and then the log is opened anew, as after a restart.
  while (live.size > 0) {
    const keys = [...live.keys()];
    const key = keys[Math.floor(random() * Math.min(keys.length, 300))] ?? 0;
    const facts = live.get(key) ?? [];
    log.append(facts.splice(0, 1 + Math.floor(random() * 4)));
    if (facts.length === 0) live.delete(key);
    if (random() < 0.005) log = createLog({ store });
  }
  for (let i = 0; i < 400; i++)
    log.appendAgent([
      {
        kind: "agent.acw_started",
        agentId: 1 + (i % 4),
        at: START + i * 1000,
        data: { groupId: 7, journey: `j${i}` },
      },
      {
        kind: "agent.acw_ended",
        agentId: 1 + (i % 4),
        at: START + i * 1000 + 700 + i,
        data: { groupId: 7, by: "timer" },
      },
    ]);
  const before = snapshot(store);
  const { journeys, events } = rebuild(store);
  expect(journeys).toBe(400);
  expect(events).toBe(
    Number(Object.values(store.sync.db.query("SELECT count(*) FROM call_event").get() ?? {})[0]),
  );
  expect(snapshot(store)).toBe(before);

  const rows = store.sync.db.query("SELECT * FROM call_record").all() as Record<
    string,
    number | string | null
  >[];
  expect(rows.some((row) => Number(row.part) > 0)).toBe(true);
  expect(rows.some((row) => Number(row.acw_ms) > 0)).toBe(true);
  for (const result of ["answered", "ivr", "queue-abandoned", "rang-no-answer"])
    expect(rows.some((row) => row.result === result)).toBe(true);
  for (const row of rows) {
    for (const [column, value] of Object.entries(row))
      if (column.endsWith("_ms"))
        expect([row.journey, column, Number(value) >= 0]).toEqual([row.journey, column, true]);
    if (row.ended_at !== null && row.part === 0)
      expect(Number(row.talk_ms) + Number(row.hold_ms)).toBeLessThanOrEqual(Number(row.total_ms));
  }
});

test("agents' stretches: dropped and replayed they are the same; they follow each other without a gap", async () => {
  const store = await open();
  const random = dice(7);
  const log = createLog({ store });
  // A row of a version that kept no facts of stretches.
  const old = "INSERT INTO agent_timeline VALUES (1, 'idle', '', ?, NULL, NULL, NULL)";
  store.sync.transaction((db) => db.run(old, [START - 60_000]));
  let at = START;
  for (let i = 0; i < 3_000; i++) {
    // Now and then the clock is set back.
    at += random() < 0.02 ? -5_000 : Math.round(random() * 4_000);
    if (random() < 0.01) {
      log.appendAgent(endOfStretches(store.sync, at));
      continue;
    }
    const talks = random() < 0.5;
    log.appendAgent([
      {
        kind: "agent.state_changed",
        agentId: 1 + Math.floor(random() * 5),
        at,
        data: {
          state: AGENT_STATES[Math.floor(random() * AGENT_STATES.length)] ?? "idle",
          reason: random() < 0.2 ? "lunch" : "",
          journey: talks ? `j${i}` : null,
          groupId: talks ? 7 : null,
        },
      },
    ]);
  }
  log.appendAgent(endOfStretches(store.sync, at));
  const before = snapshot(store);
  rebuild(store);
  expect(snapshot(store)).toBe(before);
  // Twice is the same as once.
  rebuild(store);
  expect(snapshot(store)).toBe(before);
  const rows = store.sync.db.query("SELECT * FROM agent_timeline ORDER BY agent_id, rowid").all() as {
    agent_id: number;
    from_at: number;
    to_at: number | null;
  }[];
  expect(rows.length).toBeGreaterThan(2_000);
  expect(rows[0]).toMatchObject({ agent_id: 1, from_at: START - 60_000 });
  for (const [i, row] of rows.entries()) {
    expect(row.to_at ?? -1).toBeGreaterThanOrEqual(row.from_at);
    const next = rows[i + 1];
    if (next?.agent_id === row.agent_id) expect(next.from_at).toBeGreaterThanOrEqual(row.to_at ?? Infinity);
  }
});

test("listeners hear events in order, also those a listener appends; a failing one harms nobody", async () => {
  const store = await open();
  const log = createLog({ store });
  const heard: string[] = [];
  log.onEvent((event: CallEvent) => {
    if (event.kind === "journey.started") log.append([fact(1, "feature.used", { code: "*1", result: "ok" })]);
    throw new Error("listener");
  });
  log.onEvent((event) => heard.push(`${event.seq} ${event.kind}`));
  log.append(inboundStart());
  expect(heard).toEqual(["1 journey.started", "2 leg.created", "3 feature.used"]);
  expect(log.readJourney("j1").map((event) => event.seq)).toEqual([1, 2, 3]);
  expect(log.openJourneys()).toEqual(["j1"]);
  log.append([fact(9, "journey.ended", { cause: "normal", by: "caller" })]);
  expect(log.openJourneys()).toEqual([]);
  expect(store.telemetry.newest(9).some((row) => row.message.includes("listener"))).toBe(true);
});

test("an append inside a change that fails afterwards is kept, with its rows", async () => {
  const store = await open();
  const log = createLog({ store });
  const failed = store.write(async () => {
    log.append(inboundStart());
    throw new Error("refused");
  });
  expect(await failed.catch((error: unknown) => (error instanceof Error ? error.message : ""))).toBe(
    "refused",
  );
  expect(log.readJourney("j1").map((event) => event.kind)).toEqual(["journey.started", "leg.created"]);
  expect(log.openJourneys()).toEqual(["j1"]);
  log.append([fact(5, "journey.ended", { cause: "normal", by: "caller" })]);
  const before = snapshot(store);
  rebuild(store);
  expect(snapshot(store)).toBe(before);
});
