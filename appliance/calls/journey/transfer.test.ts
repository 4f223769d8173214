/** Transfers by the phones and hold: nobody is dropped, everybody hears whom they should, the facts tell what happened. */
import { expect, test } from "bun:test";
import { exchange, extension, group, intoQueue, menu, trunk } from "./fake-office.ts";
import type { FakeExchange } from "./fakes.ts";

/** A caller who talks with agent 1 by the queue. */
async function talking(change: Parameters<typeof exchange>[0] = {}) {
  const x = exchange(change);
  const caller = await intoQueue(x);
  const agent = x.dialledTo("1001");
  x.answer(agent);
  await x.settle();
  return { x, caller, agent };
}

async function refer(x: FakeExchange, leg: string, to: string, replaces?: string): Promise<void> {
  x.tell({
    type: "transfer-requested",
    leg,
    to,
    at: x.clock.now(),
    ...(replaces === undefined ? {} : { replaces }),
  });
  await x.settle();
}

/** One end for each beginning, and the journeys' ends last. */
function whole(x: FakeExchange): void {
  expect(x.legs.size).toBe(0);
  expect(x.centre.size).toBe(0);
  expect(x.alarms).toEqual([]);
  for (const journey of new Set(x.facts.map((fact) => fact.journey))) {
    const own = x.facts.filter((fact) => fact.journey === journey);
    expect(own.at(-1)?.kind).toBe("journey.ended");
    const legs = (...kinds: string[]) => own.flatMap((f) => (kinds.includes(f.kind) ? [f.leg] : [])).sort();
    expect(legs("leg.ended", "leg.moved")).toEqual(legs("leg.created"));
    expect(legs("hold.ended")).toEqual(legs("hold.started"));
  }
}

test("while held the other side hears the music alone, and the party again afterwards", async () => {
  const { x, caller, agent } = await talking();
  x.tell({ type: "held", leg: agent, at: x.clock.now() });
  expect(x.hears.get(caller)).toEqual([]);
  expect(x.board.state(1).state).toBe("on-hold");
  x.tell({ type: "resumed", leg: agent, at: x.clock.now() });
  expect(x.hears.get(caller)).toEqual([agent]);
  expect(x.board.state(1).state).toBe("talking");
});

test("blind transfer: the phone hears of it when the target has answered; the group goes on", async () => {
  const { x, caller, agent } = await talking();
  await refer(x, agent, "1002");
  expect(x.transferResults).toEqual([]);
  expect(x.legs.has(agent)).toBe(true);
  expect(x.dialled.at(-1)?.timeoutMs).toBe(20_000);
  const target = x.dialledTo("1002");
  x.ringing(target);
  x.answer(target);
  await x.settle();
  expect(x.transferResults).toEqual([{ leg: agent, status: 200 }]);
  expect(x.legs.has(agent)).toBe(false);
  expect(x.hears.get(caller)).toEqual([target]);
  expect(x.hears.get(target)).toEqual([caller]);
  expect(x.recordings.length).toBe(1);
  expect(x.recordedParties).toEqual([{ channel: "right", leg: target }]);
  expect([x.board.state(1).state, x.board.state(2).state]).toEqual(["acw", "talking"]);
  x.ended(caller, "normal", "remote");
  await x.settle();
  expect(x.board.state(2).state).toBe("acw");
  expect(x.last("transfer.completed")?.leg).toBe(agent);
  whole(x);
});

test("a blind transfer that fails goes back to who made it, held as before", async () => {
  const { x, caller, agent } = await talking();
  x.tell({ type: "held", leg: agent, at: x.clock.now() });
  await refer(x, agent, "1002");
  x.ended(x.dialledTo("1002"), "busy", "remote", 486);
  await x.settle();
  expect(x.transferResults).toEqual([{ leg: agent, status: 486 }]);
  expect(x.last("transfer.failed")?.data).toEqual({ to: "1002", cause: "busy" });
  expect(x.hears.get(caller)).toEqual([]);
  expect(x.board.state(1).state).toBe("on-hold");
  x.tell({ type: "resumed", leg: agent, at: x.clock.now() });
  expect(x.hears.get(caller)).toEqual([agent]);
  x.ended(agent, "normal", "remote");
  await x.settle();
  expect(x.last("journey.ended")?.data).toMatchObject({ cause: "normal", by: "callee" });
  whole(x);
});

test("who transferred and hung up is rung again, with the prefix; without call-back the call ends", async () => {
  const { x, caller, agent } = await talking();
  await refer(x, agent, "1002");
  x.ended(agent, "normal", "remote");
  await x.settle();
  expect(x.legs.has(caller)).toBe(true);
  x.ended(x.dialledTo("1002"), "no-answer", "system", 408);
  await x.settle();
  const back = x.dialledTo("1001");
  expect(back).not.toBe(agent);
  expect(x.dialled.at(-1)?.callerName).toBe("回呼");
  x.answer(back);
  await x.settle();
  expect(x.hears.get(caller)).toEqual([back]);
  expect(x.last("transfer.recalled")?.data).toEqual({ to: "1001", byAgentId: 1 });
  x.ended(caller, "normal", "remote");
  await x.settle();
  whole(x);

  const off = await talking();
  off.x.transfers = { ...off.x.transfers, callBack: false };
  await refer(off.x, off.agent, "1002");
  off.x.ended(off.agent, "normal", "remote");
  off.x.ended(off.x.dialledTo("1002"), "no-answer", "system", 408);
  await off.x.settle();
  expect(off.x.last("journey.ended")?.data.cause).toBe("call-timeout");
  whole(off.x);
});

