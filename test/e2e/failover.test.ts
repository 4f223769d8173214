/** A carrier whose name leads to two addresses, the first of which is dead: calls go over the second. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_ADDRESS, type Exchange, nextCall, startExchange } from "../kit/exchange.ts";

const NAME = "Carrier.test";
const DEAD = "127.0.0.5";
let x: Exchange;
let phone: TestPhone;
let dead: Socket;
const unheard: string[] = [];

beforeAll(async () => {
  x = await startExchange({ hosts: { "carrier.test": [DEAD, CARRIER_ADDRESS] } });
  phone = await x.phone("1001");
  dead = createSocket("udp4");
  dead.on("message", (bytes) => unheard.push(bytes.toString()));
  await new Promise<void>((resolve) => dead.bind(x.carrierPort, DEAD, resolve));
  const { trunks } = x.app.routing;
  const usual = await trunks.get(SYSTEM_ACTOR, x.office.trunkId);
  const named = { ...usual, host: NAME, password: "", optionsPingS: 0 };
  await trunks.save(SYSTEM_ACTOR, usual.id, named);
}, 40_000);
afterAll(async () => {
  dead?.close();
  await x?.stop();
}, 30_000);

test("the call is over there before the line counts as silent, the next one at once; the line stays up", async () => {
  const waits: number[] = [];
  for (const number of ["13800138001", "13800138002"]) {
    const before = x.carrier.calls.length;
    const dialled = performance.now();
    const call = await phone.dial(`9${number}`);
    const there = await nextCall(x.carrier, before, "the call at the second address");
    waits.push(performance.now() - dialled);
    expect(await call.answered).toBe(true);
    await call.hangup();
    await there.ended;
    await x.ended(await x.journey("1001", `9${number}`));
  }
  const [first = 0, second = 0] = waits;
  expect(first).toBeGreaterThan(2_000);
  expect(first).toBeLessThan(6_000);
  expect(second).toBeLessThan(1_500);
  expect(unheard.some((text) => text.startsWith("INVITE sip:13800138001@"))).toBe(true);
  expect(unheard.some((text) => text.startsWith("INVITE sip:13800138002@"))).toBe(false);
  expect(x.app.sip.trunks.state(x.office.trunkId)?.state).toBe("up");
}, 40_000);
