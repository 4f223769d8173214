/** kamailio as the carrier: it challenges REGISTER and every request of a call, inside dialogs too. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { TrunkInput } from "../../appliance/routing/model.ts";
import { createTestCarrier, type TestCarrier, type TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, startExchange, toneOf } from "../kit/exchange.ts";
import { Kamailio, type KamailioOptions } from "../kit/kamailio.ts";
import { DID } from "../kit/office.ts";
import { waitFor } from "../kit/wait.ts";

const PASSWORD = "correct horse";
const KAMAILIO = "127.0.0.2";
const BEHIND = "127.0.0.3";
const OUTSIDE = "13800138000";
let x: Exchange;
let phone: TestPhone;
let behind: TestCarrier;
const carriers: Kamailio[] = [];

async function carrier(options: Partial<KamailioOptions> = {}): Promise<Kamailio> {
  const started = await Kamailio.start({
    address: KAMAILIO,
    exchange: x.server,
    behind: { address: BEHIND, port: behind.port },
    password: PASSWORD,
    ...options,
  });
  carriers.push(started);
  return started;
}

const line = (port: number, over: Partial<TrunkInput> = {}): TrunkInput => ({
  name: "Carrier",
  enabled: true,
  kind: "registration",
  host: KAMAILIO,
  port,
  transport: "udp",
  username: "line1",
  authUsername: "",
  password: PASSWORD,
  fromDomain: "",
  outboundProxy: "",
  allowedAddresses: [],
  maxCalls: 10,
  registerExpiresS: 600,
  optionsPingS: 5,
  codecs: ["PCMA"],
  identityHeader: "pai",
  fromUser: "account",
  ...over,
});
const state = () => x.app.sip.trunks.state(x.office.trunkId);

async function connect(input: TrunkInput): Promise<void> {
  await x.app.routing.trunks.save(SYSTEM_ACTOR, x.office.trunkId, input);
}
const registered = () => waitFor(() => state()?.state === "registered", "the registration", 10_000);

beforeAll(async () => {
  x = await startExchange();
  await x.closeCarrier();
  phone = await x.phone("1001");
  behind = await createTestCarrier({
    address: BEHIND,
    // Calls to the exchange go by way of kamailio, whose port each test sets.
    server: { address: KAMAILIO, port: 1 },
    hz: CARRIER_HZ,
    listenFor: [toneOf("1001")],
    behaviour: { kind: "answer", afterMs: 100 },
  });
  await x.app.routing.dids.save(SYSTEM_ACTOR, x.office.didId, {
    number: DID,
    name: "Main",
    groupLabel: "",
    trunkId: null,
    destination: { type: "agent", id: x.office.agentIds["1001"] ?? 0 },
    callerNumberPrefix: "",
    callerNamePrefix: "",
    enabled: true,
    note: "",
  });
}, 40_000);
afterAll(async () => {
  await behind?.stop();
  await Promise.all(carriers.map((one) => one.stop()));
  await x?.stop();
}, 30_000);

/** A call out and a call in, both ended by us, so that the carrier challenges our BYE in dialogs of both directions. */
async function provesBothWays(
  kamailio: Kamailio,
  transport: string,
  sent: { readonly called: string; readonly shown: string },
): Promise<void> {
  const before = behind.calls.length;
  const out = await phone.dial(`9${OUTSIDE}`);
  const far = await nextCall(behind, before, "the phone behind the carrier to ring");
  expect(await out.answered).toBe(true);
  expect(far.invite?.uri).toContain(`sip:${sent.called}@`);
  expect(far.invite?.header("P-Asserted-Identity")).toContain(`<sip:${sent.shown}@`);
  expect(far.invite?.header("From")).toContain("sip:line1@");
  await waitFor(() => out.hears(CARRIER_HZ) && far.hears(toneOf("1001")), "voice both ways");
  await out.hangup();
  await far.ended;
  await waitFor(
    () => kamailio.said("authorised").some((text) => text.startsWith("BYE")),
    "the BYE with digest",
  );
  expect(kamailio.said("challenged").join("\n")).toMatch(/^INVITE/m);

  const inward = phone.calls.length;
  const call = await behind.place({
    uri: `sip:${DID}@${kamailio.address}:${kamailio.port}`,
    number: DID,
    headers: { From: `<sip:13900139000@${BEHIND}>` },
  });
  const rung = await nextCall(phone, inward, "the office phone to ring");
  expect(await call.answered).toBe(true);
  await waitFor(() => call.hears(toneOf("1001")) && rung.hears(CARRIER_HZ), "voice both ways");
  const byes = kamailio.said("authorised").filter((text) => text.startsWith("BYE")).length;
  await rung.hangup();
  await call.ended;
  await waitFor(
    () => kamailio.said("authorised").filter((text) => text.startsWith("BYE")).length > byes,
    "the BYE of a call that came in, with digest",
  );
  expect(kamailio.said("refused")).toEqual([]);
  const used = kamailio.said("got").filter((text) => text.includes(` ${x.server.address}:`));
  expect(used.filter((text) => !text.includes(` ${transport} `))).toEqual([]);
  const record = await x.ended(await x.journey("1001", `9${OUTSIDE}`));
  expect(record.result).toBe("answered");
}

describe("a carrier that challenges everything", () => {
  test("UDP, MD5, a proxy's realm and the core's, Service-Route, no answer to OPTIONS", async () => {
    const kamailio = await carrier({ twoRealms: true, serviceRoute: true, deafToOptions: true });
    await connect(line(kamailio.port));
    await registered();
    expect((state()?.registeredUntil ?? 0) - Date.now()).toBeGreaterThan(500_000);
    await provesBothWays(kamailio, "udp", { called: OUTSIDE, shown: DID });
    expect(kamailio.said("challenged").join("\n")).toMatch(/^INVITE \d+ core$/m);
    // OPTIONS went unanswered; the line works, so it stays up.
    await waitFor(
      () => kamailio.said("got").some((text) => text.startsWith("OPTIONS")),
      "an OPTIONS",
      15_000,
    );
    expect(state()?.state).toBe("registered");
  }, 60_000);

  test("TCP, SHA-256, auth-int, through an outbound proxy, numbers in E.164", async () => {
    const kamailio = await carrier({ algorithm: "SHA-256", qop: "auth-int" });
    await connect(
      line(0, {
        host: "carrier.invalid",
        transport: "tcp",
        numberFormat: "e164",
        callerFormat: "e164",
        outboundProxy: `${KAMAILIO}:${kamailio.port}`,
      }),
    );
    await registered();
    await provesBothWays(kamailio, "tcp", { called: `+86${OUTSIDE}`, shown: `+86${DID.slice(1)}` });
  }, 60_000);
});
