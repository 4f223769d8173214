/** What happens when parts die in mid-call: the program by power cut, rtpengine by kill; and that the log tells all. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { rebuild } from "../../appliance/calls/project/index.ts";
import { tonesOnChannels } from "../kit/audio-proof.ts";
import { CARRIER_HZ, nextCall, PROMPT_HZ, Program, startExchange, toneOf } from "../kit/exchange.ts";
import { DID } from "../kit/office.ts";
import { listen } from "../kit/voice.ts";
import { waitFor } from "../kit/wait.ts";

/** Process ids whose command line names all of `words`. */
async function processes(...words: string[]): Promise<number[]> {
  const lines = (
    await new Response(Bun.spawn(["ps", "-eo", "pid,args"], { stdout: "pipe" }).stdout).text()
  ).split("\n");
  return lines
    .filter((line) => words.every((word) => line.includes(word)) && !line.includes("ps -eo"))
    .map((line) => Number.parseInt(line, 10));
}

describe("power cut in mid-call", () => {
  let program: Program;
  beforeAll(async () => {
    program = await Program.start();
  }, 60_000);
  afterAll(async () => {
    await program?.stop();
  }, 30_000);

  test("records are closed truthfully, the recording is repaired, phones are reached without a new REGISTER", async () => {
    const { place } = program;
    const phone = await place.phone("1001", { expiresS: 3600 });
    // What ended before the cut must not change.
    const earlier = await place.carrier.dial(DID, "13700000001");
    await earlier.answered;
    await earlier.hangup();
    const before = await place.ended(await place.journey("13700000001", DID));

    const call = await place.carrier.dial(DID, "13700000002");
    await call.answered;
    await call.press("1");
    const at = await nextCall(phone, 0);
    await at.answered;
    await waitFor(() => call.hears(toneOf("1001")) && at.hears(CARRIER_HZ), "both tones");
    const waiting = await place.carrier.dial(DID, "13700000003");
    await waiting.answered;
    const journey = await place.journey("13700000002", DID);
    const inMenu = await place.journey("13700000003", DID);
    await listen(call, 2500);
    const cutAt = Date.now();
    await program.kill();
    await waitFor(() => !call.hears(toneOf("1001"), 1000), "a second of silence");
    await program.run();

    const row = await place.ended(journey);
    expect(row).toMatchObject({
      result: "answered",
      cause: "system-lost",
      hangup_by: "system",
      agent_id: place.office.agentIds["1001"],
    });
    // Known to have been alive at the last fact or heartbeat, dead before the new start.
    expect(row.ended_at).toBeGreaterThanOrEqual(row.answered_at ?? Number.NaN);
    expect(row.ended_at).toBeLessThanOrEqual(cutAt + 50);
    expect(row.ended_at ?? 0).toBeGreaterThan(cutAt - 2600);
    expect(row.total_ms).toBe((row.ended_at ?? 0) - row.started_at);
    expect(await place.ended(inMenu)).toMatchObject({
      cause: "system-lost",
      hangup_by: "system",
      talk_ms: 0,
    });
    expect(place.record(before.journey)).toEqual(before);

    const recording = place.recording(row.recording);
    expect(recording?.file).toEndWith(".wav");
    expect(existsSync(`${recording?.file}.part`)).toBe(false);
    const [left, right] = await tonesOnChannels(recording?.file ?? "", [CARRIER_HZ, toneOf("1001")]);
    expect(left?.heard[CARRIER_HZ]).toBeGreaterThan(500);
    expect(right?.heard[toneOf("1001")]).toBeGreaterThan(500);
    expect(Math.abs((recording?.duration_ms ?? 0) - (left?.ms ?? 0))).toBeLessThan(50);

    // Calls of before are gone for the phones too; the phone has not registered anew and rings at once.
    // None of them may speak into a voice port that the next call is given: the test has few of them.
    for (const call of [...place.carrier.calls, ...phone.calls]) call.audio.close();
    const rung = phone.calls.length;
    const again = await place.carrier.dial(DID, "13700000004");
    await again.answered;
    await waitFor(() => again.hears(PROMPT_HZ), "the menu");
    await again.press("1");
    const reached = await nextCall(phone, rung);
    expect(await reached.answered).toBe(true);
    await waitFor(
      () => again.hears(toneOf("1001")) && reached.hears(CARRIER_HZ),
      "both tones after the restart",
    );
    await again.hangup();
    expect(await place.ended(await place.journey("13700000004", DID))).toMatchObject({ result: "answered" });
    expect(await processes("rtpengine", place.folder)).toHaveLength(1);
  }, 60_000);
});

test("rtpengine killed in mid-call: the calls end as media failures, service is back in two seconds; replay is the same", async () => {
  const x = await startExchange();
  try {
    const phone = await x.phone("1001");
    const call = await x.carrier.dial(DID, "13700000005");
    await call.answered;
    await call.press("1");
    const at = await nextCall(phone, 0);
    await at.answered;
    await waitFor(() => call.hears(toneOf("1001")), "the agent");
    const journey = await x.journey("13700000005", DID);
    const [pid] = await processes("rtpengine", x.folder);
    expect(pid).toBeGreaterThan(0);
    const killedAt = Date.now();
    process.kill(pid ?? 0, "SIGKILL");
    expect(await call.ended).toMatchObject({ by: "remote" });
    expect(await at.ended).toMatchObject({ by: "remote" });
    expect(await x.ended(journey)).toMatchObject({
      result: "answered",
      cause: "media-failure",
      hangup_by: "system",
    });
    await waitFor(() => x.app.system.alarms.open().length === 0, "the alarm to be cleared", 2000).catch(
      () => {},
    );
    const next = await waitFor(
      async () => {
        const caller = await x.carrier.dial(DID, "13700000006");
        return (await caller.answered) ? caller : undefined;
      },
      "a call after it",
      2000,
    );
    await waitFor(() => next.hears(2000), "the menu");
    expect(Date.now() - killedAt).toBeLessThan(2000 + 800);
    const rung = phone.calls.length;
    await next.press("1");
    const after = await nextCall(phone, rung);
    await after.answered;
    await waitFor(() => next.hears(toneOf("1001")) && after.hears(CARRIER_HZ), "both tones");
    await after.hangup();
    await x.ended(await x.journey("13700000006", DID));
    await waitFor(() => x.app.calls.live.picture().calls.length === 0, "no call to be left");

    const tables = () =>
      JSON.stringify([
        x.app.store.sync.prepare("SELECT * FROM call_record ORDER BY journey, part").all(),
        x.app.store.sync.prepare("SELECT * FROM recording ORDER BY id").all(),
      ]);
    const live = tables();
    const { journeys } = rebuild(x.app.store);
    expect(journeys).toBeGreaterThanOrEqual(2);
    expect(tables()).toBe(live);
  } finally {
    await x.stop();
  }
}, 40_000);
