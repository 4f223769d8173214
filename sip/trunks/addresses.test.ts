/** From where a carrier calls: its names as they are looked up, and the addresses that answered us. */
import { expect, test } from "bun:test";
import type { TrunkConfig } from "../directory.ts";
import type { Dns } from "../engine/resolve/index.ts";
import { FakeStack, fakeReply } from "../srf/fake.ts";
import type { Reply } from "../srf/model.ts";
import { localReply } from "../srf/outgoing.ts";
import { trunkConfig } from "../test-support.ts";
import { createHostResolver } from "./resolve.ts";
import { Trunks } from "./trunks.ts";

const at = (address: string, status = 200, headers: Record<string, string> = {}) =>
  fakeReply(status, { headers, source: { protocol: "udp", address, port: 5060 } });

/** A carrier whose name our own look-up always takes to .8. */
function setUp(over: Partial<TrunkConfig> = {}) {
  const stack = new FakeStack();
  const clock = { now: 1_000_000 };
  const trunks = new Trunks({
    stack,
    directory: { trunks: () => [trunkConfig(over)] },
    now: () => clock.now,
    random: () => 0,
    resolve: async () => ["198.51.100.8"],
  });
  trunks.reload();
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  /** Answers what is on its way. */
  const answer = async (reply: Reply) => {
    for (const sent of stack.sent.splice(0)) sent.finish(reply);
    await settle();
  };
  const pass = async (seconds: number) => {
    clock.now += seconds * 1000;
    trunks.tick();
    await settle();
  };
  const known = (address: string) =>
    trunks.match({ uri: "sip:x@h", source: { protocol: "udp", address, port: 5060 } }) !== undefined;
  return { trunks, answer, pass, known };
}

test("the address we are registered at is the carrier, whatever our own look-up says", async () => {
  const { trunks, answer, pass, known } = setUp();
  expect(known("198.51.100.7")).toBe(false);
  await answer(at("198.51.100.7", 200, { Expires: "600" }));
  expect([known("198.51.100.7"), known("198.51.100.8")]).toEqual([true, true]);
  expect(trunks.addresses()).toContain("198.51.100.7");
  // The next look-up does not take it away.
  await pass(301);
  expect(known("198.51.100.7")).toBe(true);
});

test("an address that answers no more stays known until its registration is over, and a while longer", async () => {
  const { trunks, answer, pass, known } = setUp();
  await answer(at("198.51.100.7", 200, { Expires: "600" }));
  await pass(480);
  await answer(at("198.51.100.9", 200, { Expires: "600" }));
  expect([known("198.51.100.7"), known("198.51.100.9")]).toEqual([true, true]);
  await pass(121 + 590);
  expect(known("198.51.100.7")).toBe(true);
  await pass(20);
  expect([known("198.51.100.7"), known("198.51.100.9")]).toEqual([false, true]);
  expect(trunks.addresses()).not.toContain("198.51.100.7");
});

test("a refusal, a challenge and a time-out make nobody known; an answer to OPTIONS does", async () => {
  const register = setUp();
  for (const reply of [at("198.51.100.7", 403), at("198.51.100.7", 401), localReply(408, "")]) {
    await register.answer(reply);
    expect(register.known("198.51.100.7")).toBe(false);
    await register.pass(2000);
  }
  const { trunks, answer, known } = setUp({ kind: "ip", optionsPingS: 60 });
  await answer(at("198.51.100.7", 404));
  expect(known("198.51.100.7")).toBe(false);
  trunks.check(1);
  await answer(at("::ffff:198.51.100.7"));
  expect([known("198.51.100.7"), known("198.51.100.6")]).toEqual([true, false]);
});

test("no more than 16 answering addresses are known, the latest", async () => {
  const { trunks, answer } = setUp({ kind: "ip", optionsPingS: 60 });
  for (let n = 1; n <= 40; n++) {
    trunks.check(1);
    await answer(at(`203.0.113.${n}`));
  }
  const heard = trunks.addresses().filter((address) => address.startsWith("203.0.113."));
  expect(heard).toHaveLength(16);
  expect(heard).toContain("203.0.113.40");
});

test("a disabled line knows nobody", async () => {
  const { trunks, answer, known } = setUp({ enabled: false });
  await answer(at("198.51.100.7"));
  expect([known("198.51.100.7"), trunks.addresses()]).toEqual([false, []]);
});

const records: Dns = {
  naptr: async (name) =>
    name === "carrier.test"
      ? [
          { order: 1, preference: 1, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.east.test" },
          { order: 2, preference: 1, flags: "s", service: "SIP+D2T", replacement: "_sip._tcp.west.test" },
        ]
      : [],
  srv: async (name) =>
    /^_sip\._(udp\.east|tcp\.west|tcp\.carrier)\.test$/.test(name)
      ? [{ priority: 1, weight: 1, port: 5060, name: `gw.${name.split(".").slice(-2).join(".")}` }]
      : [],
  a: async (name) => {
    const address = {
      "gw.east.test": "192.0.2.1",
      "gw.west.test": "192.0.2.2",
      "gw.carrier.test": "192.0.2.3",
    };
    return [{ address: address[name as keyof typeof address] ?? "192.0.2.99", ttl: 30 }];
  },
  aaaa: async (name) => (name === "gw.east.test" ? [{ address: "2001:db8::1", ttl: 30 }] : []),
};

test("NAPTR leads to servers whose names are not made of the carrier's; the name's own address counts too", async () => {
  const resolve = createHostResolver({ dns: records, lookup: async (name) => [`192.0.2.${name.length}`] });
  expect((await resolve("Carrier.TEST", "udp")).sort()).toEqual([
    "192.0.2.1",
    "192.0.2.12",
    "192.0.2.2",
    "2001:db8::1",
  ]);
  // A transport that is set is not looked up by NAPTR (RFC 3263 §4.1): its own SRV.
  expect((await resolve("carrier.test", "tcp")).sort()).toEqual(["192.0.2.12", "192.0.2.3"]);
  expect(await resolve("[2001:db8::7]", "udp")).toEqual(["2001:db8::7"]);
  expect(await resolve("", "udp")).toEqual([]);
});

test("names of the configuration never go to DNS; a look-up that fails gives what is left", async () => {
  const never = () => Promise.reject(Object.assign(new Error("no"), { code: "ETIMEOUT" }));
  const broken: Dns = { naptr: never, srv: never, a: never, aaaa: never };
  const resolve = createHostResolver({
    hosts: { "Given.test": ["127.0.0.9"] },
    dns: broken,
    lookup: async (name) => (name === "other.test" ? ["192.0.2.9"] : Promise.reject(new Error(name))),
  });
  expect(await resolve("given.TEST", "udp")).toEqual(["127.0.0.9"]);
  expect(await resolve("other.test", "udp")).toEqual(["192.0.2.9"]);
  expect(await resolve("gone.test", "tls")).toEqual([]);
});
