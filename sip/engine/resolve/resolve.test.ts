import { expect, test } from "bun:test";
import { parseUri } from "../message/index.ts";
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
