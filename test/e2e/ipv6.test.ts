/** Calls over IPv6 (RFC 4291, RFC 4566 §5.7): signalling and voice at ::1, with phones and carriers of both families. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { createTestCarrier, type TestCall, type TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, PROMPT_HZ, startExchange, toneOf } from "../kit/exchange.ts";
import { DID } from "../kit/office.ts";
import { freePort, waitFor } from "../kit/wait.ts";

setDefaultTimeout(20_000);

let x: Exchange;
let six: TestPhone;
let other: TestPhone;
let four: TestPhone;

beforeAll(async () => {
  x = await startExchange({ ipv6: true, voicePorts: 2 });
  const own = { address: "::1", server: x.server6 };
  [six, other, four] = await Promise.all([
    x.phone("1001", { ...own, listenFor: [toneOf("1002"), toneOf("1003"), CARRIER_HZ, 900] }),
    x.phone("1002", own),
    x.phone("1003"),
  ]);
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);
afterEach(async () => {
  for (const agent of [...x.phones, x.carrier]) for (const call of agent.calls) void call.hangup();
  await waitFor(async () => (await x.app.sip.stats()).legs === 0, "nothing to be left");
});

const bodyOf = (call: TestCall) => call.invite?.body ?? call.dialog?.remoteBody ?? "";

describe("phones", () => {
  const pairs = () =>
    [
      [six, other],
      [six, four],
      [four, six],
    ] as const;

  for (const index of [0, 1, 2])
    test(`${["IPv6 to IPv6", "IPv6 to IPv4", "IPv4 to IPv6"][index]}: both hear each other, hold and resume`, async () => {
      const [from, to] = pairs()[index] ?? [six, other];
      const before = to.calls.length;
      const call = await from.dial(to.number);
      const at = await nextCall(to, before);
      expect(await call.answered).toBe(true);
      await waitFor(() => call.hears(toneOf(to.number)) && at.hears(toneOf(from.number)), "both tones");
      for (const [phone, side] of [
        [from, call],
        [to, at],
      ] as const) {
        const family = phone.address === "::1" ? "IP6 ::1" : "IP4 127.0.0.1";
        expect(bodyOf(side)).toMatch(new RegExp(`^o=zongji \\d+ 1 IN ${family}\\r$`, "m"));
        expect(bodyOf(side)).toContain(`c=IN ${family}\r`);
      }
      expect(await call.hold(true)).toBe(200);
      await waitFor(() => !at.hears(toneOf(from.number), 250), "silence on hold");
      expect(await call.hold(false)).toBe(200);
      await waitFor(() => at.hears(toneOf(from.number)), "the voice again");
      await call.hangup();
      await at.ended;
      expect(await x.ended(await x.journey(from.number, to.number))).toMatchObject({ result: "answered" });
    });

  test("a phone that leaves the offer to us is offered IPv6", async () => {
    const before = other.calls.length;
    const call = await six.dial("1002", { delayedOffer: true });
    const at = await nextCall(other, before);
    expect(await call.answered).toBe(true);
    expect(bodyOf(call)).toContain("c=IN IP6 ::1\r");
    await waitFor(() => call.hears(toneOf("1002")) && at.hears(toneOf("1001")), "both tones");
  });
});

describe("carriers", () => {
  test("an IPv4 carrier's caller reaches the IPv6 phone through the menu", async () => {
    const call = await x.carrier.dial(DID, "13700001111");
    expect(await call.answered).toBe(true);
    const before = six.calls.length;
    await call.press("1");
    const at = await nextCall(six, before);
    await waitFor(() => call.hears(toneOf("1001")) && at.hears(CARRIER_HZ), "both tones");
  });

  test("a carrier at an IPv6 address: calls both ways", async () => {
    const port = await freePort("::1");
    const carrier = await createTestCarrier({
      address: "::1",
      port,
      server: x.server6,
      hz: 900,
      listenFor: [toneOf("1001"), toneOf("1003"), PROMPT_HZ],
    });
    try {
      const { trunks } = x.app.routing;
      const trunk = await trunks.get(SYSTEM_ACTOR, x.office.trunkId);
      await trunks.save(SYSTEM_ACTOR, trunk.id, { ...trunk, host: "::1", port, password: "" });
      const call = await four.dial("913800138000");
      const far = await nextCall(carrier, 0);
      expect(bodyOf(far)).toContain("c=IN IP6 ::1\r");
      expect(await call.answered).toBe(true);
      await waitFor(() => far.hears(toneOf("1003")), "the phone at the carrier");
      expect(call.audio.packetsReceived).toBeGreaterThan(0);
      await call.hangup();
      await far.ended;
      const inward = await carrier.dial(DID, "13700002222");
      await waitFor(() => inward.hears(PROMPT_HZ), "the menu's prompt");
      const before = six.calls.length;
      await inward.press("1");
      const at = await nextCall(six, before);
      await waitFor(() => inward.hears(toneOf("1001")) && at.hears(900), "both tones");
      await inward.hangup();
      await trunks.save(SYSTEM_ACTOR, trunk.id, { ...trunk, password: "" });
    } finally {
      await carrier.stop();
    }
  });
});
