import { describe, expect, test } from "bun:test";
import type { TrunkConfig, TrunkState } from "../directory.ts";
import { FakeStack, fakeReply } from "../srf/fake.ts";
import { trunkConfig } from "../test-support.ts";
import { hostOf } from "./resolve.ts";
import { Trunks } from "./trunks.ts";

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
function setUp(list: TrunkConfig[]) {
  let now = 1_000_000;
  const stack = new FakeStack();
  const states: TrunkState[] = [];
  const current = { list };
  const trunks = new Trunks({
    stack,
    directory: { trunks: () => current.list },
    now: () => now,
    random: () => 0,
    resolve: async (host) => (host === "sip.carrier.cn" ? ["203.0.113.5"] : []),
  });
  trunks.onTrunk((state) => states.push(state));
  trunks.reload();
  const pass = (ms: number): void => {
    now += ms;
    trunks.tick();
  };
  return { stack, trunks, states, pass, current };
}
const from = (address: string, uri = "sip:x@h", port = 5060) => ({
  uri,
  source: { protocol: "udp", address, port },
});

describe("trunks", () => {
  test("registers, renews at 80 %, and says why it was refused", async () => {
    const { stack, trunks, pass, states } = setUp([trunkConfig()]);
    expect(stack.sent[0]?.options).toMatchObject({
      method: "REGISTER",
      uri: "sip:sip.carrier.cn",
      credentials: { username: "acct", password: "pw" },
      headers: {
        To: "<sip:acct@sip.carrier.cn>",
        Contact: "<sip:acct@localhost>",
        Expires: "600",
        Supported: "path",
      },
    });
    const contact =
      "<sip:other@1.1.1.1>;expires=9, <sip:acct@10.9.9.9>;expires=3000, <sip:acct@10.0.0.1:5060>;expires=100";
    stack.sent[0]?.finish(fakeReply(200, { headers: { Contact: contact } }));
    await settle();
    expect(trunks.state(1)).toMatchObject({ state: "registered", registeredUntil: 1_100_000, reason: "" });
    pass(79_000);
    expect(stack.sent).toHaveLength(1);
    pass(1_000);
    expect(stack.sent).toHaveLength(2);
    // One registration: the same Call-ID, a higher CSeq (RFC 3261 §10.2), with room for those of answered challenges.
    const named = stack.sent.map(({ options }) => options.headers ?? {});
    expect(named[1]?.["Call-ID"]).toBe(named[0]?.["Call-ID"] ?? "none");
    expect(named.map((headers) => headers.CSeq)).toEqual(["1 REGISTER", "11 REGISTER"]);
    stack.sent[1]?.finish(fakeReply(403, { reason: "Forbidden" }));
    await settle();
    expect(states.at(-1)).toMatchObject({
      state: "refused",
      reason: "403 Forbidden: account or password not accepted",
    });
  });

  test("a changed password registers anew at once; switching off takes the contact back", async () => {
    const { stack, trunks, current } = setUp([trunkConfig()]);
    stack.sent[0]?.finish(fakeReply(200));
    await settle();
    trunks.reload();
    expect(stack.sent).toHaveLength(1);
    current.list = [trunkConfig({ password: "new" })];
    trunks.reload();
    expect(stack.sent[1]?.options).toMatchObject({
      credentials: { password: "new" },
      headers: { Expires: "600" },
    });
    stack.sent[1]?.finish(fakeReply(200));
    await settle();
    current.list = [trunkConfig({ enabled: false })];
    trunks.reload();
    expect(stack.sent[2]?.options.headers).toMatchObject({ Expires: "0" });
    expect(trunks.state(1)?.state).toBe("disabled");
  });

  test("nothing is sent while the engine is away, and again when it is back", async () => {
    const { stack, pass } = setUp([trunkConfig()]);
    stack.sent[0]?.finish(fakeReply(503, { origin: "local" }));
    await settle();
    stack.connected = false;
    pass(60_000);
    expect(stack.sent).toHaveLength(1);
    stack.connected = true;
    pass(1);
    expect(stack.sent).toHaveLength(2);
  });

  test("callers are matched by resolved host, address and range, then by account and port", async () => {
    const { trunks } = setUp([
      trunkConfig(),
      trunkConfig({ id: 2, username: "second" }),
      trunkConfig({
        id: 3,
        kind: "ip",
        host: "198.51.100.7",
        port: 5080,
        allowedAddresses: ["192.0.2.0/28"],
      }),
      trunkConfig({ id: 4, kind: "ip", host: "198.51.100.8", enabled: false }),
    ]);
    await settle();
    const id = (request: ReturnType<typeof from>) => trunks.match(request)?.config.id;
    expect(id(from("203.0.113.5", "sip:second@h"))).toBe(2);
    expect(id(from("203.0.113.5", "sip:acct@h"))).toBe(1);
    expect([id(from("198.51.100.7")), id(from("192.0.2.14")), id(from("192.0.2.16"))]).toEqual([
      3,
      3,
      undefined,
    ]);
    expect(id(from("198.51.100.8"))).toBeUndefined();
  });

  test("channels in use outlive a change of the configuration", () => {
    const { trunks, current } = setUp([trunkConfig({ kind: "ip", maxCalls: 1 })]);
    const before = trunks.get(1);
    expect([before?.acquire(), before?.acquire()]).toEqual([true, false]);
    current.list = [trunkConfig({ kind: "ip", maxCalls: 2 })];
    trunks.reload();
    expect(trunks.state(1)?.callsNow).toBe(1);
    before?.release();
    expect(trunks.state(1)?.callsNow).toBe(0);
  });

  test("hosts in all the ways they are written", () => {
    expect(["c.cn:5070", "sip:u@c.cn;lr", "[2001:db8::1]:5060", "2001:db8::1"].map(hostOf)).toEqual([
      "c.cn",
      "c.cn",
      "2001:db8::1",
      "2001:db8::1",
    ]);
  });
});
