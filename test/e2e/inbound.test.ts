/** A caller's way in: trunk, menu, queue, agent, recording, record; and every way to leave early. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { tonesOnChannels } from "../kit/audio-proof.ts";
import { CARRIER_HZ, type Exchange, nextCall, PROMPT_HZ, startExchange, toneOf } from "../kit/exchange.ts";
import { DID } from "../kit/office.ts";
import { listen, talk } from "../kit/voice.ts";
import { waitFor } from "../kit/wait.ts";

let x: Exchange;
let phones: Awaited<ReturnType<Exchange["phone"]>>[];

beforeAll(async () => {
  x = await startExchange();
  phones = await Promise.all(["1001", "1002", "1003"].map((number) => x.phone(number)));
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);

const states = () => x.app.calls.live.picture().agents.map((agent) => agent.state);
/** Nothing is left of a call: no journey, no dialog, every agent idle. */
async function quiet(): Promise<void> {
  // A test that failed half-way must not spoil the next one.
  for (const call of x.carrier.calls) void call.hangup();
  for (const phone of phones) phone.behaviour = { kind: "answer", afterMs: 100 };
  await waitFor(() => x.app.calls.live.picture().calls.length === 0, "no call to be left");
  await waitFor(async () => (await x.app.sip.stats()).dialogs === 0, "no dialog to be left");
  await waitFor(() => states().every((state) => state === "idle"), "all agents to be idle");
}
afterEach(quiet);

let callers = 0;
const newCaller = () => `1380013${String(8000 + callers++)}`;

/** Rings in and waits until the menu is heard. */
async function ringIn(caller: string) {
  const call = await x.carrier.dial(DID, caller);
  expect(await call.answered).toBe(true);
  await waitFor(() => call.hears(PROMPT_HZ), "the menu's prompt");
  return { call, journey: await x.journey(caller, DID) };
}

function phoneOf(number: string) {
  const phone = phones.find((one) => one.number === number);
  if (!phone) throw new Error(`no phone ${number}`);
  return phone;
}

/** Answers an agent did not take: how the offers to each went. */
function offers(journey: string) {
  const number = (id: number) =>
    Object.entries(x.office.agentIds).find(([, agentId]) => agentId === id)?.[0] ?? "";
  return x
    .events(journey)
    .flatMap((event) =>
      event.kind === "offer.missed"
        ? [`${number(event.data.agentId)} ${event.data.reason}`]
        : event.kind === "offer.answered"
          ? [`${number(event.data.agentId)} answered`]
          : [],
    );
}

