/** INVITE with Replaces from a phone: it takes a party's place in a call; who may not, and what is not there, is refused. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { TestCall, TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, startExchange, toneOf } from "../kit/exchange.ts";
import { rest } from "../kit/rest.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(20_000);

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

/** The Replaces value that names the exchange's dialog with the phone of `call`. */
function naming(call: TestCall, more = ""): Record<string, string> {
  const { callId, localTag, remoteTag } = call.dialog ?? { callId: "", localTag: "", remoteTag: "" };
  return { Replaces: `${callId};to-tag=${remoteTag};from-tag=${localTag}${more}`, Require: "replaces" };
}

/** Two phones that talk. */
async function talking(from: TestPhone, to: TestPhone): Promise<{ call: TestCall; at: TestCall }> {
  const before = to.calls.length;
  const call = await from.dial(to.number);
  const at = await nextCall(to, before);
  expect(await call.answered).toBe(true);
  await waitFor(() => call.hears(toneOf(to.number)) && at.hears(toneOf(from.number)), "both tones");
  return { call, at };
}

const talkers = () =>
  x.app.calls.live
    .picture()
    .agents.filter((agent) => agent.state === "busy" || agent.state === "talking")
    .map((agent) => agent.number)
    .sort();

test("the callee's place: the caller hears who came, the one replaced gets BYE; one journey", async () => {
  const { call, at } = await talking(a, b);
  const journey = await x.journey("1001", "1002");
  const taken = await c.dial("1002", { headers: naming(at) });
  expect(await taken.answered).toBe(true);
  expect(await at.ended).toMatchObject({ by: "remote" });
  await waitFor(() => call.hears(toneOf("1003")) && taken.hears(toneOf("1001")), "the new pair");
  expect(call.state).toBe("answered");
  await waitFor(() => talkers().join() === "1001,1003", "1001 and 1003 to talk");
  await taken.hangup();
  expect(await call.ended).toMatchObject({ by: "remote" });
  expect(await x.ended(journey)).toMatchObject({ result: "answered", cause: "normal" });
  expect(x.events(journey).map((event) => event.kind)).toContain("transfer.completed");
  expect(x.events().filter((event) => event.kind === "journey.started")).toHaveLength(1);
});

test("the caller's place, and that of a carrier's caller", async () => {
  const { call, at } = await talking(a, b);
  const taken = await c.dial("1001", { headers: naming(call) });
  expect(await taken.answered).toBe(true);
  expect(await call.ended).toMatchObject({ by: "remote" });
  await waitFor(() => at.hears(toneOf("1003")) && taken.hears(toneOf("1002")), "the new pair");
  await at.hangup();
  await taken.ended;

  const outside = await a.dial("913800138000");
  expect(await outside.answered).toBe(true);
  await waitFor(() => outside.hears(CARRIER_HZ), "the carrier");
  const moved = await c.dial("1001", { headers: naming(outside) });
  expect(await moved.answered).toBe(true);
  await waitFor(() => moved.hears(CARRIER_HZ), "the carrier at the third phone");
  const far = x.carrier.calls.at(-1);
  await waitFor(() => far?.hears(toneOf("1003")), "the third phone at the carrier");
  expect(await outside.ended).toMatchObject({ by: "remote" });
});

test("unknown dialogs 481, early-only on an answered call 486, malformed 400; the call goes on", async () => {
  const { call, at } = await talking(a, b);
  const refused = async (headers: Record<string, string>) =>
    (await (await c.dial("1002", { headers })).ended).status;
  expect(await refused({ Replaces: "nobody;to-tag=x;from-tag=y" })).toBe(481);
  const wrongTag = naming(at).Replaces?.replace(/from-tag=.*/, "from-tag=guess") ?? "";
  expect(await refused({ Replaces: wrongTag })).toBe(481);
  expect(await refused(naming(at, ";early-only"))).toBe(486);
  expect(await refused({ Replaces: "nonsense" })).toBe(400);
  expect(call.state).toBe("answered");
  at.audio.forget();
  await waitFor(() => at.hears(toneOf("1001")), "the call to go on");
  expect(x.events().filter((event) => event.kind === "journey.started")).toHaveLength(4);
});

test("a carrier may not take a call over: 603; a phone without password is challenged", async () => {
  const { call, at } = await talking(a, b);
  const invite = (agent: typeof x.carrier | TestPhone) =>
    agent.facade.invite({
      method: "INVITE",
      uri: `sip:1002@${x.remote}`,
      headers: { From: "<sip:1003@example.com>", ...naming(at) },
      body: at.audio.sdp(),
    }).final;
  expect((await invite(x.carrier)).status).toBe(603);
  expect((await invite(c)).status).toBe(401);
  expect(call.state).toBe("answered");
});

test("a call that does not talk has no place to take: 481, and it goes on", async () => {
  const call = await x.carrier.dial("02155501000", "13900001111");
  expect(await call.answered).toBe(true);
  const taken = await c.dial("1001", { headers: naming(call) });
  expect(await taken.ended).toMatchObject({ status: 481 });
  expect(call.state).toBe("answered");
});

test("an agent moves the own call to another phone and still talks", async () => {
  const { call, at } = await talking(a, b);
  const other = await x.phone("1002", { hz: 1600, behaviour: { kind: "ring" } });
  const moved = await other.dial("1002", { headers: naming(at) });
  expect(await moved.answered).toBe(true);
  await at.ended;
  await waitFor(() => call.hears(1600), "the other phone");
  await waitFor(() => talkers().join() === "1001,1002", "both agents to talk");
  await call.hangup();
  await moved.ended;
  await waitFor(() => talkers().length === 0, "nobody to talk");
  await other.stop();
});
