/** A phone behind a proxy (kamailio) that adds Path: registered through it, called back through it (RFC 3327). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTestPhone, type TestPhone } from "../../sip/testphone/index.ts";
import { type Exchange, nextCall, startExchange, toneOf } from "../kit/exchange.ts";
import { Kamailio } from "../kit/kamailio.ts";
import { secretOf } from "../kit/office.ts";
import { waitFor } from "../kit/wait.ts";

let x: Exchange;
let edge: Kamailio;
let near: TestPhone;
let far: TestPhone;
beforeAll(async () => {
  x = await startExchange();
  edge = await Kamailio.start({ address: "127.0.0.4", role: "edge", exchange: x.server });
  near = await x.phone("1001", { listenFor: [toneOf("1002")] });
  far = await createTestPhone({
    address: "127.0.0.3",
    number: "1002",
    password: secretOf("1002"),
    server: { address: edge.address, port: edge.port },
    hz: toneOf("1002"),
    listenFor: [toneOf("1001")],
    behaviour: { kind: "answer", afterMs: 100 },
  });
}, 40_000);
afterAll(async () => {
  await far?.vanish();
  await edge?.stop();
  await x?.stop();
}, 30_000);

test("the phone is rung along its Path, and both hear each other", async () => {
  const row = x.db.query("SELECT path_json FROM registration WHERE source LIKE 'udp:127.0.0.4:%'").get() as {
    path_json: string;
  };
  expect(JSON.parse(row.path_json)).toEqual([`<sip:${edge.address}:${edge.port};lr>`]);
  const call = await near.dial("1002");
  const rung = await nextCall(far, 0);
  expect(await call.answered).toBe(true);
  await waitFor(() => call.hears(toneOf("1002")) && rung.hears(toneOf("1001")), "voice both ways");
  expect(edge.said("got").some((text) => text.startsWith("INVITE udp 127.0.0.1:"))).toBe(true);
  await call.hangup();
  await rung.ended;
}, 30_000);