describe("through menu and queue to an agent", () => {
  test("tones both ways and on both channels of the recording; the record is exactly true", async () => {
    const caller = newCaller();
    const dialledAt = Date.now();
    const { call, journey } = await ringIn(caller);
    const phone = phoneOf("1001");
    phone.behaviour = { kind: "answer", afterMs: 600 };
    const before = phone.calls.length;
    await call.press("1");
    const at = await nextCall(phone, before);
    const rungAt = Date.now();
    expect(at.number).toBe(caller);
    expect(await at.answered).toBe(true);
    const answeredAt = Date.now();
    await waitFor(() => call.hears(toneOf("1001")) && at.hears(CARRIER_HZ), "both tones");
    // Nobody else is heard.
    expect(at.heard().map(({ hz }) => hz)).toEqual([CARRIER_HZ]);
    await talk(x.app, 2000);
    await at.hangup();
    const endedAt = Date.now();
    expect(await call.ended).toMatchObject({ by: "remote" });
    const row = await x.ended(journey);
    expect(row).toMatchObject({
      direction: "inbound",
      result: "answered",
      cause: "normal",
      hangup_by: "callee",
      caller_original: caller,
      callee_original: DID,
      did_number: DID,
      group_id: x.office.groupId,
      agent_id: x.office.agentIds["1001"],
      keys: "1",
      hold_ms: 0,
    });
    expect(x.records().filter((one) => one.journey === journey)).toHaveLength(1);
    const near = (value: number, wanted: number, within: number) =>
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(within);
    near(row.started_at, dialledAt, 500);
    near(row.answered_at ?? 0, answeredAt, 250);
    near(row.ended_at ?? 0, endedAt, 500);
    near(row.talk_ms, endedAt - answeredAt, 400);
    near(row.ring_ms, answeredAt - rungAt, 300);
    expect(row.ring_ms).toBeGreaterThanOrEqual(500);
    expect(row.total_ms).toBe((row.ended_at ?? 0) - row.started_at);
    // The parts make the whole, but for the moments between them.
    const sum = row.ivr_ms + row.wait_ms + row.talk_ms;
    expect(row.total_ms - sum).toBeGreaterThanOrEqual(0);
    expect(row.total_ms - sum).toBeLessThan(600);

    const recording = x.recording(row.recording);
    expect(recording).toMatchObject({ state: "done", failure: null });
    near(recording?.duration_ms ?? 0, row.talk_ms, 300);
    const [left, right] = await tonesOnChannels(recording?.file ?? "", [CARRIER_HZ, toneOf("1001")]);
    expect(left?.heard[CARRIER_HZ]).toBeGreaterThan(row.talk_ms - 600);
    expect(left?.heard[toneOf("1001")]).toBe(0);
    expect(right?.heard[toneOf("1001")]).toBeGreaterThan(row.talk_ms - 600);
    expect(right?.heard[CARRIER_HZ]).toBe(0);
    const bytes = new Uint8Array(await Bun.file(recording?.file ?? "").arrayBuffer());
    expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(recording?.sha256 ?? "");
  }, 20_000);

  test("a key by SIP INFO chooses as well as one in the audio, and one pressed both ways counts once", async () => {
    const { call, journey } = await ringIn(newCaller());
    const phone = phoneOf("1003");
    const before = phone.calls.length;
    await call.press("2", "info");
    const at = await nextCall(phone, before);
    expect(await at.answered).toBe(true);
    await waitFor(() => call.hears(toneOf("1003")), "the agent's tone");
    await call.hangup();
    expect(await x.ended(journey)).toMatchObject({ result: "answered", hangup_by: "caller", keys: "2" });

    const twice = await ringIn(newCaller());
    const calls = phoneOf("1002").calls.length;
    await twice.call.press("1002", "both");
    const direct = await nextCall(phoneOf("1002"), calls);
    expect(await direct.answered).toBe(true);
    await twice.call.hangup();
    expect(await x.ended(twice.journey)).toMatchObject({
      agent_id: x.office.agentIds["1002"],
      keys: "1002",
    });
  }, 25_000);

  test("keys pressed in a call reach the other side", async () => {
    const { call } = await ringIn(newCaller());
    const before = phoneOf("1001").calls.length;
    await call.press("1");
    const at = await nextCall(phoneOf("1001"), before);
    await at.answered;
    await waitFor(() => call.hears(toneOf("1001")), "the agent");
    await at.press("42#");
    await waitFor(() => call.audio.keysReceived === "42#", "the keys at the carrier");
    await call.press("7");
    await waitFor(() => at.audio.keysReceived === "7", "the key at the phone");
    await call.hangup();
  }, 15_000);

  test("hold by the phone: the caller no longer hears the agent; the record counts it", async () => {
    const { call, journey } = await ringIn(newCaller());
    const before = phoneOf("1001").calls.length;
    await call.press("1");
    const at = await nextCall(phoneOf("1001"), before);
    await at.answered;
    await waitFor(() => call.hears(toneOf("1001")), "the agent");
    expect(await at.hold(true)).toBe(200);
    at.audio.tone(null);
    const heldAt = Date.now();
    await waitFor(() => !call.hears(toneOf("1001"), 250), "the agent's tone to stop");
    await waitFor(() => states().includes("on-hold"), "the agent to be on hold");
    await waitFor(() => !call.hears(toneOf("1001"), 700), "a while on hold");
    expect(await at.hold(false)).toBe(200);
    at.audio.tone(toneOf("1001"));
    const held = Date.now() - heldAt;
    await waitFor(() => call.hears(toneOf("1001")), "the agent again");
    await call.hangup();
    const row = await x.ended(journey);
    expect(row.hold_count).toBe(1);
    expect(Math.abs(row.hold_ms - held)).toBeLessThan(300);
  }, 15_000);
});