test("a target that cannot be reached never interrupts the talk; a second REFER meanwhile is refused", async () => {
  const { x, caller, agent } = await talking();
  x.online.delete(2);
  await refer(x, agent, "1002");
  await refer(x, agent, "5555");
  expect(x.transferResults.map(({ status }) => status)).toEqual([480, 404]);
  expect(x.hears.get(caller)).toEqual([agent]);
  x.online.add(2);
  await refer(x, agent, "1002");
  await refer(x, agent, "1002");
  expect(x.transferResults.at(-1)?.status).toBe(491);
  x.ended(caller, "normal", "remote");
  await x.settle();
  expect(x.last("transfer.failed")?.data.cause).toBe("cancelled");
  whole(x);
});

test("blind transfer to a group waits in its queue, to a menu hears it", async () => {
  const { x, caller, agent } = await talking();
  await refer(x, agent, "800");
  expect(x.legs.has(agent)).toBe(false);
  expect(x.centre.live()[0]).toMatchObject({ stage: "queue", at: group.name });
  const next = x.dialledTo("1002");
  x.answer(next);
  await x.settle();
  expect(x.hears.get(caller)).toEqual([next]);
  x.office = { ...x.office, flows: new Map([[1, { ...menu, internalNumber: "700" }]]) };
  await refer(x, next, "700");
  expect(x.centre.live()[0]).toMatchObject({ stage: "ivr", at: menu.name });
  x.ended(caller, "normal", "remote");
  await x.settle();
  whole(x);
});

test("attended: the two others talk in the older journey, one recording goes on", async () => {
  const { x, caller, agent } = await talking();
  x.tell({ type: "held", leg: agent, at: x.clock.now() });
  await x.pass(1000);
  const consult = x.call(extension(1), "1002", "1001");
  await x.settle();
  const target = x.dialledTo("1002");
  x.answer(target);
  await x.settle();
  expect(x.board.state(1).state).toBe("on-hold");
  x.tell({ type: "held", leg: consult, at: x.clock.now() });
  await refer(x, agent, "1002", consult);
  expect(x.transferResults).toEqual([{ leg: agent, status: 200 }]);
  expect([x.legs.has(agent), x.legs.has(consult)]).toEqual([false, false]);
  expect(x.hears.get(caller)).toEqual([target]);
  expect(x.hears.get(target)).toEqual([caller]);
  expect(x.centre.size).toBe(1);
  expect(x.recordings.filter((r) => r.left === caller).length).toBe(1);
  expect(x.recordedParties).toEqual([{ channel: "right", leg: target }]);
  expect(x.board.state(2).state).toBe("talking");
  expect(x.board.state(1).state).toBe("acw");
  x.ended(target, "normal", "remote");
  await x.settle();
  expect(x.last("journey.ended")?.data).toMatchObject({ cause: "normal", by: "callee" });
  whole(x);
});

test("attended before the consulted has answered rings on for the caller; an unknown dialog is refused", async () => {
  const { x, caller, agent } = await talking();
  await refer(x, agent, "1002", "nobody");
  expect(x.transferResults).toEqual([{ leg: agent, status: 481 }]);
  expect(x.hears.get(caller)).toEqual([agent]);
  const consult = x.call(extension(1), "1002", "1001");
  await x.settle();
  await refer(x, agent, "1002", consult);
  expect(x.legs.has(consult)).toBe(false);
  x.answer(x.dialledTo("1002"));
  await x.settle();
  expect(x.hears.get(caller)).toEqual([x.dialledTo("1002")]);
  x.ended(caller, "normal", "remote");
  await x.settle();
  whole(x);
});

/** A caller talks with agent 1, who waits in the queue's line on another leg, before one who called later. */
async function consultingQueue(signedIn = [1]) {
  const { x, caller, agent } = await talking({ signedIn, group: { maxWaitS: 20, joinEmpty: true } });
  const consult = x.call(extension(1), "800", "1001");
  await x.settle();
  await x.pass(5000);
  const behind = await intoQueue(x);
  await x.pass(2000);
  return { x, caller, agent, consult, behind };
}
const joinedAs = (x: FakeExchange, leg: string) => {
  const fact = x.facts.findLast((one) => one.kind === "queue.joined" && one.leg === leg);
  return fact?.kind === "queue.joined" ? fact.data : undefined;
};

