/** The queue's ends with real phones: waited too long, full, nobody signed in, all signed out or unavailable; with and without a way on. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { GroupInput } from "../../appliance/queueing/model.ts";
import type { TestCall, TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, PROMPT_HZ, startExchange, toneOf } from "../kit/exchange.ts";
import { DID, GROUP } from "../kit/office.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(25_000);

let x: Exchange;
let desk: TestPhone;
let agent: TestPhone;
let callers = 0;

beforeAll(async () => {
  // Members sign in themselves: at first nobody is there.
  x = await startExchange({ dynamic: true });
  [agent, desk] = await Promise.all([x.phone("1001"), x.phone("1003")]);
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);

const queueing = () => x.app.queueing;
/** Changes the group; everything else is as it was furnished. */
async function group(change: Partial<GroupInput>): Promise<void> {
  const { id, ...row } = await queueing().groups.get(SYSTEM_ACTOR, x.office.groupId);
  await queueing().groups.save(SYSTEM_ACTOR, id, { ...row, ...change });
}

const BUSY: readonly string[] = ["ringing", "talking", "busy", "acw"];
const board = () => queueing().agentCommands;
const id = (number: string) => x.office.agentIds[number] ?? 0;
const states = () => x.app.calls.live.picture().agents.map((one) => one.state);

afterEach(async () => {
  for (const call of [...x.carrier.calls, ...agent.calls, ...desk.calls]) void call.hangup();
  agent.behaviour = { kind: "answer", afterMs: 100 };
  await waitFor(async () => {
    const { legs, dialogs, media } = await x.app.sip.stats();
    return legs + dialogs + media.channels + media.rtpengine.calls === 0;
  }, "nothing to be left");
  await waitFor(() => !states().some((state) => BUSY.includes(state)), "agents at rest");
  for (const number of ["1001", "1002", "1003"]) {
    if (
      board()
        .states()
        .some((one) => one.number === number && one.state === "paused")
    )
      board().unpause(SYSTEM_ACTOR, id(number));
    board().signOut(SYSTEM_ACTOR, id(number));
  }
  await group({
    joinEmpty: true,
    leaveWhenEmpty: false,
    noAgentOverflow: false,
    overflow: null,
    capacity: 10,
    maxWaitS: 30,
  });
});

/** A caller who has chosen the group in the menu. */
async function waiting(): Promise<{ call: TestCall; journey: string }> {
  const caller = `1370000${String(1000 + callers++)}`;
  const call = await x.carrier.dial(DID, caller);
  expect(await call.answered).toBe(true);
  await waitFor(() => call.hears(PROMPT_HZ), "the menu's prompt");
  await call.press("1");
  const journey = await x.journey(caller, DID);
  await waitFor(
    () => x.events(journey).some(({ kind }) => kind === "queue.joined"),
    "the queue to be reached",
  );
  return { call, journey };
}

/** Why the caller left the queue. */
function left(journey: string): string | undefined {
  const event = x.events(journey).findLast(({ kind }) => kind === "queue.left");
  return event?.kind === "queue.left" ? event.data.reason : undefined;
}

/** The exchange ends the call; how the record tells it. */
async function dismissed(
  call: TestCall,
  journey: string,
): Promise<{ cause: string | null; reason: string | undefined }> {
  expect(await call.ended).toMatchObject({ by: "remote" });
  const row = await x.ended(journey);
  expect(row).toMatchObject({ hangup_by: "system", talk_ms: 0, group_id: x.office.groupId });
  return { cause: row.cause, reason: left(journey) };
}

/** The way on leads to the desk: it rings, and both hear each other. */
async function onward(call: TestCall, before: number): Promise<void> {
  const at = await nextCall(desk, before, "the way on to ring");
  expect(await at.answered).toBe(true);
  await waitFor(() => call.hears(toneOf("1003"), 300) && at.hears(CARRIER_HZ, 300), "both tones");
}
const wayOn = (): GroupInput["overflow"] => ({ type: "extension", id: x.office.extensionIds["1003"] ?? 0 });

