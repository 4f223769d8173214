import { describe, expect, test } from "bun:test";
import type { TrunkConfig, TrunkState } from "../directory.ts";
import { FakeStack, fakeReply } from "../srf/fake.ts";
import { routeValues } from "../srf/route.ts";
import { trunkConfig } from "../test-support.ts";
import { trunkInvite, trunkRegister, trunkRoute } from "./plan.ts";
import { problemOf, problemWords } from "./problem.ts";
import { afterRegister, grantedS, startRegistration } from "./registration.ts";
import { Trunks } from "./trunks.ts";

const trunk = (over: Partial<TrunkConfig> = {}): TrunkConfig =>
  trunkConfig({
    host: "ims.carrier.cn",
    username: "+862155550100",
    identityHeader: "pai",
    fromUser: "caller",
    ...over,
  });
const caller = { number: "02155550101", name: "Li" };
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

const name = { callId: "reg", cseq: 1 };

describe("a call through a trunk", () => {
  test("number, identity, From and Contact as the trunk says", () => {
    const plan = trunkInvite(
      trunk({
        areaCode: "021",
        numberFormat: "e164",
        callerFormat: "e164",
        fromUser: "account",
        contactUser: "caller",
      }),
      [],
      "55501234",
      caller,
    );
    expect(plan).toEqual({
      uri: "sip:+862155501234@ims.carrier.cn",
      headers: {
        To: "<sip:+862155501234@ims.carrier.cn>",
        From: '"Li" <sip:+862155550100@ims.carrier.cn>',
        "P-Asserted-Identity": '"Li" <sip:+862155550101@ims.carrier.cn>',
        Contact: "<sip:+862155550101@localhost>",
      },
    });
    const fixed = trunk({
      fromUser: "fixed",
      fromText: "pilot",
      contactUser: "fixed",
      contactText: "line-7",
    });
    expect(trunkInvite(fixed, [], "110", caller)).toMatchObject({
      uri: "sip:110@ims.carrier.cn",
      headers: { From: '"Li" <sip:pilot@ims.carrier.cn>', Contact: "<sip:line-7@localhost>" },
    });
    expect(trunkRegister(fixed, 300, name).headers).toMatchObject({
      Contact: "<sip:line-7@localhost>",
      To: "<sip:+862155550100@ims.carrier.cn>",
    });
  });

  test("a hidden number is asked to be kept private, the carrier alone learns it", () => {
    const { headers } = trunkInvite(
      trunk({ hideNumber: true, identityHeader: "ppi" }),
      [],
      "13800138000",
      caller,
    );
    expect(headers).toMatchObject({
      From: '"Anonymous" <sip:anonymous@anonymous.invalid>',
      Privacy: "id",
      "P-Preferred-Identity": '"Li" <sip:02155550101@ims.carrier.cn>',
    });
    const rpid = trunkInvite(trunk({ hideNumber: true, identityHeader: "rpid" }), [], "13800138000", caller);
    expect(rpid.headers["Remote-Party-ID"]).toContain("privacy=full");
    const none = trunkInvite(trunk({ hideNumber: true, identityHeader: "none" }), [], "13800138000", caller);
    expect(JSON.stringify(none)).not.toContain("02155550101");
  });

  test("a forwarded call shows its caller and names us in Diversion, where the trunk does that", () => {
    const forwarded = { ...caller, forwardedFor: { number: "13900139000", name: "Wang" } };
    const { headers } = trunkInvite(trunk({ diversion: true }), [], "13800138000", forwarded);
    expect(headers).toMatchObject({
      From: '"Wang" <sip:13900139000@ims.carrier.cn>',
      Diversion: "<sip:02155550101@ims.carrier.cn>;reason=unconditional;counter=1",
    });
    for (const reason of ["user-busy", "no-answer", "unavailable", "unknown"] as const) {
      const why = { ...forwarded, forwardedFor: { ...forwarded.forwardedFor, reason } };
      const told = trunkInvite(trunk({ diversion: true }), [], "13800138000", why).headers.Diversion;
      expect(told).toBe(`<sip:02155550101@ims.carrier.cn>;reason=${reason};counter=1`);
    }
    const plain = trunkInvite(trunk(), [], "13800138000", forwarded).headers;
    expect(plain.Diversion).toBeUndefined();
    expect(plain.From).toContain("02155550101");
  });

  test("the route: proxy first, then the registrar's; a proxy named twice is named once", () => {
    const tls = trunk({ transport: "tls", outboundProxy: "edge.carrier.cn" });
    expect(trunkRoute(tls, [])).toEqual(["<sip:edge.carrier.cn;transport=tls;lr>"]);
    const service = ["<sip:edge.carrier.cn;lr>", "<sip:orig@scscf.carrier.cn:6060;lr>"];
    expect(trunkRoute(tls, service)).toEqual(service);
    expect(trunkRoute(tls, service.slice(1))).toEqual([
      "<sip:edge.carrier.cn;transport=tls;lr>",
      service[1] ?? "",
    ]);
    const plan = trunkInvite(tls, service, "110", caller);
    expect(plan.proxy).toBe("sip:edge.carrier.cn;lr");
    expect(plan.headers.Route).toEqual(service);
    expect(trunkRegister(tls, 60, name).proxy).toBe("sip:edge.carrier.cn;transport=tls;lr");
  });
});

