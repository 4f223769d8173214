/** baresip over TLS with its voice encrypted: among themselves, with a plain phone, with the menu, transferred. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { ownAddress } from "../../sip/index.ts";
import type { TestPhone } from "../../sip/testphone/index.ts";
import { tonesOnChannels } from "../kit/audio-proof.ts";
import { Baresip, type BaresipOptions } from "../kit/baresip.ts";
import { nextCall, PROMPT_HZ } from "../kit/exchange.ts";
import { secretOf } from "../kit/office.ts";
import { type SecureExchange, startSecure } from "../kit/secure.ts";
import { talk } from "../kit/voice.ts";
import { waitFor } from "../kit/wait.ts";

const MENU = "7000";
const HZ = { "1001": 500, "1002": 900, "1003": 1600 } as const;
const address = ownAddress();
const phones: Baresip[] = [];
let a: SecureExchange;
let one: Baresip;
let two: Baresip;
let plain: TestPhone;

async function baresip(user: "1001" | "1002", more: Partial<BaresipOptions>): Promise<Baresip> {
  const server = more.transport === "tls" ? `${address}:${a.tlsPort}` : a.x.remote;
  const phone = await Baresip.start({
    ...{ user, password: secretOf(user), server, address, hz: HZ[user] },
    ...{ ca: a.ca, ...more },
  });
  phones.push(phone);
  const id = a.x.office.extensionIds[user] ?? 0;
  await waitFor(
    () => a.x.app.sip.devices.state(id).devices.some((device) => device.userAgent?.includes("baresip")),
    `${user} to register`,
    8000,
  );
  return phone;
}

/** How long the phone heard these in its newest call, ms. */
async function heard(phone: Baresip, tones: readonly number[]): Promise<(number | undefined)[]> {
  const [channel] = await tonesOnChannels(await waitFor(() => phone.heardFile(), "what it heard"), tones);
  return tones.map((hz) => channel?.heard[hz]);
}

// baresip refuses the loopback interface.
describe.skipIf(address === "127.0.0.1")("over TLS with SRTP", () => {
  beforeAll(async () => {
    a = await startSecure({ address, menu: { internalNumber: MENU } });
    one = await baresip("1001", { transport: "tls", mediaenc: "srtp-mand" });
    two = await baresip("1002", { transport: "tls", mediaenc: "srtp" });
    plain = await a.x.phone("1003", { address, listenFor: [...Object.values(HZ), PROMPT_HZ] });
  }, 50_000);
  afterAll(async () => {
    await Promise.all(phones.map((phone) => phone.stop()));
    await a?.x.stop();
  }, 30_000);
  afterEach(async () => {
    for (const call of plain.calls) void call.hangup();
    for (const phone of phones) phone.command("hangup");
    await a.quiet();
    for (const phone of phones) phone.clear();
  }, 10_000);

  test("both are registered over TLS", () => {
    for (const number of ["1001", "1002"])
      expect(a.x.app.sip.devices.state(a.x.office.extensionIds[number] ?? 0).devices).toMatchObject([
        { source: expect.stringMatching(/^tls:/), contact: expect.stringContaining("transport=tls") },
      ]);
  });

  for (const [from, to] of [
    ["1001", "1002"],
    ["1002", "1001"],
  ] as const)
    test(`${from} calls ${to}: both sides encrypted, both hear each other, hold and resume`, async () => {
      const [caller, callee] = from === "1001" ? [one, two] : [two, one];
      caller.command("dial", to);
      await callee.event("CALL_INCOMING");
      callee.command("accept");
      for (const phone of [caller, callee]) {
        await phone.event("CALL_ESTABLISHED");
        expect((await phone.event("CALL_MENC")).param).toContain("AES_CM_128_HMAC_SHA1_80");
      }
      await talk(a.x.app, 1200);
      const stage = () => a.x.app.calls.live.picture().calls[0]?.stage;
      callee.command("hold");
      await waitFor(() => stage() === "held", "the call to be held");
      callee.command("resume");
      await waitFor(() => stage() === "talking", "the call to be resumed");
      await talk(a.x.app, 600);
      caller.command("hangup");
      await callee.event("CALL_CLOSED");
      expect(await a.x.ended(await a.x.journey(from, to))).toMatchObject({ cause: "normal", hold_count: 1 });
      for (const [phone, own, other] of [
        [caller, HZ[from], HZ[to]],
        [callee, HZ[to], HZ[from]],
      ] as const) {
        const [mine, theirs = 0] = await heard(phone, [own, other]);
        expect(mine).toBe(0);
        // Two stretches of talk, 1800 ms in all.
        expect(theirs).toBeGreaterThan(700);
      }
    }, 20_000);

  test("a plain phone and one that insists on encryption understand each other, both ways", async () => {
    const before = plain.calls.length;
    one.command("dial", "1003");
    const at = await nextCall(plain, before);
    expect(await at.answered).toBe(true);
    expect(at.invite?.body).not.toContain("a=crypto");
    await waitFor(() => at.hears(HZ["1001"]), "1001 to be heard");
    await talk(a.x.app, 600);
    await at.hangup();
    await one.event("CALL_CLOSED");
    expect((await heard(one, [HZ["1003"]]))[0]).toBeGreaterThan(200);
    await a.quiet();
    one.clear();

    const call = await plain.dial("1001");
    await one.event("CALL_INCOMING");
    one.command("accept");
    expect(await call.answered).toBe(true);
    expect((await one.event("CALL_MENC")).param).toContain("AES_CM_128_HMAC_SHA1_80");
    await waitFor(() => call.hears(HZ["1001"]), "1001 to be heard");
    await talk(a.x.app, 600);
    one.command("hangup");
    expect(await call.ended).toMatchObject({ by: "remote" });
    expect((await heard(one, [HZ["1003"]]))[0]).toBeGreaterThan(200);
  }, 20_000);

  test("keys pressed under encryption reach the menu", async () => {
    const before = plain.calls.length;
    one.command("dial", MENU);
    await one.event("CALL_ESTABLISHED");
    await talk(a.x.app, 400);
    one.command("sndcode", "2");
    const at = await nextCall(plain, before);
    expect(await at.answered).toBe(true);
    await waitFor(() => at.hears(HZ["1001"]), "1001 to be heard");
    one.command("hangup");
    expect(await at.ended).toMatchObject({ by: "remote" });
    expect((await heard(one, [PROMPT_HZ]))[0]).toBeGreaterThan(0);
  }, 20_000);

  test("a call is handed on by REFER: those who stay hear each other, the phone that left is free", async () => {
    one.command("dial", "1002");
    await two.event("CALL_INCOMING");
    two.command("accept");
    await one.event("CALL_ESTABLISHED");
    const before = plain.calls.length;
    two.command("transfer", "1003");
    const at = await nextCall(plain, before);
    expect(await at.answered).toBe(true);
    await two.event("CALL_CLOSED");
    await waitFor(() => at.hears(HZ["1001"]) && !at.hears(HZ["1002"], 300), "1001 alone to be heard");
    await talk(a.x.app, 800);
    one.command("hangup");
    expect(await at.ended).toMatchObject({ by: "remote" });
    expect((await heard(one, [HZ["1003"]]))[0]).toBeGreaterThan(200);
    expect(two.messages.some((message) => message.type === "CALL_TRANSFER_FAILED")).toBe(false);
  }, 20_000);
});
