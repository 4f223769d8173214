/** Signalling and media together: real engine, real rtpengine, test phones with tones, sipp as a stranger. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Baresip } from "../test/kit/baresip.ts";
import { callerScenario, refusingScenario, registerScenario, runSipp, startSipp } from "../test/kit/sipp.ts";
import { freePort, waitFor } from "../test/kit/wait.ts";
import type {
  Directory,
  EndpointCredentials,
  RegistrationChanges,
  RegistrationRow,
  TrunkConfig,
} from "./directory.ts";
import type { LegEvent } from "./legs/model.ts";
import { ownAddress, ownAddress6, type Sip, startSip } from "./start.ts";
import { extension, trunkConfig } from "./test-support.ts";
import { createTestCarrier, createTestPhone, type TestCarrier, type TestPhone } from "./testphone/index.ts";

const HOST = "127.0.0.1";
const REALM = "zongji";

function endpoint(id: number, number: string): EndpointCredentials {
  return extension({ extensionId: id, number, name: `Phone ${number}` }, `pw${number}`);
}

class MemoryDirectory implements Directory {
  readonly realm = REALM;
  readonly endpoints = ["1001", "1002", "1003"].map((number, i) => endpoint(i + 1, number));
  trunkList: TrunkConfig[] = [];
  rows: RegistrationRow[] = [];
  endpointByUser(user: string) {
    return this.endpoints.find((one) => one.number === user);
  }
  trunks() {
    return this.trunkList;
  }
  loadRegistrations() {
    return this.rows;
  }
  saveRegistrations({ saved, removed }: RegistrationChanges) {
    const gone = [...saved, ...removed];
    this.rows = this.rows.filter(
      (row) => !gone.some((one) => one.extensionId === row.extensionId && one.contact === row.contact),
    );
    this.rows.push(...saved);
    return undefined;
  }
}

const directory = new MemoryDirectory();
const folder = mkdtempSync(join(tmpdir(), "zongji-sip-"));
let sip: Sip;
let port = 0;
let carrierPort = 0;
let phone: TestPhone;
let carrier: TestCarrier;
let events: LegEvent[] = [];

const ofLeg = (leg: string) => events.filter((event) => event.leg === leg);
const ended = (leg: string) =>
  waitFor(() => ofLeg(leg).find((event) => event.type === "ended"), `the end of ${leg}`, 15_000);
const types = (leg: string) => ofLeg(leg).map((event) => event.type);
/** What the office does with calls that come in, for the test at hand. */
let onIncoming: (event: Extract<LegEvent, { type: "incoming" }>) => void = () => {};

beforeAll(async () => {
  port = await freePort();
  carrierPort = await freePort();
  directory.trunkList = [
    trunkConfig({
      kind: "ip",
      host: HOST,
      port: carrierPort,
      username: "",
      password: "",
      maxCalls: 5,
      registerExpiresS: 300,
      optionsPingS: 30,
      identityHeader: "pai",
    }),
  ];
  const rtp = 43_100 + 2 * Math.floor(Math.random() * 100);
  sip = await startSip(
    {
      engine: "embedded",
      contacts: [`sip:${HOST}:${port};transport=udp,tcp`],
      address: HOST,
      lan: [],
      rtpPorts: { min: rtp, max: rtp + 150 },
      dataFolder: folder,
    },
    directory,
  );
  sip.legs.onEvent((event) => {
    events.push(event);
    if (event.type === "incoming") onIncoming(event);
  });
  const server = { address: HOST, port };
  carrier = await createTestCarrier({ server, port: carrierPort, hz: 700, listenFor: [400] });
  phone = await createTestPhone({ server, number: "1001", password: "pw1001", hz: 400, listenFor: [700] });
}, 30_000);

