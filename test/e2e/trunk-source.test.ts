/** A carrier that answers our REGISTER from another address than its name leads to: its calls from there are its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { createTestCarrier, type TestCarrier, type TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, startExchange } from "../kit/exchange.ts";
import { DID } from "../kit/office.ts";
import { answerTo } from "../kit/raw.ts";
import { waitFor } from "../kit/wait.ts";

const ASKED = "127.0.0.61";
const ANSWERS = "127.0.0.62";
let x: Exchange;
let phone: TestPhone;
let calling: TestCarrier;
const sockets: Socket[] = [];

async function bound(address: string): Promise<Socket> {
  const socket = createSocket("udp4");
  sockets.push(socket);
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return socket;
}

beforeAll(async () => {
  x = await startExchange();
  phone = await x.phone("1001");
  calling = await createTestCarrier({ address: ANSWERS, server: x.server, hz: CARRIER_HZ });
  await x.app.routing.dids.save(SYSTEM_ACTOR, x.office.didId, {
    ...(await x.app.routing.dids.get(SYSTEM_ACTOR, x.office.didId)),
    trunkId: null,
    destination: { type: "agent", id: x.office.agentIds["1001"] ?? 0 },
  });
}, 40_000);
afterAll(async () => {
  for (const socket of sockets) socket.close();
  await calling?.stop();
  await x?.stop();
}, 30_000);

const place = () =>
  calling.place({
    uri: `sip:${DID}@${x.remote}`,
    number: DID,
    headers: { From: `<sip:13900139000@${ANSWERS}>` },
  });

test("a stranger before, the carrier once it has answered our REGISTER from there", async () => {
  const stranger = await place();
  expect(await stranger.answered).toBe(false);
  expect(await stranger.ended).toMatchObject({ status: 401 });
  const [asked, answers] = [await bound(ASKED), await bound(ANSWERS)];
  asked.on("message", (bytes, from) => {
    const text = bytes.toString();
    if (!text.startsWith("REGISTER ")) return;
    answers.send(answerTo(text, "200 OK", ["Expires: 600"]), from.port, from.address);
  });
  await x.app.routing.trunks.save(SYSTEM_ACTOR, x.office.trunkId, {
    ...(await x.app.routing.trunks.get(SYSTEM_ACTOR, x.office.trunkId)),
    kind: "registration",
    host: ASKED,
    port: asked.address().port,
    username: "line1",
    password: "secret",
    optionsPingS: 0,
  });
  await waitFor(
    () => x.app.sip.trunks.state(x.office.trunkId)?.state === "registered",
    "the registration",
    10_000,
  );
  const rung = phone.calls.length;
  const call = await place();
  await nextCall(phone, rung, "the office phone to ring");
  expect(await call.answered).toBe(true);
  await call.hangup();
}, 40_000);
