/** Calls between phones, to the outside, and the ways they fail; feature codes; phones that vanish. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { createTestPhone, TestPhoneError } from "../../sip/testphone/index.ts";
import { tonesOnChannels } from "../kit/audio-proof.ts";
import {
  CARRIER_ADDRESS,
  CARRIER_HZ,
  type Exchange,
  nextCall,
  startExchange,
  toneOf,
} from "../kit/exchange.ts";
import { DID, PIN } from "../kit/office.ts";
import {
  answeringScenario,
  answersAnywayScenario,
  callerScenario,
  cancelledScenario,
  refusingScenario,
  registerScenario,
  runSipp,
  startSipp,
} from "../kit/sipp.ts";
import { talk } from "../kit/voice.ts";
import { freePort, waitFor } from "../kit/wait.ts";

type Phone = Awaited<ReturnType<Exchange["phone"]>>;
let x: Exchange;
let a: Phone;
let b: Phone;

beforeAll(async () => {
  x = await startExchange({ dynamic: true, settings: { recordInternal: true, outboundRingS: 5 } });
  [a, b] = await Promise.all([x.phone("1001"), x.phone("1002")]);
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);

const calls = () => x.app.calls.live.picture().calls;
const stateOf = (number: string) =>
  x.app.calls.live.picture().agents.find((agent) => agent.number === number)?.state;

afterEach(async () => {
  for (const agent of [...x.phones, x.carrier]) for (const call of agent.calls) void call.hangup();
  for (const phone of x.phones) phone.behaviour = { kind: "answer", afterMs: 100 };
  x.carrier.behaviour = { kind: "answer", afterMs: 100 };
  await waitFor(() => calls().length === 0, "no call to be left", 8000);
});

describe("between two phones", () => {
  for (const [from, to] of [
    ["1001", "1002"],
    ["1002", "1001"],
  ] as const)
    test(`${from} calls ${to}: both hear each other, recorded on two channels`, async () => {
      const [caller, callee] = from === "1001" ? [a, b] : [b, a];
      const before = callee.calls.length;
      const call = await caller.dial(to);
      const at = await nextCall(callee, before);
      expect(at.number).toBe(from);
      expect(await call.answered).toBe(true);
      expect(call.progress).toContain(180);
      const answeredAt = Date.now();
      await waitFor(() => call.hears(toneOf(to)) && at.hears(toneOf(from)), "both tones");
      await talk(x.app, 1200);
      await call.hangup();
      const talked = Date.now() - answeredAt;
      const row = await x.ended(await x.journey(from, to));
      expect(row).toMatchObject({
        direction: "internal",
        result: "answered",
        cause: "normal",
        hangup_by: "caller",
        agent_id: x.office.agentIds[to],
        group_id: null,
        wait_ms: 0,
        ivr_ms: 0,
      });
      expect(Math.abs(row.talk_ms - talked)).toBeLessThan(300);
      const recording = x.recording(row.recording);
      const [left, right] = await tonesOnChannels(recording?.file ?? "", [400, 700]);
      expect(left?.heard[toneOf(from)]).toBeGreaterThan(row.talk_ms - 600);
      expect(left?.heard[toneOf(to)]).toBe(0);
      expect(right?.heard[toneOf(to)]).toBeGreaterThan(row.talk_ms - 600);
      expect(right?.heard[toneOf(from)]).toBe(0);
    }, 15_000);

  test("each calls the other at the same moment: both are free afterwards, two true records", async () => {
    a.behaviour = { kind: "ring" };
    b.behaviour = { kind: "ring" };
    const [atA, atB] = [a.calls.length, b.calls.length];
    const [one, two] = await Promise.all([a.dial("1002"), b.dial("1001")]);
    // Each has the call it placed and the one that came.
    await waitFor(() => a.calls.length >= atA + 2 && b.calls.length >= atB + 2, "both phones to ring");
    const [first, second] = await Promise.all([x.journey("1001", "1002"), x.journey("1002", "1001")]);
    const into = b.calls.findLast((call) => call.direction === "in");
    await into?.answer();
    expect(await one.answered).toBe(true);
    await waitFor(() => one.hears(toneOf("1002")), "the tone of the call that was answered");
    await two.hangup();
    expect(await x.ended(second)).toMatchObject({
      result: "rang-no-answer",
      cause: "caller-hung-up-early",
      hangup_by: "caller",
      answered_at: null,
    });
    expect(one.state).toBe("answered");
    await one.hangup();
    expect(await x.ended(first)).toMatchObject({ result: "answered", cause: "normal" });
    await waitFor(() => calls().length === 0, "both calls to be gone");
  }, 20_000);

  test("nobody answers, declines, is busy, has no phone: cause and status", async () => {
    const wanted = [
      [603, "callee-rejected", 603],
      [486, "callee-busy", 486],
    ] as const;
    for (const [status, cause, told] of wanted) {
      b.behaviour = { kind: "refuse", status };
      const call = await a.dial("1002");
      expect(await call.ended).toMatchObject({ status: told });
      const row = await x.ended(await x.journey("1001", "1002"));
      expect(row).toMatchObject({ cause, hangup_by: "callee", sip_status: status, talk_ms: 0 });
      await waitFor(() => calls().length === 0, "the call to be gone");
    }
    // 1003 has no phone registered.
    const none = await a.dial("1003");
    expect(await none.ended).toMatchObject({ status: 480 });
    expect(await x.ended(await x.journey("1001", "1003"))).toMatchObject({ answered_at: null });
    const unknown = await a.dial("7777");
    expect(await unknown.ended).toMatchObject({ status: 404 });
    expect(await x.ended(await x.journey("1001", "7777"))).toMatchObject({
      result: "failed",
      cause: "call-failed",
      sip_status: 404,
    });
  }, 20_000);

  test("CANCEL at the moment of the answer: never a call with one party, again and again", async () => {
    for (let round = 0; round < 8; round++) {
      b.behaviour = { kind: "answer", afterMs: 60 };
      const before = b.calls.length;
      const call = await a.dial("1002");
      const at = await nextCall(b, before);
      // Around the answer: 48–76 ms after the ring.
      const rungAt = performance.now();
      await waitFor(() => performance.now() - rungAt >= 48 + round * 4, "the moment");
      await call.hangup();
      await at.ended;
      await waitFor(() => calls().length === 0, "the call to be gone");
    }
    await waitFor(async () => (await x.app.sip.stats()).dialogs === 0, "all dialogs to be gone");
    for (const row of x.records().filter((one) => one.caller_original === "1001"))
      expect(row.ended_at).not.toBeNull();
    for (const row of x.records().slice(-8)) {
      expect(["normal", "caller-hung-up-early"]).toContain(row.cause ?? "");
      expect(row.result === "answered").toBe(row.answered_at !== null);
    }
  }, 30_000);
});

describe("to the outside", () => {
  test("the carrier gets the number without the prefix and our displayed number; tones both ways", async () => {
    const before = x.carrier.calls.length;
    const call = await a.dial("913800138000");
    const at = await nextCall(x.carrier, before);
    expect(at.number).toBe(DID);
    expect(at.invite?.uri).toContain("sip:13800138000@");
    expect(at.invite?.header("P-Asserted-Identity")).toContain(DID);
    expect(await call.answered).toBe(true);
    await waitFor(() => call.hears(CARRIER_HZ) && at.hears(toneOf("1001")), "both tones");
    await at.hangup();
    expect(await call.ended).toMatchObject({ by: "remote" });
    expect(await x.ended(await x.journey("1001", "913800138000"))).toMatchObject({
      direction: "outbound",
      result: "answered",
      cause: "normal",
      hangup_by: "callee",
      caller_actual: DID,
      callee_actual: "13800138000",
      agent_id: x.office.agentIds["1001"],
      trunk_id: x.office.trunkId,
    });
  }, 15_000);

  const refusals = [
    [403, "call-failed"],
    [404, "call-failed"],
    [486, "callee-busy"],
    [503, "call-failed"],
  ] as const;
  for (const [status, cause] of refusals)
    test(`the carrier refuses with ${status}: ${cause} in the record, the status to the phone`, async () => {
      x.carrier.behaviour = { kind: "refuse", status };
      const call = await a.dial(`92${status}00`);
      expect((await call.ended).status).toBe(status);
      expect(await x.ended(await x.journey("1001", `92${status}00`))).toMatchObject({
        direction: "outbound",
        result: "failed",
        cause,
        hangup_by: "callee",
        sip_status: status,
        answered_at: null,
        talk_ms: 0,
      });
    }, 15_000);

  test("the callee does not answer: call-timeout after the time that is set, the carrier is told", async () => {
    x.carrier.behaviour = { kind: "ring" };
    const before = x.carrier.calls.length;
    const started = Date.now();
    const call = await a.dial("95550001");
    const at = await nextCall(x.carrier, before);
    expect(await at.ended).toMatchObject({ status: 487 });
    await call.ended;
    expect(Math.abs(Date.now() - started - 5000)).toBeLessThan(1500);
    expect(await x.ended(await x.journey("1001", "95550001"))).toMatchObject({
      result: "rang-no-answer",
      cause: "call-timeout",
      hangup_by: "system",
    });
  }, 20_000);

  test("the carrier is silent: the caller is not left waiting", async () => {
    await x.closeCarrier();
    const deaf = createSocket("udp4");
    await new Promise<void>((resolve) => deaf.bind(x.carrierPort, CARRIER_ADDRESS, resolve));
    try {
      const call = await a.dial("95550002");
      expect((await call.ended).status).toBeGreaterThanOrEqual(400);
      expect(await x.ended(await x.journey("1001", "95550002"))).toMatchObject({
        result: "failed",
        cause: "call-timeout",
        hangup_by: "system",
      });
    } finally {
      await new Promise<void>((resolve) => deaf.close(() => resolve()));
      await x.openCarrier();
    }
  }, 20_000);

  test("sipp as the carrier: answers, refuses, is cancelled", async () => {
    await x.closeCarrier();
    const local = { address: CARRIER_ADDRESS, port: x.carrierPort };
    try {
      const answering = startSipp({ scenario: answeringScenario(), local, timeoutS: 10 });
      const call = await a.dial("95550003");
      expect(await call.answered).toBe(true);
      await call.hangup();
      expect(await answering.result).toMatchObject({ code: 0 });
      const refusing = startSipp({ scenario: refusingScenario("486 Busy Here"), local, timeoutS: 10 });
      expect((await (await a.dial("95550004")).ended).status).toBe(486);
      expect(await refusing.result).toMatchObject({ code: 0 });
      const cancelled = startSipp({ scenario: cancelledScenario(), local, timeoutS: 10 });
      const early = await a.dial("95550005");
      await waitFor(() => early.progress.includes(180), "the ringing");
      await early.hangup();
      expect(await cancelled.result).toMatchObject({ code: 0 });
      // Its answer crosses our CANCEL: acknowledged, then ended with BYE.
      const crossing = startSipp({ scenario: answersAnywayScenario(), local, timeoutS: 10 });
      const crossed = await a.dial("95550006");
      await waitFor(() => crossed.progress.includes(180), "the ringing");
      await crossed.hangup();
      const { code, errors } = await crossing.result;
      expect({ code, errors }).toMatchObject({ code: 0 });
      expect(await x.ended(await x.journey("1001", "95550006"))).toMatchObject({
        cause: "caller-hung-up-early",
        hangup_by: "caller",
        answered_at: null,
        talk_ms: 0,
      });
    } finally {
      await x.openCarrier();
    }
  }, 30_000);
});

describe("who may use the exchange", () => {
  test("a wrong password and an unknown number are refused alike; a right one is not spoilt", async () => {
    const wrong = { number: "1003", password: "guess", server: x.server };
    expect(createTestPhone(wrong)).rejects.toBeInstanceOf(TestPhoneError);
    const scenario = registerScenario({ user: "7777", expect: 403 });
    const local = { address: "127.0.0.1", port: await freePort() };
    const auth = { user: "7777", password: "guess" };
    expect(await runSipp({ scenario, remote: x.remote, local, auth })).toMatchObject({ code: 0 });
    const id = x.office.extensionIds["1003"] ?? 0;
    expect(x.app.sip.devices.state(id).online).toBe(false);
    const guest = await x.phone("1003");
    expect(x.app.sip.devices.state(id).online).toBe(true);
    await guest.stop();
  }, 20_000);

  test("a call from an address nobody knows needs credentials", async () => {
    const stranger = { address: "127.0.0.3", port: await freePort("127.0.0.3") };
    const scenario = callerScenario({ from: "1001", auth: true, expect: 403 });
    const result = await runSipp({
      scenario,
      remote: x.remote,
      local: stranger,
      service: "1002",
      auth: { user: "1001", password: "guess" },
    });
    expect({ code: result.code, errors: result.errors }).toMatchObject({ code: 0 });
  }, 20_000);
});

describe("codes from a phone", () => {
  /** Dials a code, enters `pin` when there is one, and waits for the end that the exchange makes. */
  async function code(phone: Phone, dialled: string, pin?: string): Promise<void> {
    const call = await phone.dial(dialled);
    expect(await call.answered).toBe(true);
    if (pin !== undefined) {
      await waitFor(() => call.audio.packetsReceived > 10, "the exchange's words");
      await call.press(`${pin}#`);
    }
    expect(await call.ended).toMatchObject({ by: "remote" });
  }

  test("*45 with the PIN signs in, *46 signs out; the queue follows; a wrong PIN does not sign in", async () => {
    expect(stateOf("1001")).toBe("signed-out");
    await code(a, "*45", PIN);
    await waitFor(() => stateOf("1001") === "idle", "1001 to be idle");
    // 1002 has not signed in: the caller reaches 1001 alone.
    const before = a.calls.length;
    const call = await x.carrier.dial(DID, "13900001111");
    await call.answered;
    await call.press("1");
    const at = await nextCall(a, before);
    expect(await at.answered).toBe(true);
    await waitFor(() => call.hears(toneOf("1001")), "the agent");
    await call.hangup();
    await waitFor(() => calls().length === 0, "the call to be gone");
    await code(a, "*46");
    await waitFor(() => stateOf("1001") === "signed-out", "1001 to be signed out");

    // Three wrong PINs end it; keys are pressed again whenever it has asked.
    const wrong = await b.dial("*45");
    await wrong.answered;
    while (wrong.state !== "ended") {
      await wrong.press("9#", "info");
      const heard = wrong.audio.packetsReceived;
      await waitFor(
        () => wrong.state === "ended" || wrong.audio.packetsReceived > heard + 15,
        "the next words",
      );
    }
    await waitFor(() => calls().length === 0, "the call to be gone");
    expect(stateOf("1002")).toBe("signed-out");
    const used = x.events().filter((event) => event.kind === "feature.used");
    expect(used.map(({ data }) => data)).toMatchObject([
      { code: "*45", result: "signed in" },
      { code: "*46", result: "signed out" },
      { code: "*45", result: "wrong PIN" },
    ]);
  }, 30_000);
});

describe("phones that vanish", () => {
  test("the other side hangs up, nobody answers our BYE: the record closes, the agent is free", async () => {
    const phone = await x.phone("1003");
    const call = await x.carrier.dial(DID, "13900002222");
    await call.answered;
    await call.press("2");
    const at = await nextCall(phone, 0);
    await at.answered;
    await waitFor(() => call.hears(toneOf("1003")), "the phone");
    await phone.vanish();
    await call.hangup();
    const row = await x.ended(await x.journey("13900002222", DID));
    expect(row).toMatchObject({ result: "answered", cause: "normal", hangup_by: "caller" });
    await waitFor(
      () => !["talking", "busy", "ringing"].includes(stateOf("1003") ?? ""),
      "the agent to be free",
    );
    expect(calls()).toHaveLength(0);
  }, 20_000);
});
