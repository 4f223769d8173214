/** kamailio as the carrier: it challenges REGISTER and every request of a call, inside dialogs too. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { TrunkInput } from "../../appliance/routing/model.ts";
import { createTestCarrier, type TestCarrier, type TestPhone } from "../../sip/testphone/index.ts";
import { CARRIER_HZ, type Exchange, nextCall, startExchange, toneOf } from "../kit/exchange.ts";
import { Kamailio, type KamailioOptions } from "../kit/kamailio.ts";
import { DID } from "../kit/office.ts";
import { freePort, waitFor } from "../kit/wait.ts";

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
  x = await startExchange({ tlsPort: await freePort() });
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
  exchange = x,
): Promise<void> {
  const phone = exchange.phones[0] ?? (await exchange.phone("1001"));
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
  const used = kamailio.said("got").filter((text) => text.includes(` ${exchange.server.address}:`));
  expect(used.filter((text) => !text.includes(` ${transport} `))).toEqual([]);
  const record = await exchange.ended(await exchange.journey("1001", `9${OUTSIDE}`));
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

  test("requests in the dialog of every kind, as the carrier sees them", async () => {
    const kamailio = await carrier({ algorithm: "SHA-256" });
    const agent = await createTestCarrier({ address: x.server.address, server: x.server, hz: null });
    try {
      const before = behind.calls.length;
      const call = await agent.place({
        uri: `sip:${OUTSIDE}@${KAMAILIO}:${kamailio.port}`,
        number: OUTSIDE,
        headers: { From: `<sip:line1@${KAMAILIO}>` },
        credentials: { username: "line1", password: PASSWORD },
      });
      const far = await nextCall(behind, before, "the phone behind the carrier to ring");
      expect(await call.answered).toBe(true);
      expect(await call.hold(true)).toBe(200);
      expect(await call.hold(false)).toBe(200);
      const body = "Signal=5\r\nDuration=160\r\n";
      const headers = { "Content-Type": "application/dtmf-relay" };
      expect((await call.dialog?.request({ method: "INFO", headers, body }))?.status).toBe(200);
      expect((await call.dialog?.request({ method: "UPDATE" }))?.status).toBe(200);
      await call.hangup();
      await far.ended;
      await waitFor(
        () => kamailio.said("authorised").some((text) => text.startsWith("BYE")),
        "the BYE with digest",
      );
      const methods = (word: string) => kamailio.said(word).map((text) => text.split(" ")[0]);
      expect(methods("authorised")).toEqual(["INVITE", "INVITE", "INVITE", "INFO", "UPDATE", "BYE"]);
      expect(methods("challenged")).toEqual(methods("authorised"));
      expect(kamailio.said("refused")).toEqual([]);
    } finally {
      await agent.stop();
    }
  }, 40_000);

  test("a wrong password, a host that does not exist and one that is silent are told apart", async () => {
    const kamailio = await carrier();
    await connect(line(kamailio.port, { password: "wrong" }));
    await waitFor(() => state()?.state === "refused", "the refusal", 10_000);
    expect(state()).toMatchObject({
      problem: { code: "forbidden", detail: "403 Forbidden" },
      reason: "403 Forbidden: account or password not accepted",
    });
    await connect(line(kamailio.port, { host: "no-such-carrier.invalid", port: 0 }));
    await waitFor(() => state()?.problem?.code === "host-unknown", "the unknown host", 20_000);
    await connect(line(1, { transport: "tcp" }));
    await waitFor(() => state()?.problem?.code === "no-connection", "the closed port", 20_000);
    await connect(line(kamailio.port));
    await registered();
  }, 70_000);

  test("when the line is full or the carrier gone, the next line takes the call, at once the second time", async () => {
    const other = await x.phone("1002");
    const first = await carrier();
    const second = await carrier();
    const spare = await x.app.routing.trunks.save(
      SYSTEM_ACTOR,
      undefined,
      line(second.port, { name: "Spare" }),
    );
    await connect(line(first.port, { nextTrunkId: spare.id }));
    await registered();
    await waitFor(() => x.app.sip.trunks.state(spare.id)?.state === "registered", "the spare line", 10_000);
    // Full: the second call at a time takes the spare line.
    await connect(line(first.port, { nextTrunkId: spare.id, maxCalls: 1 }));
    await registered();
    const one = await phone.dial(`9${OUTSIDE}`);
    expect(await one.answered).toBe(true);
    const two = await other.dial(`9${OUTSIDE}`);
    expect(await two.answered).toBe(true);
    expect([first.said("relayed").length, second.said("relayed").length]).toEqual([1, 1]);
    await Promise.all([one.hangup(), two.hangup()]);

    await first.stop();
    const waits: number[] = [];
    for (const number of ["13800138001", "13800138002"]) {
      const before = behind.calls.length;
      const out = await phone.dial(`9${number}`);
      await nextCall(behind, before, "the call over the spare line");
      expect(await out.answered).toBe(true);
      await out.hangup();
      const record = await x.ended(await x.journey("1001", `9${number}`));
      expect(record.result).toBe("answered");
      const legs = x.events(record.journey).filter((fact) => fact.kind === "leg.created");
      expect(legs.flatMap((fact) => (fact.kind === "leg.created" ? [fact.data.trunkId] : []))).toEqual([
        undefined,
        x.office.trunkId,
        spare.id,
      ]);
      waits.push((legs[2]?.at ?? 0) - (legs[1]?.at ?? 0));
    }
    expect(waits[1]).toBeLessThan(1000);
    expect(second.said("relayed")).toHaveLength(3);
    await x.app.routing.trunks.remove(SYSTEM_ACTOR, [spare.id]).catch(() => {});
  }, 60_000);
});

describe("a carrier by TLS", () => {
  let y: Exchange | undefined;
  let secure: Kamailio;
  afterAll(async () => {
    await y?.stop();
    await secure?.stop();
  }, 30_000);

  test("a certificate nobody knows is said not to be trusted; with its authority calls go both ways", async () => {
    secure = await Kamailio.start({
      address: KAMAILIO,
      exchange: x.server,
      behind: { address: BEHIND, port: behind.port },
      tls: true,
    });
    const overTls = line(secure.tlsPort, { transport: "tls" });
    await connect(overTls);
    await waitFor(() => state()?.problem?.code === "certificate", "the word about the certificate", 10_000);
    await connect(line(1, { enabled: false }));

    y = await startExchange({
      tlsPort: await freePort(),
      prepare(folder) {
        const trusted = join(folder, "certificates", "carriers");
        mkdirSync(trusted, { recursive: true });
        writeFileSync(join(trusted, "carrier.pem"), secure.certificate?.cert ?? "");
      },
    });
    await y.closeCarrier();
    const { trunks, dids } = y.app.routing;
    await trunks.save(SYSTEM_ACTOR, y.office.trunkId, overTls);
    await dids.save(SYSTEM_ACTOR, y.office.didId, {
      ...(await dids.get(SYSTEM_ACTOR, y.office.didId)),
      destination: { type: "agent", id: y.office.agentIds["1001"] ?? 0 },
    });
    const told = () => y?.app.sip.trunks.state(y.office.trunkId);
    await waitFor(() => told()?.state === "registered", "the registration", 10_000);
    await provesBothWays(secure, "tls", { called: OUTSIDE, shown: DID }, y);
  }, 60_000);
});