describe("routes from peers", () => {
  test("a list of loose routes is taken as a whole or not at all", () => {
    expect(routeValues(undefined)).toEqual([]);
    expect(routeValues('<sip:a;lr>,<sip:b@c:5070;transport=tcp;lr;ob>;x="1,2"')).toEqual([
      "<sip:a;lr>",
      "<sip:b@c:5070;transport=tcp;lr;ob>",
    ]);
    for (const garbage of [
      "<sip:strict.example>",
      "<mailto:a@b;lr>",
      "no address",
      "<sip:a;lr>,,<<>",
      `<sip:${"x".repeat(600)};lr>`,
      Array.from({ length: 9 }, (_, i) => `<sip:p${i};lr>`).join(","),
      "<sip:a;lr>\r\nX-Evil: 1",
    ])
      expect([garbage.slice(0, 20), routeValues(garbage)?.join("").includes("Evil") ?? false]).toEqual([
        garbage.slice(0, 20),
        false,
      ]);
    expect(routeValues("<sip:strict.example>")).toBeUndefined();
    expect(routeValues("<sip:a;lr>,<mailto:a@b;lr>")).toBeUndefined();
  });
});

describe("a carrier that answers oddly", () => {
  const start = startRegistration(600, 0);
  const network = { reason: "", origin: "network" as const };

  test("zero, huge and nonsensical expiries are bounded", () => {
    expect([0, 1, 20, 300, 1e12, -5, Number.NaN].map((s) => grantedS(s, 600))).toEqual([
      40, 40, 20, 300, 86_400, 600, 600,
    ]);
    // What is granted is asked for again before it is over, however short.
    const short = afterRegister(start, { ...network, status: 200, expiresS: 30 }, 0, 0);
    expect(short).toMatchObject({ registeredUntil: 30_000, nextAt: 20_000 });
    const far = afterRegister(start, { ...network, status: 200, expiresS: 4_294_967_295 }, 0, 0);
    expect(far.nextAt).toBeLessThanOrEqual(86_400_000);
    const zero = afterRegister(start, { ...network, status: 200, expiresS: 0 }, 0, 0);
    expect(zero.nextAt).toBeGreaterThanOrEqual(20_000);
  });

  test("423 for ever ends as a refusal", () => {
    let state = start;
    let sent = 0;
    for (let i = 1; i <= 50 && state.kind === "registering"; i++) {
      sent++;
      state = afterRegister(state, { ...network, status: 423, minExpiresS: 600 + i * 100 }, i, 0);
    }
    expect(sent).toBe(4);
    expect(state).toMatchObject({ kind: "refused", problem: { code: "rejected" } });
    const day = afterRegister(start, { ...network, status: 423, minExpiresS: 1e9 }, 0, 0);
    expect(day.expiresS).toBe(86_400);
    expect(afterRegister(day, { ...network, status: 423, minExpiresS: 1e9 }, 0, 0).kind).toBe("refused");
  });

  test("problems by what came back", () => {
    const local = (reason: string, warning?: string) =>
      problemOf({ status: 503, reason, origin: "local", warning }).code;
    expect(local("unable to resolve destination")).toBe("host-unknown");
    expect(local("requested protocol/transport not available")).toBe("no-transport");
    expect(local("Service Unavailable", "tls 1.2.3.4:5061: self signed certificate")).toBe("certificate");
    expect(local("Service Unavailable", "tcp 1.2.3.4:5060: Failed to connect")).toBe("no-connection");
    expect(local("Service Unavailable", "tcp 1.2.3.4:5060: no answer")).toBe("no-answer");
    expect(local("SIP engine lost")).toBe("engine");
    const status = (code: number) => problemOf({ ...network, status: code, reason: "R" }).code;
    expect([401, 407, 403, 404, 408, 500].map(status)).toEqual([
      "wrong-password",
      "wrong-password",
      "forbidden",
      "user-unknown",
      "no-answer",
      "rejected",
    ]);
    expect(problemWords({ code: "forbidden", detail: "403 Forbidden" })).toContain("403 Forbidden");
  });

  function registered(config: TrunkConfig) {
    let now = 1_000_000;
    const stack = new FakeStack();
    const states: TrunkState[] = [];
    const trunks = new Trunks({
      stack,
      directory: { trunks: () => [config] },
      now: () => now,
      random: () => 0,
      resolve: async () => [],
    });
    trunks.onTrunk((state) => states.push(state));
    trunks.reload();
    return {
      stack,
      trunks,
      states,
      pass: (ms: number) => {
        now += ms;
        trunks.tick();
      },
    };
  }

  test("the Service-Route of the last 200 is used; garbage is not, and cuts nothing off", async () => {
    const { stack, trunks, pass } = registered(trunk());
    stack.sent[0]?.finish(fakeReply(200, { headers: { "Service-Route": "<sip:scscf.cn:6060;lr>" } }));
    await settle();
    expect(trunks.get(1)?.invite("110", caller).proxy).toBe("sip:scscf.cn:6060;lr");
    pass(480_000);
    stack.sent[1]?.finish(fakeReply(200, { headers: { "Service-Route": "<<<;;;lr, sip:" } }));
    await settle();
    expect(trunks.state(1)?.state).toBe("registered");
    expect(trunks.get(1)?.invite("110", caller).proxy).toBeUndefined();
  });

  test("another's Contact in the 200 does not count as ours", async () => {
    const { stack, trunks } = registered(trunk());
    const contact = "<sip:+1@9.9.9.9>;expires=5, <sip:mallory@9.9.9.9>;expires=7";
    stack.sent[0]?.finish(fakeReply(200, { headers: { Contact: contact, Expires: "900" } }));
    await settle();
    expect(trunks.state(1)).toMatchObject({ state: "registered", registeredUntil: 1_900_000 });
  });

  test("the limits: calls at a time, calls a second", () => {
    const { trunks, pass } = registered(trunk({ kind: "ip", maxCalls: 3, callsPerSecond: 2 }));
    const line = trunks.get(1);
    expect([line?.acquireOutgoing().ok, line?.acquireOutgoing().ok]).toEqual([true, true]);
    expect(line?.acquireOutgoing()).toEqual({ ok: false, reason: "More than 2 calls a second" });
    pass(1001);
    expect(line?.acquireOutgoing().ok).toBe(true);
    expect(line?.acquireOutgoing()).toEqual({ ok: false, reason: "All 3 channels of the trunk are in use" });
    // Calls that come in count as channels, not as attempts of ours.
    line?.release();
    expect(line?.acquire()).toBe(true);
  });
});