describe("nobody is signed in", () => {
  test("where callers may not wait for nobody: the call ends, or takes the way on", async () => {
    await group({ joinEmpty: false });
    const first = await waiting();
    expect(await dismissed(first.call, first.journey)).toEqual({
      cause: "empty-queue-refused",
      reason: "empty",
    });

    await group({ joinEmpty: false, overflow: wayOn() });
    const before = desk.calls.length;
    const second = await waiting();
    await onward(second.call, before);
    expect(left(second.journey)).toBe("empty");
  });

  test("where they may: the caller waits, and the first to sign in is rung", async () => {
    const { call, journey } = await waiting();
    const before = agent.calls.length;
    board().signIn(SYSTEM_ACTOR, id("1001"));
    const at = await nextCall(agent, before);
    expect(await at.answered).toBe(true);
    await waitFor(() => call.hears(toneOf("1001"), 300) && at.hears(CARRIER_HZ, 300), "both tones");
    await call.hangup();
    expect(await x.ended(journey)).toMatchObject({ result: "answered", agent_id: id("1001") });
    expect(left(journey)).toBe("answered");
  });

  test("the last one signs out while a caller waits: the call ends, or takes the way on", async () => {
    agent.behaviour = { kind: "ring" };
    for (const overflow of [null, wayOn()]) {
      await group({ leaveWhenEmpty: true, overflow });
      board().signIn(SYSTEM_ACTOR, id("1001"));
      const rings = agent.calls.length;
      const before = desk.calls.length;
      const { call, journey } = await waiting();
      const ringing = await nextCall(agent, rings);
      board().signOut(SYSTEM_ACTOR, id("1001"));
      if (overflow) await onward(call, before);
      else expect(await dismissed(call, journey)).toEqual({ cause: "empty-queue-overflow", reason: "empty" });
      expect(left(journey)).toBe("empty");
      expect(await ringing.ended).toMatchObject({ by: "remote" });
      await call.hangup();
      await x.ended(journey);
    }
  });
});

test("all who are signed in pause: a group that wants somebody available lets nobody wait", async () => {
  await group({ noAgentOverflow: true, overflow: wayOn() });
  board().signIn(SYSTEM_ACTOR, id("1001"));
  board().pause(SYSTEM_ACTOR, id("1001"), null);
  const before = desk.calls.length;
  const { call, journey } = await waiting();
  await onward(call, before);
  expect(left(journey)).toBe("no-agent");
});

test("waited too long: offers end, the call ends, or takes the way on", async () => {
  agent.behaviour = { kind: "ring" };
  for (const overflow of [null, wayOn()]) {
    await group({ maxWaitS: 2, overflow });
    board().signIn(SYSTEM_ACTOR, id("1001"));
    const rings = agent.calls.length;
    const before = desk.calls.length;
    const { call, journey } = await waiting();
    const joined = x.events(journey).find(({ kind }) => kind === "queue.joined")?.at ?? 0;
    const ringing = await nextCall(agent, rings);
    if (overflow) await onward(call, before);
    else expect(await dismissed(call, journey)).toEqual({ cause: "queue-timeout", reason: "timeout" });
    expect(left(journey)).toBe("timeout");
    const at = x.events(journey).find(({ kind }) => kind === "queue.left")?.at ?? 0;
    expect(at - joined).toBeGreaterThanOrEqual(1990);
    expect(at - joined).toBeLessThan(3500);
    expect(await ringing.ended).toMatchObject({ status: 487 });
    await call.hangup();
    await x.ended(journey);
  }
});

test("full: the next caller is sent away or on, those who wait keep waiting; a place that is free is taken", async () => {
  await group({ capacity: 1 });
  const first = await waiting();
  const second = await waiting();
  expect(await dismissed(second.call, second.journey)).toEqual({ cause: "queue-overflow", reason: "full" });
  await group({ capacity: 1, overflow: wayOn() });
  const before = desk.calls.length;
  const third = await waiting();
  await onward(third.call, before);
  expect(left(third.journey)).toBe("full");
  expect(first.call.state).toBe("answered");
  expect(left(first.journey)).toBeUndefined();
  await first.call.hangup();
  await x.ended(first.journey);
  expect(left(first.journey)).toBe("abandoned");
  const fourth = await waiting();
  await waitFor(
    () => x.events(fourth.journey).some(({ kind }) => kind === "queue.joined"),
    "a place in the queue",
  );
  expect(left(fourth.journey)).toBeUndefined();
});

test("a phone of the office dials the group's number and waits as any caller", async () => {
  await group({ joinEmpty: false });
  const refused = await desk.dial(GROUP);
  await refused.ended;
  const journey = await x.journey("1003", GROUP);
  expect(await x.ended(journey)).toMatchObject({ cause: "empty-queue-refused", talk_ms: 0 });
});