afterAll(async () => {
  await phone?.stop();
  await carrier?.stop();
  await sip?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

describe("the exchange's SIP side", () => {
  test("a phone registers with digest and is online; an IP trunk that answers OPTIONS is up", async () => {
    expect(sip.devices.state(1)).toMatchObject({
      online: true,
      devices: [{ userAgent: "Zongji test phone" }],
    });
    expect(directory.rows).toHaveLength(1);
    await waitFor(() => sip.trunks.state(1)?.state === "up", "the trunk to be up");
  });

  test("carrier to extension: both hear each other, and either end is told once", async () => {
    events = [];
    onIncoming = (event) => {
      sip.legs.dial({
        leg: "out-1",
        target: { kind: "extension", extensionId: 1, number: "1001" },
        callerNumber: event.callerNumber,
        timeoutMs: 10_000,
      });
      const stop = sip.legs.onEvent((next) => {
        if (next.leg !== "out-1" || next.type !== "answered") return;
        stop();
        void sip.legs.answer(event.leg).then(() => {
          sip.media.hear(event.leg, ["out-1"]);
          sip.media.hear("out-1", [event.leg]);
        });
      });
    };
    const call = await carrier.dial("4001", "13800138000");
    expect(await call.answered).toBe(true);
    const at = await waitFor(() => phone.calls.at(-1), "the phone to ring");
    expect(at.number).toBe("13800138000");
    await waitFor(() => call.hears(400) && at.hears(700), "both tones");
    const incoming = events.find((event) => event.type === "incoming");
    expect(incoming).toMatchObject({
      dialled: "4001",
      callerNumber: "13800138000",
      source: { kind: "trunk", trunkId: 1 },
    });
    const leg = incoming?.leg ?? "";
    await call.press("5#", "both");
    await waitFor(() => types(leg).filter((type) => type === "digit").length === 2, "two keys");
    await call.hangup();
    expect(await ended(leg)).toMatchObject({ cause: "normal", by: "remote" });
    sip.legs.hangup("out-1");
    expect(await ended("out-1")).toMatchObject({ cause: "normal", by: "local" });
    expect(await at.ended).toMatchObject({ by: "remote" });
    expect(types("out-1")).toEqual(["trying", "ringing", "answered", "ended"]);
    await waitFor(
      async () => (await sip.stats()).dialogs === 0 && sip.legs.alive().length === 0,
      "all to be gone",
    );
  });

  test("hold by the phone, and resume", async () => {
    events = [];
    onIncoming = (event) => void sip.legs.answer(event.leg);
    const call = await phone.dial("9000");
    expect(await call.answered).toBe(true);
    const leg = events[0]?.leg ?? "";
    expect(events[0]).toMatchObject({
      source: { kind: "extension", number: "1001" },
      dialled: "9000",
      callerNumber: "1001",
    });
    expect(await call.hold(true)).toBe(200);
    expect(await call.hold(false)).toBe(200);
    await waitFor(() => types(leg).includes("resumed"), "the call to be resumed");
    expect(await call.transfer("sip:1002@zongji")).toBe(202);
    await waitFor(() => types(leg).includes("transfer-requested"), "the transfer");
    sip.legs.hangup(leg);
    expect(await call.ended).toMatchObject({ by: "remote" });
    expect(types(leg)).toEqual(["incoming", "answered", "held", "resumed", "transfer-requested", "ended"]);
  });

  test("cancel while ringing, in both directions", async () => {
    events = [];
    onIncoming = (event) => void sip.legs.ring(event.leg);
    const call = await carrier.dial("4001", "1");
    await waitFor(() => call.progress.includes(180), "180");
    await call.hangup();
    expect(await ended(events[0]?.leg ?? "")).toMatchObject({ cause: "cancelled", by: "remote" });
    phone.behaviour = { kind: "ring" };
    sip.legs.dial({
      leg: "c",
      target: { kind: "extension", extensionId: 1, number: "1001" },
      callerNumber: "2",
      timeoutMs: 400,
    });
    expect(await ended("c")).toMatchObject({ cause: "no-answer", by: "system" });
    expect(await phone.calls.at(-1)?.ended).toMatchObject({ status: 487 });
    phone.behaviour = { kind: "answer", afterMs: 50 };
  });

  test("what a carrier or phone answers gives the right cause", async () => {
    events = [];
    const wanted = [
      [403, "forbidden"],
      [404, "not-found"],
      [486, "busy"],
      [503, "congestion"],
      [603, "declined"],
    ] as const;
    for (const [status, cause] of wanted) {
      carrier.behaviour = { kind: "refuse", status };
      const leg = `t-${status}`;
      sip.legs.dial({
        leg,
        target: { kind: "trunk", trunkId: 1, number: "10086" },
        callerNumber: "4001",
        timeoutMs: 5000,
      });
      expect(await ended(leg)).toMatchObject({ cause, sipStatus: status, by: "remote" });
    }
    carrier.behaviour = { kind: "answer", afterMs: 20 };
    expect(sip.trunks.state(1)?.callsNow).toBe(0);
  });

  test("sipp: a phone with a wrong password, one that takes another's number, a caller, a refusing carrier", async () => {
    const remote = `${HOST}:${port}`;
    const local = async () => ({ address: HOST, port: await freePort() });
    const auth = { user: "1002", password: "pw1002" };
    const good = await runSipp({
      scenario: registerScenario({ user: "1002" }),
      remote,
      local: await local(),
      auth,
    });
    expect({ code: good.code, errors: good.errors }).toMatchObject({ code: 0 });
    expect(sip.devices.state(2).online).toBe(true);
    const wrong = await runSipp({
      scenario: registerScenario({ user: "1002", expect: 403 }),
      remote,
      local: await local(),
      auth: { user: "1002", password: "guess" },
    });
    expect(wrong.code).toBe(0);
    const unknown = await runSipp({
      scenario: registerScenario({ user: "7777", expect: 403 }),
      remote,
      local: await local(),
      auth: { user: "7777", password: "guess" },
    });
    expect(unknown.code).toBe(0);
    const other = await runSipp({
      scenario: registerScenario({ user: "1002", aor: "1003", expect: 403 }),
      remote,
      local: await local(),
      auth,
    });
    expect(other.code).toBe(0);
    expect(sip.devices.state(3).online).toBe(false);
    const brief = await runSipp({
      scenario: registerScenario({ user: "1002", expires: 10, expect: 423 }),
      remote,
      local: await local(),
      auth,
    });
    expect(brief.code).toBe(0);
    onIncoming = (event) => void sip.legs.answer(event.leg);
    const caller = await runSipp({
      scenario: callerScenario({ from: "138" }),
      remote,
      local: await local(),
      service: "4001",
    });
    expect({ code: caller.code, errors: caller.errors }).toMatchObject({ code: 0 });
  }, 40_000);

  test("registrations survive a restart of the registrar: calls reach phones at once", () => {
    sip.reload();
    expect(sip.devices.state(1).online).toBe(true);
  });
});

test("voice over IPv6 goes where signalling does", () => {
  const entry = (address: string, internal = false) =>
    ({ address, internal, family: "IPv6", netmask: "", mac: "", cidr: null, scopeid: 0 }) as const;
  const six = (contacts: string[], ...addresses: string[]) =>
    ownAddress6(contacts, () => ({
      lo: [entry("::1", true)],
      eth0: addresses.map((address) => entry(address)),
    }));
  expect(six(["sip:0.0.0.0:5060;transport=udp"], "2001:db8::1")).toBeUndefined();
  expect(six(["sip:0.0.0.0:5060", "sip:[2001:db8::7]:5060"], "2001:db8::1")).toBe("2001:db8::7");
  expect(six(["sip:[::]:5060"], "fe80::1", "2001:db8::1")).toBe("2001:db8::1");
  expect(six(["sip:[::]:5060"], "fe80::1")).toBe("::1");
});

test("a phone over TCP registers, is called on its connection, and hears the caller", async () => {
  events = [];
  const tcp = await createTestPhone({
    server: { address: HOST, port },
    number: "1003",
    password: "pw1003",
    transport: "tcp",
    hz: 1100,
  });
  expect(sip.devices.state(3).devices[0]?.source).toStartWith("tcp:");
  sip.legs.dial({
    leg: "tcp",
    target: { kind: "extension", extensionId: 3, number: "1003" },
    callerNumber: "9",
    timeoutMs: 5000,
  });
  await waitFor(() => types("tcp").includes("answered"), "the answer");
  sip.legs.hangup("tcp");
  expect(await tcp.calls[0]?.ended).toMatchObject({ by: "remote" });
  await tcp.stop();
  await waitFor(() => !sip.devices.state(3).online, "the phone to be gone");
}, 20_000);

const alone = ownAddress() === "127.0.0.1";
test.skipIf(alone)(
  // baresip leaves the loopback interface out and finds no address for its calls on a machine without a network.
  `baresip registers with digest, calls and hangs up${alone ? " (left out: no network but loopback, which baresip does not use)" : ""}`,
  async () => {
    events = [];
    const address = ownAddress();
    const own = new MemoryDirectory();
    const ownPort = await freePort(address);
    const rtp = 43_300 + 2 * Math.floor(Math.random() * 50);
    const lan = await startSip(
      {
        engine: "embedded",
        contacts: [`sip:${address}:${ownPort};transport=udp,tcp`],
        address,
        lan: [`${address}/32`],
        rtpPorts: { min: rtp, max: rtp + 60 },
        dataFolder: join(folder, "lan"),
      },
      own,
    );
    lan.legs.onEvent((event) => {
      events.push(event);
      if (event.type === "incoming") void lan.legs.answer(event.leg);
    });
    const desk = await Baresip.start({
      user: "1001",
      password: "pw1001",
      server: `${address}:${ownPort}`,
      address,
    });
    try {
      await waitFor(() => lan.devices.state(1).online, "baresip to register", 8000);
      desk.command("dial", `sip:9000@${address}:${ownPort}`);
      await waitFor(() => events.some((event) => event.type === "incoming"), "baresip's call");
      const leg = events.find((event) => event.type === "incoming")?.leg ?? "";
      await waitFor(() => types(leg).includes("answered"), "our answer");
      desk.command("hangup");
      await waitFor(() => types(leg).includes("ended"), "the end");
      expect(ofLeg(leg).at(-1)).toMatchObject({ cause: "normal", by: "remote" });
    } finally {
      await desk.stop();
      await lan.stop();
    }
  },
  30_000,
);

// Only so that the helper stays proven: a carrier made of sipp.
test("a refusing carrier made of sipp", async () => {
  events = [];
  const own = await freePort();
  directory.trunkList = directory.trunkList.concat({
    ...(directory.trunkList[0] as TrunkConfig),
    id: 2,
    port: own,
    optionsPingS: 0,
  });
  sip.reload();
  const run = startSipp({
    scenario: refusingScenario("486 Busy Here"),
    local: { address: HOST, port: own },
    timeoutS: 10,
  });
  sip.legs.dial({
    leg: "s",
    target: { kind: "trunk", trunkId: 2, number: "10086" },
    callerNumber: "4001",
    timeoutMs: 5000,
  });
  expect(await ended("s")).toMatchObject({ cause: "busy", sipStatus: 486 });
  expect((await run.result).code).toBe(0);
}, 20_000);