test("attended to a queue: the caller goes on waiting in the agent's place, whichever line asks", async () => {
  for (const reverse of [false, true]) {
    const { x, caller, agent, consult, behind } = await consultingQueue();
    if (reverse) await refer(x, consult, "1001", agent);
    else await refer(x, agent, "800", consult);
    expect(x.transferResults).toEqual([{ leg: reverse ? consult : agent, status: 200 }]);
    expect([x.legs.has(agent), x.legs.has(consult)]).toEqual([false, false]);
    expect(joinedAs(x, caller)).toMatchObject({ kind: "taken-over", position: 1, waitedMs: 7000 });
    expect(x.plays.at(-1)).toMatchObject({ leg: caller, resumeKey: "waiting", times: "forever" });
    const waits = x.centre.live().find(({ stageSince }) => stageSince === x.clock.now() - 7000);
    expect(waits).toMatchObject({ caller: "13800138000", stage: "queue" });
    // After-call work over, the agent is offered the one who took the place, not who came later.
    await x.pass(5000);
    x.answer(x.dialledTo("1001"));
    await x.settle();
    expect(x.hears.get(x.dialledTo("1001"))).toEqual([caller]);
    for (const leg of [caller, behind]) x.ended(leg, "normal", "remote");
    await x.settle();
    whole(x);
  }
});

test("attended to a queue: the longest wait counts from the place's beginning", async () => {
  const { x, caller, agent, consult, behind } = await consultingQueue([1]);
  x.board.pause(1, "x", null, "admin");
  await refer(x, agent, "800", consult);
  await x.pass(12_500);
  expect(x.legs.has(caller)).toBe(true);
  await x.pass(1000);
  expect(x.legs.has(caller)).toBe(false);
  const left = x.facts.findLast((fact) => fact.kind === "queue.left" && fact.leg === caller);
  expect(left?.data).toMatchObject({ reason: "timeout", waitedMs: 20_000 });
  x.ended(behind, "normal", "remote");
  await x.settle();
  whole(x);
});

test("attended to a queue that rings an agent: the phone rings on for the caller, nobody missed anything", async () => {
  const { x, caller, agent } = await talking({ signedIn: [1, 2] });
  const consult = x.call(extension(1), "800", "1001");
  await x.settle();
  const rung = x.dialledTo("1002");
  x.ringing(rung);
  const dialled = x.dialled.length;
  await refer(x, agent, "800", consult);
  expect(x.board.state(2).state).toBe("ringing");
  x.answer(rung);
  await x.settle();
  expect(x.dialled.length).toBe(dialled);
  expect(x.hears.get(caller)).toEqual([rung]);
  expect(x.board.state(2).state).toBe("talking");
  x.ended(rung, "normal", "remote");
  await x.settle();
  expect(x.board.state(2).state).toBe("acw");
  whole(x);
});

test("who waits in a queue can put only who talks on another line into the place", async () => {
  const { x, caller, agent, consult, behind } = await consultingQueue();
  await refer(x, consult, "1001");
  await refer(x, consult, "1001", "nobody");
  await refer(x, consult, "1001", consult);
  await refer(x, consult, "1001", behind);
  expect(x.transferResults.map(({ status }) => status)).toEqual([491, 481, 481, 481]);
  expect(x.hears.get(caller)).toEqual([agent]);
  for (const leg of [caller, consult, behind]) x.ended(leg, "normal", "remote");
  await x.settle();
  whole(x);
});

test("a menu adds its prefix once, announcements wait for each other and an offer for none", async () => {
  const x = exchange({ group: { queueAnnouncementId: 1, periodicPromptId: 1, periodicS: 5 }, signedIn: [] });
  x.office = {
    ...x.office,
    flows: new Map([[1, { ...menu, callerNamePrefix: "M-", timeoutDestination: { type: "flow", id: 1 } }]]),
    groups: new Map([
      [
        1,
        {
          ...group,
          joinEmpty: true,
          leaveWhenEmpty: false,
          queueAnnouncementId: 1,
          periodicPromptId: 1,
          periodicS: 5,
        },
      ],
    ]),
  };
  const caller = x.call(trunk, "02155501000", "138");
  await x.settle();
  const prompt = x.plays.at(-1)?.play ?? "";
  x.media({ type: "play-finished", leg: caller, play: prompt, outcome: "completed", ms: 1, at: 0 });
  await x.settle();
  await x.pass(6000);
  expect(x.kinds().filter((kind) => kind === "flow.entered").length).toBe(2);
  x.digit(caller, "1");
  await x.settle();
  const said = () => x.kinds().filter((kind) => kind === "queue.announced").length;
  expect(said()).toBe(1);
  const first = x.plays.at(-1);
  await x.pass(6000);
  expect(said()).toBe(1);
  x.board.signIn(1, [], "admin");
  await x.settle();
  expect(x.dialled.at(-1)).toMatchObject({ callerName: "M-" });
  x.media({
    type: "play-finished",
    leg: caller,
    play: first?.play ?? "",
    outcome: "completed",
    ms: 1,
    at: 0,
  });
  await x.settle();
  expect(said()).toBe(2);
  x.media({
    type: "play-finished",
    leg: caller,
    play: x.plays.at(-1)?.play ?? "",
    outcome: "completed",
    ms: 1,
    at: 0,
  });
  await x.settle();
  expect(x.plays.at(-1)?.resumeKey).toBe("waiting");
  x.ended(caller, "normal", "remote");
  await x.settle();
  whole(x);
});
