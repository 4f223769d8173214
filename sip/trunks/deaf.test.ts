/** A line by address whose carrier does not answer OPTIONS: which calls may try it, and what is said of it. */
import { expect, test } from "bun:test";
import type { TrunkConfig } from "../directory.ts";
import { FakeStack, fakeReply } from "../srf/fake.ts";
import type { Reply } from "../srf/model.ts";
import { localReply } from "../srf/outgoing.ts";
import { trunkConfig } from "../test-support.ts";
import { Trunks } from "./trunks.ts";

const SILENCE = localReply(408, "Request Timeout");

function setUp(over: Partial<TrunkConfig> = {}) {
  const stack = new FakeStack();
  const clock = { now: 1_000_000, reply: SILENCE as Reply };
  const trunks = new Trunks({
    stack,
    directory: {
      trunks: () => [trunkConfig({ kind: "ip", host: "203.0.113.5", optionsPingS: 30, ...over })],
    },
    now: () => clock.now,
    resolve: async () => [],
  });
  trunks.reload();
  const trunk = trunks.get(1);
  if (trunk === undefined) throw new Error("no trunk");
  /** Lets time pass; each OPTIONS gets `clock.reply`. */
  const pass = async (seconds: number): Promise<void> => {
    for (let s = 0; s < seconds; s++) {
      clock.now += 1000;
      trunks.tick();
      for (const sent of stack.sent.splice(0)) sent.finish(clock.reply);
      for (let i = 0; i < 5; i++) await Promise.resolve();
    }
  };
  return { trunk, clock, pass };
}

test("never called: it may be tried after an hour of unanswered OPTIONS, and is said to be unproven", async () => {
  const { trunk, pass } = setUp();
  expect(trunk.usable).toBe(true);
  await pass(3600);
  expect(trunk.usable).toBe(true);
  expect(trunk.state()).toMatchObject({
    state: "unproven",
    problem: { code: "untried" },
    reason: "No answer to OPTIONS and no call so far",
  });
});

test("one call at a time finds out, so that not all of them wait", async () => {
  const { trunk, pass } = setUp();
  await pass(60);
  expect(trunk.acquireOutgoing().ok).toBe(true);
  expect(trunk.usable).toBe(false);
  // Given up by its caller before anything was known: the next call finds out.
  await pass(10);
  expect(trunk.usable).toBe(true);
  trunk.acquireOutgoing();
  trunk.traffic(true);
  expect([trunk.usable, trunk.state().state]).toEqual([true, "up"]);
  await pass(3600);
  expect([trunk.usable, trunk.state().state]).toEqual([true, "up"]);
});

test("a call without a word: calls pass it over for a minute, and for another one after each that fails", async () => {
  const { trunk, pass } = setUp();
  await pass(60);
  trunk.traffic(true);
  for (let round = 0; round < 3; round++) {
    trunk.acquireOutgoing();
    trunk.traffic(false);
    expect(trunk.usable).toBe(false);
    await pass(59);
    expect([trunk.usable, trunk.state().state]).toEqual([false, "unreachable"]);
    await pass(1);
    expect(trunk.usable).toBe(true);
  }
  expect(trunk.state().problem?.code).toBe("no-answer");
  trunk.acquireOutgoing();
  trunk.traffic(true);
  expect([trunk.usable, trunk.state().state]).toEqual([true, "up"]);
});

test("without OPTIONS the same holds: a second call without a word is followed by a minute's pause too", async () => {
  const { trunk, pass } = setUp({ optionsPingS: 0 });
  for (let round = 0; round < 3; round++) {
    expect(trunk.usable).toBe(true);
    trunk.acquireOutgoing();
    trunk.traffic(false);
    await pass(59);
    expect(trunk.usable).toBe(false);
    await pass(1);
  }
  expect(trunk.usable).toBe(true);
});

test("a carrier that answered OPTIONS and falls silent is passed over until it answers again", async () => {
  const { trunk, clock, pass } = setUp();
  clock.reply = fakeReply(200);
  await pass(60);
  expect(trunk.state().state).toBe("up");
  clock.reply = SILENCE;
  await pass(3600);
  expect([trunk.usable, trunk.state().state]).toEqual([false, "unreachable"]);
  clock.reply = fakeReply(405);
  await pass(11);
  expect(trunk.usable).toBe(true);
  // A call that met silence counts at once, without three OPTIONS.
  clock.reply = SILENCE;
  trunk.traffic(false);
  expect(trunk.usable).toBe(false);
  await pass(600);
  expect(trunk.usable).toBe(false);
});

test("what is more than silence counts: a refused connection, a name nobody knows", async () => {
  const { trunk, clock, pass } = setUp();
  clock.reply = localReply(503, "ENOTFOUND");
  await pass(60);
  expect([trunk.usable, trunk.state().problem?.code]).toEqual([false, "host-unknown"]);
  clock.reply = SILENCE;
  await pass(60);
  expect([trunk.usable, trunk.state().state]).toEqual([true, "unproven"]);
});
