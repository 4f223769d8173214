import { expect, test } from "bun:test";
import type { TrunkConfig } from "../directory.ts";
import { FakeStack, fakeReply } from "../srf/fake.ts";
import { trunkConfig } from "../test-support.ts";
import { Trunks } from "../trunks/trunks.ts";
import { SilenceWatch } from "./silence.ts";
import { settle } from "./test-support.ts";

const config = trunkConfig({ host: "203.0.113.5" });

/** Time that passes when the test says so. */
class Clock {
  #now = 0;
  #due: { at: number; run: () => void }[] = [];
  readonly after = (ms: number, run: () => void) => {
    const entry = { at: this.#now + ms, run };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  };

  get now(): number {
    return this.#now;
  }

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#due.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.#now = next.at;
      next.run();
      await settle();
    }
    this.#now = end;
  }
}

async function setUp(over: Partial<TrunkConfig> = {}) {
  const stack = new FakeStack();
  const clock = new Clock();
  const trunks = new Trunks({
    stack,
    directory: { trunks: () => [{ ...config, ...over }] },
    resolve: async () => [],
    now: () => clock.now,
    after: clock.after,
  });
  trunks.reload();
  stack.sent[0]?.finish(fakeReply(200));
  await settle();
  const trunk = trunks.get(1);
  if (trunk === undefined) throw new Error("no trunk");
  let gone = 0;
  const call = (heard = false) => {
    const { after } = clock;
    return new SilenceWatch({ trunk, giveUp: () => gone++, heard: async () => heard, after });
  };
  const methods = () => stack.sent.map(({ options }) => options.method);
  return { stack, trunks, trunk, clock, call, methods, givenUp: () => gone };
}

const DAY = 86_400_000;

test("calls that wait share one REGISTER; a registrar that is silent too ends them after 8 s, and the line is down until it answers", async () => {
  const { stack, trunk, trunks, clock, call, methods, givenUp } = await setUp();
  for (let n = 0; n < 3; n++) call();
  await clock.pass(7_999);
  expect([methods(), givenUp()]).toEqual([["REGISTER", "REGISTER"], 0]);
  await clock.pass(1);
  expect([givenUp(), trunk.usable]).toEqual([3, false]);
  trunks.tick();
  expect(methods()).toHaveLength(2);
  stack.sent[1]?.finish(fakeReply(200));
  await settle();
  expect(trunk.usable).toBe(true);
});

test("what the question finds out counts for the registration", async () => {
  const { stack, trunk, trunks, clock, call, givenUp } = await setUp();
  call();
  await clock.pass(4_000);
  trunks.tick();
  expect(stack.sent).toHaveLength(2);
  stack.sent[1]?.finish(fakeReply(403, { reason: "Forbidden" }));
  await clock.pass(DAY);
  // It answers: the call is given its time. That it refuses is known from now on.
  expect([givenUp(), trunk.state().state]).toEqual([0, "refused"]);
});

test("a call that was heard of, or is over, is left alone", async () => {
  const { clock, call, methods, givenUp } = await setUp();
  const early = call();
  await clock.pass(3_999);
  early.stop();
  await clock.pass(DAY);
  expect([methods(), givenUp()]).toEqual([["REGISTER"], 0]);
  const late = call();
  await clock.pass(5_000);
  late.stop();
  await clock.pass(DAY);
  expect(givenUp()).toBe(0);
});

test("a carrier known to answer OPTIONS is asked with one for all calls", async () => {
  const { stack, trunks, clock, call, methods, givenUp } = await setUp({ kind: "ip", optionsPingS: 60 });
  expect(trunks.get(1)?.state().state).toBe("up");
  for (let n = 0; n < 2; n++) call();
  await clock.pass(4_000);
  expect(methods()).toEqual(["OPTIONS", "OPTIONS"]);
  stack.sent[1]?.finish(fakeReply(405));
  await clock.pass(DAY);
  expect(givenUp()).toBe(0);
});

test("a line by address that never answered OPTIONS is given up after 8 s without a word, not after a 100", async () => {
  const { trunk, clock, call, methods, givenUp } = await setUp({ kind: "ip" });
  call(true);
  await clock.pass(DAY);
  expect(givenUp()).toBe(0);
  call(false);
  await clock.pass(7_999);
  expect([givenUp(), trunk.usable]).toEqual([0, true]);
  await clock.pass(1);
  expect([givenUp(), trunk.usable, trunk.state().state]).toEqual([1, false, "unreachable"]);
  expect(methods()).toEqual([]);
});
