/** What is ours, and how we call ourselves, where a listener takes every address of the machine. */
import { describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { namesUs } from "../dialog/build.ts";
import { App, host, Network } from "../dialog/fake-network.ts";
import { ask, at, bench, type Loose, SDP } from "../test-support.ts";
import type { ListenPoint } from "../transport/index.ts";
import { listensAt } from "../transport/local.ts";

const { phone } = bench();

const point = (address: string, more: Partial<ListenPoint> = {}): ListenPoint[] => [
  { protocol: "udp", address, port: 0, ...more },
];

const outer = Object.values(networkInterfaces())
  .flatMap((entries) => entries ?? [])
  .find((entry) => entry.family === "IPv4" && !entry.internal)?.address;

/** A call from one address to another through a proxy, with INFO both ways and the callee's BYE. */
async function through(listens: string, callerAt: string, calleeAt: string) {
  const uri = (user: string, address: string, port: number | undefined) =>
    `sip:${user}@${address.includes(":") ? `[${address}]` : address}:${port}`;
  const [caller, proxy, callee] = [
    await phone(point(callerAt)),
    await phone(point(listens)),
    await phone(point(calleeAt)),
  ];
  const port = proxy.engine.listening[0]?.port;
  const target = uri("bob", calleeAt, callee.engine.listening[0]?.port);
  proxy.srf.invite((req: Loose) => proxy.srf.proxyRequest(req, target, { recordRoute: true }));
  const up = new Promise<Loose>((resolve) =>
    callee.srf.invite((req: Loose, res: Loose) =>
      callee.srf.createUAS(req, res, { localSdp: SDP }).then((dialog: Loose) => resolve({ req, dialog })),
    ),
  );
  const uac: Loose = await caller.srf.createUAC(uri("bob", callerAt, port), { localSdp: SDP });
  const { req, dialog } = await up;
  for (const side of [uac, dialog]) side.on("info", (_req: Loose, res: Loose) => res.send(200));
  const infos = [await uac.request({ method: "INFO" }), await dialog.request({ method: "INFO" })];
  const ended = new Promise((resolve) => uac.on("destroy", resolve));
  await dialog.destroy();
  await ended;
  const routes = String(req.get("Record-Route")).split(",");
  return {
    port,
    replaced: req.uri === target,
    infos: infos.map((res) => res.status),
    routes: routes.map((route) => /<sip:([^;]+);/.exec(route)?.[1]),
    via: String(req.get("Via")).split(";")[0],
    passed: proxy.engine.stats().counters.received ?? 0,
  };
}

test("a call between IPv4 and IPv6 through a proxy at ::, which speaks both", async () => {
  for (const [caller, callee] of [
    ["127.0.0.1", "::1"],
    ["::1", "127.0.0.1"],
    ["127.0.0.1", "127.0.0.1"],
  ] as const) {
    const call = await through("::", caller, callee);
    const [from, to] = [caller, callee].map((address) => (address === "::1" ? "[::1]" : address));
    const routes = from === to ? [from] : [to, from];
    expect([call.replaced, call.infos]).toEqual([true, [200, 200]]);
    expect(call.routes).toEqual(routes.map((address) => `${address}:${call.port}`));
    expect(call.passed).toBeGreaterThanOrEqual(9);
  }
});

test("a call over IPv6 through a proxy at ::", async () => {
  const call = await through("::", "::1", "::1");
  expect([call.replaced, call.infos, call.routes]).toEqual([true, [200, 200], [`[::1]:${call.port}`]]);
  // INVITE and its answers, ACK, then two INFO and a BYE with an answer each.
  expect(call.passed).toBeGreaterThanOrEqual(9);
});

test.skipIf(outer === undefined)("each side of a call gets the address of its own network", async () => {
  const call = await through("0.0.0.0", "127.0.0.1", outer ?? "");
  expect(call.routes).toEqual([`${outer}:${call.port}`, `127.0.0.1:${call.port}`]);
  expect(call.via).toBe(`SIP/2.0/UDP ${outer}:${call.port}`);
  expect([call.replaced, call.infos]).toEqual([true, [200, 200]]);
  expect(call.passed).toBeGreaterThanOrEqual(9);
});

test("a request to the engine itself is refused, whichever of its addresses it names", async () => {
  const refused = "can not send request to myself";
  for (const [listens, hosts] of [
    ["0.0.0.0", ["127.0.0.1", "127.0.0.2", "localhost", "PBX.example.com", ...(outer ? [outer] : [])]],
    ["::", ["[::1]", "[0:0:0:0:0:0:0:1]"]],
  ] as const) {
    const { engine, srf } = await phone(point(listens, { externalAddress: "pbx.example.com" }));
    for (const name of hosts) {
      const port = engine.listening[0]?.port;
      expect(ask(srf, `sip:x@${name}:${port}`, "OPTIONS")).rejects.toThrow(refused);
    }
  }
});

describe("not ours", () => {
  test("a port of ours under another transport", () => {
    const network = new Network();
    const app = new App();
    host(network, "192.0.2.1", app);
    const options = (uri: string) => app.say("||", `OPTIONS ${uri} SIP/2.0\r\n\r\n`);
    expect(options("sip:x@192.0.2.1")).toBe("NOK|can not send request to myself");
    expect(options("sip:x@192.0.2.1:5060;transport=tcp")).not.toContain("myself");
  });

  test("a device over its own connection whose private address is one of ours too", async () => {
    const { engine, srf } = await phone([{ protocol: "tcp", address: "0.0.0.0", port: 0 }]);
    const device = await phone([{ protocol: "tcp", address: "127.0.0.1", port: 0 }]);
    const contact = at(engine, "bob", "tcp");
    srf.register((_req: Loose, res: Loose) => res.send(200, { headers: { Contact: `<${contact}>` } }));
    device.srf.options((_req: Loose, res: Loose) => res.send(204));
    const headers = { Contact: `<${contact}>`, Expires: "60" };
    expect((await ask(device.srf, at(engine, "bob", "tcp"), "REGISTER", { headers })).status).toBe(200);
    expect((await ask(srf, contact, "OPTIONS")).status).toBe(204);
  });
});

const OWN = new Set(["127.0.0.1", "192.0.2.10", "198.51.100.1", "::1", "2001:db8::10"]);

test.each([
  ["0.0.0.0", "192.0.2.10", true],
  ["0.0.0.0", "198.51.100.1", true],
  ["0.0.0.0", "::ffff:192.0.2.10", true],
  ["0.0.0.0", "127.9.9.9", true],
  ["0.0.0.0", "LocalHost", true],
  ["0.0.0.0", "192.0.2.11", false],
  ["0.0.0.0", "2001:db8::10", false],
  ["0.0.0.0", "127.example.com", false],
  ["0.0.0.0", "example.com", false],
  ["::", "2001:db8::10", true],
  ["::", "2001:DB8:0:0::10", true],
  ["::", "::1", true],
  ["::", "2001:db8::11", false],
  ["::", "192.0.2.10", true],
  ["::", "192.0.2.11", false],
  ["2001:db8:0::10", "2001:db8::10", true],
  ["192.0.2.10", "198.51.100.1", false],
  ["192.0.2.10", "127.0.0.1", false],
  ["pbx.example.com", "PBX.example.com", true],
])("a socket at %s gets what is sent to %s: %p", (bound, name, expected) => {
  expect(listensAt(bound, name, OWN)).toBe(expected);
});

test("the port counts, 5060 and for TLS 5061 where none is written", () => {
  const points: ListenPoint[] = [
    { protocol: "udp", address: "0.0.0.0", port: 5060 },
    { protocol: "tls", address: "0.0.0.0", port: 5061 },
  ];
  const named = ["sip:127.0.0.1", "sip:127.0.0.1:5061", "sip:127.0.0.1:5062", "tel:+861012345678"];
  expect(named.map((uri) => namesUs(points, uri))).toEqual([true, true, false, false]);
});
