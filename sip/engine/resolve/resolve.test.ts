import { expect, test } from "bun:test";
import { parseUri } from "../message/index.ts";
import { DnsCache } from "./cache.ts";
import { createResolver, type Dns, type ResolveOptions } from "./index.ts";

let asked: string[] = [];
const dns: Dns = {
  naptr: async (name) =>
    name === "n.test"
      ? [
          { order: 2, preference: 1, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.n.test" },
          { order: 1, preference: 1, flags: "s", service: "SIP+D2T", replacement: "_sip._tcp.n.test" },
        ]
      : [],
  srv: async (name) => {
    if (!name.endsWith(".n.test")) throw new Error("ENOTFOUND");
    const port = name.startsWith("_sip._tcp") ? 5070 : 5080;
    return [
      { priority: 2, weight: 0, port, name: "b.test" },
      { priority: 1, weight: 5, port, name: "a.test" },
    ];
  },
  a: async (name) => {
    asked.push(name);
    return [{ address: name === "b.test" ? "192.0.2.2" : "192.0.2.1", ttl: 30 }];
  },
  aaaa: async () => [],
};

async function look(text: string, options: ResolveOptions = {}) {
  const uri = parseUri(text);
  if (uri?.kind !== "sip") throw new Error("sip URI expected");
  const targets = await createResolver({ dns, random: () => 0, ...options })(uri);
  return targets.map((target) => `${target.protocol} ${target.address} ${target.port}`);
}

test("numeric hosts, ports and static hosts need no DNS records of service", async () => {
  expect(await look("sip:192.0.2.9")).toEqual(["udp 192.0.2.9 5060"]);
  expect(await look("sips:[2001:db8::1]")).toEqual(["tls 2001:db8::1 5061"]);
  expect(await look("sip:n.test:5099;transport=tcp")).toEqual(["tcp 192.0.2.1 5099"]);
  expect(await look("sip:pbx", { hosts: new Map([["pbx", ["10.0.0.1"]]]) })).toEqual(["udp 10.0.0.1 5060"]);
});

test("NAPTR order, SRV priority, fall back to A", async () => {
  expect(await look("sip:n.test")).toEqual([
    "tcp 192.0.2.1 5070",
    "tcp 192.0.2.2 5070",
    "udp 192.0.2.1 5080",
    "udp 192.0.2.2 5080",
  ]);
  expect(await look("sip:n.test;transport=udp")).toEqual(["udp 192.0.2.1 5080", "udp 192.0.2.2 5080"]);
  expect(await look("sip:plain.test")).toEqual(["udp 192.0.2.1 5060"]);
});

test("answers are kept for their time to live", async () => {
  let now = 0;
  const resolve = createResolver({ dns, now: () => now });
  const uri = parseUri("sip:keep.test:5060");
  if (uri?.kind !== "sip") throw new Error("sip URI expected");
  asked = [];
  await resolve(uri);
  await resolve(uri);
  expect(asked).toEqual(["keep.test"]);
  now = 31_000;
  await resolve(uri);
  expect(asked).toEqual(["keep.test", "keep.test"]);
});

function clocked(over: Partial<Dns>, options: ResolveOptions = {}) {
  const clock = { now: 0 };
  const count = { a: 0, aaaa: 0 };
  const base: Dns = {
    ...dns,
    srv: async () => [],
    naptr: async () => [],
    a: async () => [{ address: "192.0.2.1", ttl: 30 }],
    aaaa: async () => [],
    ...over,
  };
  const counted: Dns = {
    ...base,
    a: (name) => {
      count.a++;
      return base.a(name);
    },
    aaaa: (name) => {
      count.aaaa++;
      return base.aaaa(name);
    },
  };
  const resolve = createResolver({ dns: counted, now: () => clock.now, ...options });
  const to = async (text: string) => {
    const uri = parseUri(text);
    if (uri?.kind !== "sip") throw new Error("sip URI expected");
    return (await resolve(uri)).map((target) => target.address);
  };
  return { clock, count, to };
}

const coded = (code: string) => Object.assign(new Error(code), { code });

test("a time to live of nothing or of a month is bounded", async () => {
  let ttl = 0;
  const { clock, count, to } = clocked({ a: async () => [{ address: "192.0.2.1", ttl }] });
  await to("sip:x.test:5060");
  clock.now = 4_000;
  await to("sip:x.test:5060");
  expect(count.a).toBe(1);
  ttl = 2_592_000;
  clock.now = 6_000;
  await to("sip:x.test:5060");
  clock.now = 6_000 + 3_500_000;
  await to("sip:x.test:5060");
  expect(count.a).toBe(2);
  clock.now += 200_000;
  await to("sip:x.test:5060");
  expect(count.a).toBe(3);
});

test("a name that is not there is not asked for again for half a minute", async () => {
  const { clock, count, to } = clocked({ a: () => Promise.reject(coded("ENOTFOUND")) });
  expect(await to("sip:none.test:5060")).toEqual([]);
  clock.now = 29_000;
  expect(await to("sip:none.test:5060")).toEqual([]);
  expect(count.a).toBe(1);
  clock.now = 31_000;
  await to("sip:none.test:5060");
  expect(count.a).toBe(2);
});

test("while the servers do not answer the last good addresses are used, and soon asked again", async () => {
  let broken = false;
  let address = "192.0.2.1";
  const { clock, to } = clocked({
    a: async () => {
      if (broken) throw coded("ETIMEOUT");
      return [{ address, ttl: 30 }];
    },
  });
  expect(await to("sip:x.test:5060")).toEqual(["192.0.2.1"]);
  broken = true;
  for (clock.now = 31_000; clock.now < 600_000; clock.now += 60_000)
    expect(await to("sip:x.test:5060")).toEqual(["192.0.2.1"]);
  broken = false;
  address = "192.0.2.2";
  clock.now += 6_000;
  expect(await to("sip:x.test:5060")).toEqual(["192.0.2.2"]);
});

test("one question at a time, however many wait for its answer; the cache has a bound", async () => {
  const { count, to } = clocked({});
  await Promise.all(Array.from({ length: 50 }, () => to("sip:busy.test:5060")));
  expect(count.a).toBe(1);
  const cache = new DnsCache(() => 0);
  for (let n = 0; n < 10_000; n++) void cache.get(`a ${n}`, async () => [n]);
  expect(cache.size).toBeLessThanOrEqual(2000);
});

test("addresses of version 6 are asked for only where they can be used", async () => {
  const both: Partial<Dns> = { aaaa: async () => [{ address: "2001:db8::1", ttl: 30 }] };
  const four = clocked(both);
  expect(await four.to("sip:x.test:5060")).toEqual(["192.0.2.1"]);
  expect(four.count.aaaa).toBe(0);
  const six = clocked(both, { ipv6: true });
  expect(await six.to("sip:x.test:5060")).toEqual(["192.0.2.1", "2001:db8::1"]);
});
