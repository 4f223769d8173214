/** Transfers by the phones' REFER through the whole exchange: who hears whom afterwards, what the phones are told, the record. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { TestCall, TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, PROMPT_HZ, startExchange, toneOf } from "../kit/exchange.ts";
import { DID, GROUP } from "../kit/office.ts";
import { rest } from "../kit/rest.ts";
import { toneWav } from "../kit/tone.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(25_000);

const MENU = "7000";
/** The queue's music. */
const MUSIC_HZ = 1600;
let x: Exchange;
let a: TestPhone;
let b: TestPhone;
let c: TestPhone;

beforeAll(async () => {
  x = await startExchange({ menu: { internalNumber: MENU } });
  const music = await x.app.routing.mediaFiles.upload(SYSTEM_ACTOR, {
    name: "queue-tone",
    fileType: "voice",
    category: "test",
    description: "",
    fileName: "queue-tone.wav",
    bytes: toneWav(MUSIC_HZ, 3000),
  });
  const { groups } = x.app.queueing;
  const { id, ...row } = await groups.get(SYSTEM_ACTOR, x.office.groupId);
  await groups.save(SYSTEM_ACTOR, id, { ...row, waitingMusicId: music.id });
  [a, b, c] = await Promise.all([x.phone("1001"), x.phone("1002"), x.phone("1003")]);
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);
afterEach(() => rest(x));

const hz = (party: TestPhone | "carrier") => (party === "carrier" ? CARRIER_HZ : toneOf(party.number));

/** `left` and `right` hear each other, and nobody else for a third of a second. */
async function pair(left: [TestCall, number], right: [TestCall, number]): Promise<void> {
  const only = (call: TestCall, wanted: number) =>
    call.hears(wanted, 300) &&
    [400, 700, 1600, CARRIER_HZ].every((tone) => tone === wanted || !call.hears(tone, 300));
  await waitFor(() => only(left[0], right[1]) && only(right[0], left[1]), "the two to hear each other alone");
}

/** A caller from outside whom agent 1001 has answered. */
async function answered(): Promise<{ far: TestCall; agent: TestCall; journey: string }> {
  const before = a.calls.length;
  const caller = `1390000${String(1000 + x.carrier.calls.length)}`;
  const far = await x.carrier.dial(DID, caller);
  expect(await far.answered).toBe(true);
  await waitFor(() => far.hears(PROMPT_HZ), "the menu's prompt");
  await far.press("1");
  const agent = await nextCall(a, before);
  expect(await agent.answered).toBe(true);
  await pair([far, CARRIER_HZ], [agent, hz(a)]);
  return { far, agent, journey: await x.journey(caller, DID) };
}

const at = (number: string) => `sip:${number}@${x.remote}`;
/** Refer-To of a transfer with consultation: the dialog with the one consulted takes the place. */
function replacing(number: string, consult: TestCall): string {
  const { callId, localTag, remoteTag } = consult.dialog ?? { callId: "", localTag: "", remoteTag: "" };
  return `${at(number)}?Replaces=${encodeURIComponent(`${callId};to-tag=${remoteTag};from-tag=${localTag}`)}`;
}
const kinds = (journey: string) => x.events(journey).map((event) => event.kind);

describe("without consultation", () => {
  test("to a phone: the caller hears the new one, who transferred is told 200 and released", async () => {
    const { far, agent, journey } = await answered();
    const before = b.calls.length;
    expect(await agent.transfer(at("1002"))).toBe(202);
    const next = await nextCall(b, before);
    expect(await next.answered).toBe(true);
    await pair([far, CARRIER_HZ], [next, hz(b)]);
    expect(await agent.ended).toMatchObject({ by: "remote" });
    expect(agent.told).toEqual([100, 200]);
    await far.hangup();
    await next.ended;
    expect(await x.ended(journey)).toMatchObject({
      result: "answered",
      cause: "normal",
      hangup_by: "caller",
    });
    expect(kinds(journey)).toContain("transfer.completed");
    const parts = x.records().filter((row) => row.journey === journey);
    expect(parts.map((row) => row.agent_id)).toEqual([
      x.office.agentIds["1001"] ?? 0,
      x.office.agentIds["1002"] ?? 0,
    ]);
  });

  test("to one who refuses, is not there, or unknown: told so, and the two talk on", async () => {
    const { far, agent, journey } = await answered();
    b.behaviour = { kind: "refuse", status: 486 };
    const wanted = [
      ["1002", 486],
      ["7777", 404],
    ] as const;
    for (const [number, status] of wanted) {
      expect(await agent.transfer(at(number))).toBe(202);
      await waitFor(() => agent.told.at(-1) === status, `NOTIFY of ${status}`);
      await pair([far, CARRIER_HZ], [agent, hz(a)]);
    }
    // 100 is only told where the outcome takes a while.
    expect(agent.told.filter((status) => status !== 100)).toEqual([486, 404]);
    expect(kinds(journey).filter((kind) => kind === "transfer.failed")).toHaveLength(2);
    await agent.hangup();
    expect(await x.ended(journey)).toMatchObject({ result: "answered", hangup_by: "callee" });
  });

  test("to one who does not answer, by a phone that has hung up: it is rung again", async () => {
    const { far, agent } = await answered();
    b.behaviour = { kind: "ring" };
    const [ringing, again] = [b.calls.length, a.calls.length];
    expect(await agent.transfer(at("1002"))).toBe(202);
    const next = await nextCall(b, ringing);
    await agent.hangup();
    next.refuse(480);
    const recalled = await nextCall(a, again);
    expect(await recalled.answered).toBe(true);
    await pair([far, CARRIER_HZ], [recalled, hz(a)]);
  });

  test("to a group, to the menu and to the outside", async () => {
    const { far, agent } = await answered();
    b.behaviour = { kind: "refuse", status: 486 };
    const known = new Set([...a.calls, ...c.calls]);
    expect(await agent.transfer(at(GROUP))).toBe(202);
    expect(await agent.ended).toMatchObject({ by: "remote" });
    // 1002 refuses; 1001 is free again by then, or it is 1003's turn.
    const taker = await waitFor(
      () => [...a.calls, ...c.calls].find((call) => !known.has(call) && call.state === "answered"),
      "an agent of the group to answer",
      10_000,
    );
    await waitFor(() => taker.hears(CARRIER_HZ, 300), "the caller at the agent");
    expect(await taker.transfer(at(MENU))).toBe(202);
    await waitFor(() => far.hears(PROMPT_HZ, 300), "the menu's prompt again");
    expect(await taker.ended).toMatchObject({ by: "remote" });

    const call = await a.dial("1003");
    expect(await call.answered).toBe(true);
    const outside = x.carrier.calls.length;
    expect(await call.transfer(at("913800138000"))).toBe(202);
    const carrier = await nextCall(x.carrier, outside);
    expect(await carrier.answered).toBe(true);
    const stays = c.calls.at(-1);
    if (!stays) throw new Error("1003 has no call");
    await pair([stays, hz(c)], [carrier, CARRIER_HZ]);
  });
});

describe("with consultation", () => {
  test("the caller waits on hold, then hears the one consulted; both calls of the agent end", async () => {
    const { far, agent, journey } = await answered();
    expect(await agent.hold(true)).toBe(200);
    const before = b.calls.length;
    const consult = await a.dial("1002");
    const next = await nextCall(b, before);
    expect(await consult.answered).toBe(true);
    await pair([consult, hz(a)], [next, hz(b)]);
    await waitFor(() => ![hz(a), hz(b)].some((tone) => far.hears(tone, 300)), "the caller to hear neither");
    expect(await agent.transfer(replacing("1002", consult))).toBe(202);
    await pair([far, CARRIER_HZ], [next, hz(b)]);
    for (const call of [agent, consult]) expect(await call.ended).toMatchObject({ by: "remote" });
    expect(agent.told.at(-1)).toBe(200);
    await next.hangup();
    expect(await far.ended).toMatchObject({ by: "remote" });
    expect(await x.ended(journey)).toMatchObject({ result: "answered", cause: "normal" });
    expect(kinds(journey)).toContain("transfer.completed");
  });

  test("by one who called: who was called first hears the one consulted", async () => {
    const [first, second] = [b.calls.length, c.calls.length];
    const one = await a.dial("1002");
    const called = await nextCall(b, first);
    expect(await one.answered).toBe(true);
    expect(await one.hold(true)).toBe(200);
    const consult = await a.dial("1003");
    const next = await nextCall(c, second);
    expect(await consult.answered).toBe(true);
    await pair([consult, hz(a)], [next, hz(c)]);
    expect(await one.transfer(replacing("1003", consult))).toBe(202);
    await pair([called, hz(b)], [next, hz(c)]);
    for (const call of [one, consult]) expect(await call.ended).toMatchObject({ by: "remote" });
  });

  test("the one consulted still rings: it goes on ringing for the caller", async () => {
    const { far, agent } = await answered();
    expect(await agent.hold(true)).toBe(200);
    b.behaviour = { kind: "answer", afterMs: 1500 };
    const before = b.calls.length;
    const consult = await a.dial("1002");
    await nextCall(b, before);
    await waitFor(() => consult.state === "ringing", "1002 to ring");
    // An early dialog has no tags here: the transfer is of the number.
    expect(await agent.transfer(at("1002"))).toBe(202);
    await consult.hangup();
    const next = await waitFor(
      () => b.calls.slice(before).find((call) => call.state === "answered"),
      "1002 to answer",
      10_000,
    );
    await pair([far, CARRIER_HZ], [next, hz(b)]);
    expect(await agent.ended).toMatchObject({ by: "remote" });
  });

  test("a consultation that is over: the number is rung for the caller", async () => {
    const { far, agent } = await answered();
    const consult = await a.dial("1002");
    expect(await consult.answered).toBe(true);
    const refer = replacing("1002", consult);
    await consult.hangup();
    await waitFor(async () => (await x.app.sip.stats()).legs === 2, "the consultation to be gone");
    const before = b.calls.length;
    expect(await agent.transfer(refer)).toBe(202);
    const next = await nextCall(b, before);
    expect(await next.answered).toBe(true);
    await pair([far, CARRIER_HZ], [next, hz(b)]);
    expect(agent.told.at(-1)).toBe(200);
  });
});

describe("with consultation of a queue", () => {
  const board = () => x.app.queueing.agentCommands;
  const group = () => x.app.calls.live.picture().groups.find((one) => one.groupId === x.office.groupId);
  const joined = (journey: string) => x.events(journey).findLast((one) => one.kind === "queue.joined");
  const inQueue = (journey: string) => waitFor(() => joined(journey), "the queue to be reached");
  const pause = (...numbers: string[]) => {
    for (const number of numbers) board().pause(SYSTEM_ACTOR, x.office.agentIds[number] ?? 0, null);
  };
  /** The latest call of this extension to the group. */
  const newest = (caller: string) =>
    waitFor(() => {
      const start = x.events().findLast((one) => one.kind === "journey.started");
      const { data, journey } = start?.kind === "journey.started" ? start : { data: null, journey: "" };
      return data?.caller === caller && data.callee === GROUP ? journey : null;
    }, `${caller} to call the group`);
  afterEach(() => {
    for (const { number, state } of board().states()) if (state === "paused") unpause(number);
  });
  const unpause = (number: string) => board().unpause(SYSTEM_ACTOR, x.office.agentIds[number] ?? 0);

  for (const [line, title] of [
    ["customer", "the customer's line asks"],
    ["queue", "the queue's line asks"],
  ] as const)
    test(`the customer waits on in the agent's place, before who came later: ${title}`, async () => {
      const { far, agent, journey } = await answered();
      // Else 1001, free by the transfer, would be the first to be rung.
      pause("1001", "1002", "1003");
      expect(await agent.hold(true)).toBe(200);
      const consult = await a.dial(GROUP);
      const waits = await newest("1001");
      const first = await inQueue(waits);
      expect(await consult.answered).toBe(true);
      await waitFor(() => consult.hears(MUSIC_HZ, 300), "the agent to hear the queue's music");
      const later = await c.dial(GROUP);
      const behind = await newest("1003");
      await inQueue(behind);
      expect(joined(behind)?.data).toMatchObject({ position: 2 });
      const oldest = group()?.longestWaitSince;

      const [asks, told] =
        line === "customer"
          ? [agent.transfer(replacing(GROUP, consult)), agent]
          : [consult.transfer(replacing("1001", agent)), consult];
      expect(await asks).toBe(202);
      for (const call of [agent, consult]) expect(await call.ended).toMatchObject({ by: "remote" });
      expect(told.told.at(-1)).toBe(200);
      const taken = await inQueue(journey);
      await waitFor(() => far.hears(MUSIC_HZ, 300), "the customer to hear the queue's music");
      const taking = x.events(journey).findLast((one) => one.kind === "queue.joined");
      expect(taking?.data).toMatchObject({ kind: "taken-over", position: 1 });
      if (taking?.kind !== "queue.joined") throw new Error("the place was not taken");
      expect(taking.at - (taking.data.waitedMs ?? 0)).toBe(first.at);
      expect(taken.at).toBeGreaterThan(first.at);
      expect(group()).toMatchObject({ waiting: 2, longestWaitSince: oldest });
      const there = await x.ended(waits);
      expect(there).toMatchObject({ cause: "normal", group_id: null });
      expect(there.result).not.toBe("queue-abandoned");
      expect(x.events(waits).find((one) => one.kind === "queue.left")?.data).toMatchObject({
        reason: "handed-over",
      });

      // The first who is free gets the customer, though 1003 has waited longer than the customer has.
      const before = b.calls.length;
      unpause("1002");
      const next = await nextCall(b, before);
      expect(await next.answered).toBe(true);
      await pair([far, CARRIER_HZ], [next, hz(b)]);
      expect(later.state).toBe("answered");
      await later.hangup();
      await far.hangup();
      expect(await x.ended(journey)).toMatchObject({ result: "answered", hangup_by: "caller" });
    });

  test("an agent's phone that rings for the place rings on, and talks with the customer", async () => {
    const { far, agent, journey } = await answered();
    pause("1003");
    b.behaviour = { kind: "ring" };
    const before = b.calls.length;
    expect(await agent.hold(true)).toBe(200);
    const consult = await a.dial(GROUP);
    expect(await consult.answered).toBe(true);
    const ringing = await nextCall(b, before);
    const waits = await newest("1001");
    await waitFor(() => kinds(waits).includes("offer.ringing"), "1002 to ring");
    expect(await agent.transfer(replacing(GROUP, consult))).toBe(202);
    expect(await consult.ended).toMatchObject({ by: "remote" });
    await ringing.answer();
    await pair([far, CARRIER_HZ], [ringing, hz(b)]);
    expect(b.calls.length).toBe(before + 1);
    await far.hangup();
    await x.ended(journey);
    expect(kinds(waits)).toContain("leg.moved");
    expect(kinds(journey)).toContain("offer.answered");
    expect(x.records().filter((row) => row.journey === journey)).toMatchObject([
      { agent_id: x.office.agentIds["1001"], group_id: x.office.groupId },
      { agent_id: x.office.agentIds["1002"], group_id: x.office.groupId },
    ]);
  });
});
