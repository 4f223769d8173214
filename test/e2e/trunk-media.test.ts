/** A trunk's own media: keys by INFO or as tones, its codecs, SRTP. The carrier is a real SIP and RTP peer. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { TrunkInput } from "../../appliance/routing/model.ts";
import type { TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, startExchange, toneOf } from "../kit/exchange.ts";
import { DID } from "../kit/office.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(20_000);

let x: Exchange;
let phone: TestPhone;

beforeAll(async () => {
  x = await startExchange();
  phone = await x.phone("1003");
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);
afterEach(async () => {
  for (const agent of [phone, x.carrier]) for (const call of agent.calls) void call.hangup();
  await waitFor(async () => {
    const stats = await x.app.sip.stats();
    return stats.legs === 0 && stats.media.channels === 0 && stats.media.rtpengine.calls === 0;
  }, "nothing to be left");
});

/** Sets the trunk, and the carrier as one that speaks and knows telephone-event, or does neither. */
async function trunk(input: Partial<TrunkInput>, carrier: "usual" | "tones" = "usual"): Promise<void> {
  const { trunks } = x.app.routing;
  const { id, ...before } = await trunks.get(SYSTEM_ACTOR, x.office.trunkId);
  const usual = { codecs: ["PCMA"], srtp: "off", dtmf: "rfc4733" } as const;
  await trunks.save(SYSTEM_ACTOR, id, { ...before, ...usual, ...input });
  x.carrier.keysAsTones = carrier === "tones";
  x.carrier.hz = carrier === "tones" ? null : CARRIER_HZ;
}

/** A call of the phone to the outside that talks. */
async function talking() {
  const before = x.carrier.calls.length;
  const call = await phone.dial("913800138000");
  const at = await nextCall(x.carrier, before);
  expect(await call.answered).toBe(true);
  await waitFor(() => call.hears(CARRIER_HZ) && at.hears(toneOf("1003")), "both tones");
  return { call, at };
}

test("keys by INFO: each is an INFO to the carrier, and its INFO leads through the menu", async () => {
  await trunk({ dtmf: "info" });
  const { call, at } = await talking();
  await call.press("15#");
  await waitFor(() => at.keysByInfo === "15#", "three INFO");
  expect(at.audio.keysReceived).toBe("");
  await call.hangup();
  await at.ended;
  const before = phone.calls.length;
  const into = await x.carrier.dial(DID, "13900001111");
  await into.answered;
  await into.press("2", "info");
  await nextCall(phone, before);
});

test("keys as tones: no telephone-event is offered; tones go out, and tones lead through the menu", async () => {
  await trunk({ dtmf: "inband" }, "tones");
  const before = x.carrier.calls.length;
  const call = await phone.dial("913800138000");
  const at = await nextCall(x.carrier, before);
  expect(at.invite?.body).not.toContain("telephone-event");
  expect(await call.answered).toBe(true);
  await waitFor(() => at.hears(toneOf("1003")), "the phone's tone");
  await call.press("159*0#");
  await waitFor(() => at.audio.keysReceived === "159*0#", "the tones");
  at.audio.press("7#");
  await waitFor(() => call.audio.keysReceived === "7#", "the carrier's keys at the phone");
  await call.hangup();
  await at.ended;
  const rings = phone.calls.length;
  const into = await x.carrier.dial(DID, "13900001112");
  await into.answered;
  into.audio.press("2");
  await nextCall(phone, rings);
});

test("a carrier without telephone-event on a usual trunk: keys still pass both ways, as tones", async () => {
  await trunk({}, "tones");
  const { call, at } = await (async () => {
    const before = x.carrier.calls.length;
    const call = await phone.dial("913800138000");
    const at = await nextCall(x.carrier, before);
    expect(await call.answered).toBe(true);
    return { call, at };
  })();
  await waitFor(() => at.hears(toneOf("1003")), "the phone's tone");
  await call.press("42");
  await waitFor(() => at.audio.keysReceived === "42", "tones instead of events");
});

test("codecs: offered in the trunk's order; a call with none of them is 488 with the reason", async () => {
  await trunk({ codecs: ["PCMU", "PCMA"] });
  const { at } = await talking();
  expect(at.invite?.body).toMatch(/^m=audio \d+ RTP\/AVP 0 8 101\r$/m);
  await at.hangup();
  await trunk({ codecs: ["PCMU"] });
  const reply = await invite(
    `v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n`,
  );
  expect([reply.status, reply.header("Warning")]).toEqual([488, '305 zongji "none of PCMU is offered"']);
});

test("SRTP required: offers have keys, an answer in the clear ends the call, plain calls are 488", async () => {
  await trunk({ srtp: "required" });
  const before = x.carrier.calls.length;
  const call = await phone.dial("913800138000");
  const at = await nextCall(x.carrier, before);
  expect(at.invite?.body).toMatch(/^m=audio \d+ RTP\/SAVP 8 101\r$/m);
  expect(at.invite?.body).toMatch(/^a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:/m);
  // The test carrier answers in the clear.
  expect(await at.ended).toMatchObject({ by: "remote" });
  expect(await call.answered).toBe(false);
  expect(await call.ended).toMatchObject({ status: 488 });
  const plain = await x.carrier.dial(DID, "13900001113");
  expect(await plain.ended).toMatchObject({ status: 488 });
  // Keys in the offer are answered with keys.
  const crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
  const secure = `v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n`;
  const taken = await invite(`${secure}${crypto}\r\n`);
  expect(taken.status).toBe(200);
  expect(taken.body).toMatch(/^m=audio \d+ RTP\/SAVP 8\r$/m);
  expect(taken.body).toMatch(/^a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:/m);
  const without = await invite(secure);
  expect([without.status, without.header("Warning")]).toEqual([488, '302 zongji "no usable SRTP key"']);
});

/** An INVITE of the carrier with this SDP; what is answered is hung up. */
async function invite(body: string) {
  const outgoing = x.carrier.facade.invite({
    method: "INVITE",
    uri: `sip:${DID}@${x.remote}`,
    headers: { From: "<sip:13900001114@127.0.0.2>" },
    body,
  });
  const reply = await outgoing.final;
  await (await outgoing.dialog)?.bye();
  return reply;
}
