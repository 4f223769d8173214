/** linphone from Debian as a desk phone without a sound card, over UDP, TCP and TLS: calls, is called, keys, both ends hang up. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { TestPhone } from "../../sip/testphone/index.ts";
import { nextCall, PROMPT_HZ, toneOf } from "../kit/exchange.ts";
import { Linphone, type LinphoneOptions } from "../kit/linphone.ts";
import { secretOf } from "../kit/office.ts";
import { type SecureExchange, startSecure } from "../kit/secure.ts";
import { testCertificate } from "../kit/tls.ts";
import { talk } from "../kit/voice.ts";
import { waitFor } from "../kit/wait.ts";

const MENU = "7000";
const HZ = 500;
let a: SecureExchange;
let desk: TestPhone;

beforeAll(async () => {
  a = await startSecure({ menu: { internalNumber: MENU } });
  desk = await a.x.phone("1003", { listenFor: [HZ, PROMPT_HZ] });
}, 40_000);
afterAll(() => a?.x.stop(), 30_000);

const MODES: readonly (readonly [LinphoneOptions["transport"] & string, "none" | "srtp"])[] = [
  ["udp", "none"],
  ["tcp", "none"],
  ["tls", "srtp"],
];

for (const [transport, mediaenc] of MODES)
  describe(`${transport}, encryption ${mediaenc}`, () => {
    let phone: Linphone;
    const devices = () => a.x.app.sip.devices.state(a.x.office.extensionIds["1001"] ?? 0).devices;
    /** Waits until the file of the call that has ended has half a second of this tone. */
    const heard = (hz: number) => waitFor(async () => (await phone.heard(hz)) >= 500, `${hz} Hz to be heard`);

    beforeAll(async () => {
      phone = await Linphone.start({
        ...{ user: "1001", password: secretOf("1001"), hz: HZ, transport, mediaenc, ca: a.ca },
        // Its TLS knows names in certificates but no addresses.
        server: transport === "tls" ? `localhost:${a.tlsPort}` : a.x.remote,
      });
      await waitFor(() => devices().length === 1, "the phone to register", 8000).catch((error) => {
        throw new Error(`${error}: ${phone.output}`);
      });
    }, 20_000);
    afterAll(async () => {
      await phone?.stop();
      await waitFor(() => devices().length === 0, "the phone to take its registration back");
    }, 10_000);
    afterEach(async () => {
      for (const call of desk.calls) void call.hangup();
      desk.behaviour = { kind: "answer", afterMs: 100 };
      phone.type("terminate all");
      await a.quiet();
    }, 10_000);

    test("it registers with digest over this transport", () => {
      expect(devices()).toMatchObject([
        {
          source: expect.stringMatching(new RegExp(`^${transport}:`)),
          userAgent: expect.stringContaining("Linphonec"),
        },
      ]);
    });

    test("it calls and hangs up: both hear each other", async () => {
      const before = desk.calls.length;
      phone.type("call 1003");
      const at = await nextCall(desk, before);
      expect(await at.answered).toBe(true);
      await phone.says(/Media streams established/);
      await waitFor(() => at.hears(HZ), "linphone to be heard");
      await talk(a.x.app, 900);
      phone.type("terminate");
      expect(await at.ended).toMatchObject({ by: "remote" });
      await phone.says(/ended \(No error\)/);
      await heard(toneOf("1003"));
      expect(await a.x.ended(await a.x.journey("1001", "1003"))).toMatchObject({
        ...{ result: "answered", cause: "normal", hangup_by: "caller" },
      });
    }, 20_000);

    test("it is called; it answers, holds and resumes; the other hangs up", async () => {
      const call = await desk.dial("1001");
      await phone.says(/Receiving new incoming call from "Agent1003"/);
      await waitFor(() => call.state === "ringing", "180 to be passed on");
      phone.type("answer");
      expect(await call.answered).toBe(true);
      await waitFor(() => call.hears(HZ), "linphone to be heard");
      const stage = () => a.x.app.calls.live.picture().calls[0]?.stage;
      phone.type("pause");
      await waitFor(() => stage() === "held" && !call.hears(HZ, 300), "the call to be held");
      phone.type("resume");
      await waitFor(() => stage() === "talking" && call.hears(HZ, 300), "linphone to be heard again");
      await call.hangup();
      await phone.says(/ended \(No error\)/);
      expect(await a.x.ended(await a.x.journey("1003", "1001"))).toMatchObject({
        ...{ result: "answered", cause: "normal", hangup_by: "caller", hold_count: 1 },
      });
    }, 20_000);

    test("the keys it presses reach the menu", async () => {
      const before = desk.calls.length;
      phone.type(`call ${MENU}`);
      await phone.says(/Media streams established/);
      await talk(a.x.app, 900);
      phone.type("2");
      const at = await nextCall(desk, before);
      expect(await at.answered).toBe(true);
      await waitFor(() => at.hears(HZ), "linphone to be heard");
      await at.hangup();
      await phone.says(/ended \(No error\)/);
      await heard(PROMPT_HZ);
    }, 20_000);

    test("it refuses, and is refused", async () => {
      const call = await desk.dial("1001");
      await phone.says(/Receiving new incoming call/);
      phone.type("terminate");
      expect(await call.ended).toMatchObject({ by: "remote", status: 603 });
      await phone.says(/ended/);
      desk.behaviour = { kind: "refuse", status: 486 };
      phone.type("call 1003");
      await phone.says(/Call \d+ with \S+ error\./);
      expect(await a.x.ended(await a.x.journey("1001", "1003"))).toMatchObject({ cause: "callee-busy" });
    }, 20_000);
  });

test("one that does not know the exchange's authority refuses its certificate and does not register", async () => {
  const phone = await Linphone.start({
    ...{ user: "1001", password: secretOf("1001"), hz: HZ, transport: "tls" as const },
    ...{ server: `localhost:${a.tlsPort}`, ca: testCertificate(["127.0.0.1"]).cert },
  });
  try {
    await phone.says(/Certificate verification failed/);
    expect(a.x.app.sip.devices.state(a.x.office.extensionIds["1001"] ?? 0).devices).toEqual([]);
  } finally {
    await phone.stop();
  }
}, 20_000);