describe("leaving early", () => {
  test("in the menu", async () => {
    const { call, journey } = await ringIn(newCaller());
    await call.hangup();
    expect(await x.ended(journey)).toMatchObject({
      result: "ivr",
      cause: "caller-hung-up-early",
      hangup_by: "caller",
      talk_ms: 0,
      recording: null,
      answered_at: null,
    });
  }, 15_000);

  test("while an agent's phone rings: the phone stops, nobody is credited with an answer", async () => {
    for (const phone of phones) phone.behaviour = { kind: "ring" };
    const { call, journey } = await ringIn(newCaller());
    const before = phoneOf("1001").calls.length;
    await call.press("1");
    const at = await nextCall(phoneOf("1001"), before);
    await waitFor(() => states().includes("ringing"), "the agent to ring");
    await call.hangup();
    expect(await at.ended).toMatchObject({ by: "remote", status: 487 });
    expect(await x.ended(journey)).toMatchObject({
      result: "rang-no-answer",
      cause: "no-answer",
      hangup_by: "caller",
      answered_at: null,
      talk_ms: 0,
    });
    expect(offers(journey)).toEqual(["1001 caller-left"]);
  }, 15_000);

  test("in the queue, with every agent in a pause", async () => {
    const { agentCommands } = x.app.queueing;
    const actor = {
      accountId: null,
      name: "test",
      permissions: ["*"],
      scope: "all" as const,
      agentId: null,
      departmentId: null,
      address: "",
    };
    const ids = Object.values(x.office.agentIds);
    for (const id of ids) agentCommands.pause(actor, id, null);
    try {
      const { call, journey } = await ringIn(newCaller());
      await call.press("1");
      await waitFor(() => x.app.calls.live.picture().groups[0]?.waiting === 1, "a waiting caller");
      await listen(call, 800);
      await call.hangup();
      const row = await x.ended(journey);
      expect(row).toMatchObject({
        result: "queue-abandoned",
        cause: "caller-hung-up-early",
        group_id: x.office.groupId,
      });
      expect(row.wait_ms).toBeGreaterThan(700);
      expect(Math.abs(row.wait_ms + row.ivr_ms - row.total_ms)).toBeLessThan(500);
    } finally {
      for (const id of ids) agentCommands.unpause(actor, id);
    }
  }, 15_000);
});

describe("agents who do not take the call", () => {
  test("declines, busy, then the third answers: one offer each, in order", async () => {
    phoneOf("1001").behaviour = { kind: "refuse", status: 603, afterMs: 100 };
    phoneOf("1002").behaviour = { kind: "refuse", status: 486, afterMs: 100 };
    const { call, journey } = await ringIn(newCaller());
    const before = phoneOf("1003").calls.length;
    await call.press("1");
    const at = await nextCall(phoneOf("1003"), before);
    expect(await at.answered).toBe(true);
    await waitFor(() => call.hears(toneOf("1003")) && at.hears(CARRIER_HZ), "both tones");
    await call.hangup();
    expect(await x.ended(journey)).toMatchObject({
      result: "answered",
      agent_id: x.office.agentIds["1003"],
      cause: "normal",
      hangup_by: "caller",
    });
    expect(offers(journey)).toEqual(["1001 declined", "1002 busy", "1003 answered"]);
  }, 20_000);

  test("does not answer: the next agent after the group's time", async () => {
    phoneOf("1001").behaviour = { kind: "ring" };
    const { call, journey } = await ringIn(newCaller());
    const before = phoneOf("1002").calls.length;
    const rings = phoneOf("1001").calls.length;
    await call.press("1");
    const first = await nextCall(phoneOf("1001"), rings);
    const rungAt = Date.now();
    const at = await nextCall(phoneOf("1002"), before);
    expect(Math.abs(Date.now() - rungAt - 4000)).toBeLessThan(1500);
    expect(await first.ended).toMatchObject({ status: 487 });
    expect(await at.answered).toBe(true);
    await at.hangup();
    await x.ended(journey);
    expect(offers(journey)).toEqual(["1001 no-answer", "1002 answered"]);
  }, 20_000);
});
