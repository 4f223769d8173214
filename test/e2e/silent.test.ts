/** A carrier by address that says nothing, and one that says 100 and takes its time: only the first is given up. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { TestPhone } from "../../sip/testphone/index.ts";
import { type Exchange, nextCall, startExchange } from "../kit/exchange.ts";
import { answerTo } from "../kit/raw.ts";
import { freePort, waitFor } from "../kit/wait.ts";

const ADDRESS = "127.0.0.3";
/** Longer than a call waits for a line that says nothing. */
const SLOW_MS = 9500;
let x: Exchange;
let phone: TestPhone;
let peer: Socket;
let mute = false;
const invites: string[] = [];

beforeAll(async () => {
  x = await startExchange();
  phone = await x.phone("1001");
  const port = await freePort(ADDRESS);
  peer = createSocket("udp4");
  peer.on("message", (bytes, from) => {
    const text = bytes.toString();
    if (!text.startsWith("INVITE ")) return;
    invites.push(text);
    if (mute) return;
    peer.send(answerTo(text, "100 Trying"), from.port, from.address);
    setTimeout(() => peer.send(answerTo(text, "486 Busy Here"), from.port, from.address), SLOW_MS);
  });
  await new Promise<void>((resolve) => peer.bind(port, ADDRESS, resolve));
  const { trunks } = x.app.routing;
  const usual = await trunks.get(SYSTEM_ACTOR, x.office.trunkId);
  const spare = await trunks.save(SYSTEM_ACTOR, undefined, { ...usual, name: "Spare", password: "" });
  const slow = { ...usual, host: ADDRESS, port, password: "", optionsPingS: 0, nextTrunkId: spare.id };
  await trunks.save(SYSTEM_ACTOR, usual.id, slow);
}, 40_000);
afterAll(async () => {
  peer?.close();
  await x?.stop();
}, 30_000);

const state = () => x.app.sip.trunks.state(x.office.trunkId);

test("a 100 and then nothing for longer than that: the call waits for the carrier's own answer", async () => {
  const call = await phone.dial("913800138001");
  expect(await call.ended).toMatchObject({ status: 486 });
  expect(invites).toHaveLength(1);
  expect(x.carrier.calls).toHaveLength(0);
  expect(state()?.state).toBe("up");
}, 30_000);

test("not a word: the spare line has the call after about 8 s, and at once the next time", async () => {
  mute = true;
  const waits: number[] = [];
  for (const number of ["13800138002", "13800138003"]) {
    const before = x.carrier.calls.length;
    const call = await phone.dial(`9${number}`);
    await waitFor(() => x.carrier.calls.length > before, "the call over the spare line", 15_000);
    await nextCall(x.carrier, before);
    expect(await call.answered).toBe(true);
    await call.hangup();
    const { journey } = await x.ended(await x.journey("1001", `9${number}`));
    const legs = x.events(journey).filter((event) => event.kind === "leg.created");
    expect(legs).toHaveLength(3);
    waits.push((legs[2]?.at ?? 0) - (legs[1]?.at ?? 0));
  }
  expect(waits[0]).toBeGreaterThan(7000);
  expect(waits[0]).toBeLessThan(10_000);
  expect(waits[1]).toBeLessThan(1000);
  expect(state()).toMatchObject({ state: "unreachable", problem: { code: "no-answer" } });
}, 40_000);

test("asked by OPTIONS and never answering them: not proven, the first call takes it all the same", async () => {
  mute = false;
  const { trunks } = x.app.routing;
  const slow = await trunks.get(SYSTEM_ACTOR, x.office.trunkId);
  await trunks.save(SYSTEM_ACTOR, x.office.trunkId, { ...slow, password: "", optionsPingS: 30 });
  await waitFor(() => state()?.state === "unproven", "the end of an OPTIONS without answer", 45_000);
  expect(state()?.problem?.code).toBe("untried");
  const [taken, spare] = [invites.length, x.carrier.calls.length];
  const call = await phone.dial("913800138004");
  expect(await call.ended).toMatchObject({ status: 486 });
  expect([invites.length, x.carrier.calls.length]).toEqual([taken + 1, spare]);
  expect(state()?.state).toBe("up");
}, 70_000);
