/**
 * Replaces that names a call which still rings (RFC 3891 §3): a transfer whose consultation nobody has answered yet, and
 * the call of a ringing phone picked up at another.
 */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { TestCall, TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, PROMPT_HZ, startExchange, toneOf } from "../kit/exchange.ts";
import { DID } from "../kit/office.ts";
import { rest } from "../kit/rest.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(25_000);

let x: Exchange;
let a: TestPhone;
let b: TestPhone;
let c: TestPhone;

beforeAll(async () => {
  x = await startExchange();
  [a, b, c] = await Promise.all([x.phone("1001"), x.phone("1002"), x.phone("1003")]);
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);
afterEach(() => rest(x));

/** A caller from outside whom 1001 has answered. */
async function answered(): Promise<{ far: TestCall; agent: TestCall; journey: string }> {
  const before = a.calls.length;
  const caller = `1380000${1000 + x.carrier.calls.length}`;
  const far = await x.carrier.dial(DID, caller);
  await waitFor(() => far.hears(PROMPT_HZ), "the menu's prompt");
  await far.press("1");
  const agent = await nextCall(a, before);
  expect(await agent.answered).toBe(true);
  await waitFor(() => far.hears(toneOf("1001")) && agent.hears(CARRIER_HZ), "both tones");
  return { far, agent, journey: await x.journey(caller, DID) };
}

/** "CALLID;to-tag=…;from-tag=…" of the exchange's dialog with this phone, answered or not. */
function named(call: TestCall): string {
  const { callId, localTag, remoteTag } = call.dialog ??
    call.early ?? { callId: "", localTag: "", remoteTag: "" };
  return `${callId};to-tag=${remoteTag};from-tag=${localTag}`;
}
const referTo = (number: string, consult: TestCall, more = "") =>
  `sip:${number}@${x.remote}?Replaces=${encodeURIComponent(named(consult) + more)}`;
const taking = (call: TestCall, more = "") => ({ Replaces: named(call) + more, Require: "replaces" });
const rings = (call: TestCall) =>
  waitFor(() => call.early !== undefined && call.progress.includes(180), "a 180");
const kinds = (journey: string) => x.events(journey).map((event) => event.kind);

describe("transfer while the one consulted still rings", () => {
  test("the phone rings on and talks with the one who stays; who transferred is told 200 and released", async () => {
    const { far, agent, journey } = await answered();
    expect(await agent.hold(true)).toBe(200);
    b.behaviour = { kind: "ring" };
    const before = b.calls.length;
    const consult = await a.dial("1002");
    const ringing = await nextCall(b, before);
    await rings(consult);
    expect(await agent.transfer(referTo("1002", consult, ";early-only"))).toBe(202);
    expect(await consult.ended).toMatchObject({ by: "remote" });
    await ringing.answer();
    await waitFor(() => ringing.hears(CARRIER_HZ) && far.hears(toneOf("1002")), "the new pair");
    // The same call all along: nothing rang anew.
    expect(b.calls.length).toBe(before + 1);
    expect(await agent.ended).toMatchObject({ by: "remote" });
    expect(agent.told).toEqual([100, 200]);
    await far.hangup();
    await ringing.ended;
    expect(await x.ended(journey)).toMatchObject({ result: "answered", hangup_by: "caller" });
    expect(kinds(journey)).toContain("transfer.completed");
    const parts = x.records().filter((row) => row.journey === journey);
    expect(parts.map((row) => row.agent_id)).toEqual([
      x.office.agentIds["1001"] ?? 0,
      x.office.agentIds["1002"] ?? 0,
    ]);
    const there = await x.ended(await x.journey("1001", "1002"));
    expect(kinds(there.journey)).toContain("leg.moved");
    expect(there.result).not.toBe("answered");
  });

  test("it refuses: who transferred gets the call back", async () => {
    const { far, agent } = await answered();
    b.behaviour = { kind: "ring" };
    const before = b.calls.length;
    const consult = await a.dial("1002");
    const ringing = await nextCall(b, before);
    await rings(consult);
    expect(await agent.transfer(referTo("1002", consult))).toBe(202);
    await consult.ended;
    ringing.refuse(486);
    await waitFor(() => agent.told.at(-1) === 486, "NOTIFY of 486");
    await waitFor(() => far.hears(toneOf("1001")) && agent.hears(CARRIER_HZ), "the first pair again");
  });

  test("the phone that transferred takes its consultation back at once, as many do: the other rings on", async () => {
    const { far, agent } = await answered();
    b.behaviour = { kind: "ring" };
    const before = b.calls.length;
    const consult = await a.dial("1002");
    const ringing = await nextCall(b, before);
    await rings(consult);
    const told = agent.transfer(referTo("1002", consult));
    expect(await told).toBe(202);
    await consult.hangup();
    await agent.hangup();
    expect(ringing.state).toBe("ringing");
    await ringing.answer();
    await waitFor(() => ringing.hears(CARRIER_HZ) && far.hears(toneOf("1002")), "the new pair");
    expect(b.calls.length).toBe(before + 1);
  });

  test("somebody outside, rung through the trunk", async () => {
    const call = await b.dial("1001");
    expect(await call.answered).toBe(true);
    const agent = a.calls.at(-1);
    x.carrier.behaviour = { kind: "ring" };
    const before = x.carrier.calls.length;
    const consult = await a.dial("913800138000");
    const ringing = await nextCall(x.carrier, before);
    await rings(consult);
    expect(await agent?.transfer(referTo("913800138000", consult))).toBe(202);
    await consult.ended;
    await ringing.answer();
    await waitFor(() => ringing.hears(toneOf("1002")) && call.hears(CARRIER_HZ), "the new pair");
    expect(x.carrier.calls.length).toBe(before + 1);
  });

  test("early-only on a consultation that was answered: 486, and all talk on", async () => {
    const { far, agent } = await answered();
    const consult = await a.dial("1002");
    expect(await consult.answered).toBe(true);
    expect(await agent.transfer(referTo("1002", consult, ";early-only"))).toBe(202);
    await waitFor(() => agent.told.at(-1) === 486, "NOTIFY of 486");
    expect([far.state, agent.state, consult.state]).toEqual(["answered", "answered", "answered"]);
  });
});

describe("a ringing phone's call taken at another", () => {
  test("who takes it talks with the caller, the phone stops ringing", async () => {
    b.behaviour = { kind: "ring" };
    for (const more of ["", ";early-only"]) {
      const before = b.calls.length;
      const call = await a.dial("1002");
      const ringing = await nextCall(b, before);
      await rings(call);
      const taken = await c.dial("1002", { headers: taking(ringing, more) });
      expect(await taken.answered).toBe(true);
      expect(await ringing.ended).toMatchObject({ by: "remote", status: 487 });
      expect(await call.answered).toBe(true);
      await waitFor(() => call.hears(toneOf("1003")) && taken.hears(toneOf("1001")), "the new pair");
      await call.hangup();
      await taken.ended;
      expect(await x.ended(await x.journey("1001", "1002"))).toMatchObject({
        result: "answered",
        agent_id: x.office.agentIds["1003"],
      });
    }
  });

  test("a caller of the queue", async () => {
    for (const phone of [a, b, c]) phone.behaviour = { kind: "ring" };
    const known = new Set(x.phones.flatMap((phone) => phone.calls));
    const far = await x.carrier.dial(DID, "13811112222");
    await waitFor(() => far.hears(PROMPT_HZ), "the menu's prompt");
    await far.press("1");
    const ringing = await waitFor(
      () =>
        x.phones.flatMap((phone) => phone.calls).find((call) => !known.has(call) && call.early !== undefined),
      "a phone to ring",
    );
    const other = x.phones.find((phone) => !phone.calls.includes(ringing)) ?? c;
    const taken = await other.dial("1001", { headers: taking(ringing) });
    expect(await taken.answered).toBe(true);
    expect(await ringing.ended).toMatchObject({ by: "remote", status: 487 });
    await waitFor(() => far.hears(toneOf(other.number)) && taken.hears(CARRIER_HZ), "the new pair");
    await far.hangup();
    expect(await x.ended(await x.journey("13811112222", DID))).toMatchObject({
      result: "answered",
      agent_id: x.office.agentIds[other.number],
      group_id: x.office.groupId,
    });
  });

  test("the caller's side of a call that rings has no place to take (RFC 3891 §3): 481, it rings on", async () => {
    b.behaviour = { kind: "ring" };
    const before = b.calls.length;
    const call = await a.dial("1002");
    const ringing = await nextCall(b, before);
    await rings(call);
    const taken = await c.dial("1001", { headers: taking(call) });
    expect(await taken.ended).toMatchObject({ status: 481 });
    const guessed = { ...taking(ringing), Replaces: `${ringing.early?.callId};to-tag=x;from-tag=y` };
    expect(await (await c.dial("1002", { headers: guessed })).ended).toMatchObject({ status: 481 });
    await ringing.answer();
    await waitFor(() => call.hears(toneOf("1002")) && ringing.hears(toneOf("1001")), "both tones");
  });
});
