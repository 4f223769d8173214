import { describe, expect, test } from "bun:test";
import { TRUNK_DEFAULTS } from "../directory.ts";
import { type HealthState, nextHealth, START_HEALTH } from "./health.ts";
import {
  callerIdentity,
  dialledNumber,
  extensionFrom,
  trunkCallerHeaders,
  trunkProxy,
  trunkTarget,
} from "./identity.ts";
import { afterRegister, afterTime, backOffMs, refreshDelayMs, startRegistration } from "./registration.ts";

const ok = { status: 200, reason: "OK", origin: "network" as const };
const silent = { status: 408, reason: "Request Timeout", origin: "local" as const };
const forbidden = { status: 403, reason: "Forbidden", origin: "network" as const };

describe("registration at a carrier", () => {
  const start = startRegistration(600, 0);

  test("is renewed at 80 % of what was granted", () => {
    const state = afterRegister(start, { ...ok, expiresS: 300 }, 1000, 0);
    expect(state).toMatchObject({
      kind: "registered",
      registeredUntil: 301_000,
      nextAt: 241_000,
      reason: "",
    });
    expect(refreshDelayMs(20)).toBe(10_000);
  });

  test("423 asks again at once for the carrier's minimum, once", () => {
    const reply = {
      status: 423,
      reason: "Interval Too Brief",
      origin: "network" as const,
      minExpiresS: 1800,
    };
    const state = afterRegister(start, reply, 5, 0);
    expect(state).toMatchObject({ kind: "registering", expiresS: 1800, nextAt: 5 });
    expect(afterRegister(state, reply, 6, 0).kind).toBe("refused");
  });

  test("a refusal says why and is repeated slowly, silence quickly and then slower", () => {
    const refused = afterRegister(start, forbidden, 0, 0);
    expect(refused).toMatchObject({ kind: "refused", nextAt: 120_000 });
    expect(refused.reason).toBe("403 Forbidden: account or password not accepted");
    expect(afterRegister(refused, forbidden, 0, 0).nextAt).toBe(240_000);
    const lost = afterRegister(start, silent, 0, 0);
    expect(lost).toMatchObject({ kind: "unreachable", nextAt: 5_000, reason: "No answer from the carrier" });
    expect(backOffMs(99, 5_000, 300_000, 0)).toBe(300_000);
    expect(backOffMs(1, 1000, 9000, 0.999)).toBeGreaterThan(740);
  });

  test("Retry-After is kept", () => {
    expect(afterRegister(start, { ...silent, status: 503, retryAfterS: 60 }, 0, 0).nextAt).toBe(60_000);
  });

  test("a lost refresh keeps the registration until its end", () => {
    const registered = afterRegister(start, { ...ok, expiresS: 100 }, 0, 0);
    const shaky = afterRegister(registered, silent, 80_000, 0);
    expect(shaky).toMatchObject({ kind: "registered", registeredUntil: 100_000 });
    expect(afterTime(shaky, 99_999)).toBe(shaky);
    expect(afterTime(shaky, 100_000)).toMatchObject({ kind: "unreachable", registeredUntil: null });
  });
});

describe("health of a trunk by IP", () => {
  const options = (answered: boolean, at = 0) =>
    ({ type: "options", answered, problem: null, latencyMs: 5, at }) as const;
  const call = (answered: boolean, at: number) => ({ type: "traffic", answered, at }) as const;
  const run = (...events: Parameters<typeof nextHealth>[1][]): HealthState =>
    events.reduce(nextHealth, START_HEALTH);

  test("any answer to OPTIONS is up; three misses in a row are down", () => {
    expect(run(options(true))).toMatchObject({ kind: "up", latencyMs: 5 });
    expect(run(options(true), options(false), options(false)).kind).toBe("up");
    expect(run(options(true), options(false), options(false), options(false)).kind).toBe("unreachable");
  });

  test("a carrier that never answers OPTIONS is up once a call went through, and stays so", () => {
    expect(run(options(false)).kind).toBe("unproven");
    const proven = run(
      options(false),
      call(true, 1),
      options(false, 1e7),
      options(false, 2e7),
      options(false, 3e7),
    );
    expect(proven.kind).toBe("up");
  });

  test("a call nobody answered at all takes it down", () => {
    expect(run(options(true), call(false, 1))).toMatchObject({
      kind: "unreachable",
      problem: { code: "no-answer" },
    });
  });
});

describe("numbers and identity", () => {
  const request = (uri: string, headers: Record<string, string>) => ({
    uri,
    header: (name: string) => headers[name],
  });

  test("the dialled number is in the Request-URI, or in To when the carrier calls our registration", () => {
    const invite = request("sip:acct@10.0.0.1", { To: '"x" <sip:%2B862155550100;p=1@carrier.cn>' });
    expect(dialledNumber(invite)).toBe("acct");
    expect(dialledNumber(invite, "acct")).toBe("+862155550100");
    expect(dialledNumber(request("sip:4001@h;user=phone", { To: "<sip:other@h>" }), "acct")).toBe("4001");
  });

  test("a line end written as an escape ends a number", () => {
    const invite = request("sip:13800000001%0d%0aX-Evil:%205@h", { From: "<sip:1001%00%0a5@h>;tag=1" });
    expect(dialledNumber(invite)).toBe("13800000001");
    expect(callerIdentity(invite, false).number).toBe("1001");
  });

  test("the caller is taken from P-Asserted-Identity only of trusted peers", () => {
    const invite = request("sip:1@h", {
      From: '"Mallory" <sip:999@evil>;tag=1',
      "P-Asserted-Identity": '"Li Na" <sip:13800138000@carrier>, <tel:+8613800138000>',
    });
    expect(callerIdentity(invite, true)).toEqual({ number: "13800138000", name: "Li Na" });
    expect(callerIdentity(invite, false)).toEqual({ number: "999", name: "Mallory" });
    const hidden = request("sip:1@h", { From: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1' });
    expect(callerIdentity(hidden, true).number).toBe("");
  });

  test("who wants not to be known stays unknown, though the carrier tells", () => {
    const from = { From: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1' };
    const asserted = { ...from, "P-Asserted-Identity": '"Li Na" <sip:13800138000@carrier>' };
    const nobody = { number: "", name: "" };
    expect(callerIdentity(request("sip:1@h", { ...asserted, Privacy: "user;id" }), true)).toEqual(nobody);
    const party = (privacy: string) => ({
      ...from,
      "Remote-Party-ID": `"Li Na" <sip:13800138000@carrier>;party=calling;privacy=${privacy}`,
    });
    expect(callerIdentity(request("sip:1@h", party("full")), true)).toEqual(nobody);
    const known = { number: "13800138000", name: "Li Na" };
    expect(callerIdentity(request("sip:1@h", { ...asserted, Privacy: "none" }), true)).toEqual(known);
    expect(callerIdentity(request("sip:1@h", party("off")), true)).toEqual(known);
  });

  test("headers of each identity kind", () => {
    const trunk = {
      ...TRUNK_DEFAULTS,
      username: "",
      fromDomain: "office.cn",
      host: "10.1.1.1",
      identityHeader: "none",
    } as const;
    const caller = { number: "02155550100", name: '李 "娜"' };
    expect(trunkCallerHeaders(trunk, caller)).toEqual({ From: '"李 \\"娜\\"" <sip:02155550100@office.cn>' });
    expect(trunkCallerHeaders({ ...trunk, identityHeader: "pai" }, caller)["P-Asserted-Identity"]).toContain(
      "<sip:021",
    );
    const account = { ...trunk, fromUser: "account", username: "acct", identityHeader: "rpid" } as const;
    expect(trunkCallerHeaders(account, caller).From).toContain("<sip:acct@office.cn>");
    expect(trunkCallerHeaders(account, caller)["Remote-Party-ID"]).toContain("party=calling");
    const hidden = { From: '"Anonymous" <sip:anonymous@anonymous.invalid>', Privacy: "id" };
    expect(trunkCallerHeaders(trunk, { number: "" })).toEqual(hidden);
  });

  test("line breaks in names do not make headers", () => {
    const from = extensionFrom({ number: "1", name: "a\r\nX-Evil: 1" }, "h");
    expect(from).not.toMatch(/[\r\n]/);
  });

  test("targets", () => {
    const trunk = { host: "::1", port: 5080, transport: "tcp" } as const;
    expect(trunkTarget(trunk, "#1 2")).toBe("sip:%231%202@[::1]:5080;transport=tcp");
    expect(trunkTarget({ host: "c.cn", port: 0, transport: "udp" }, "")).toBe("sip:c.cn");
    expect(trunkProxy({ outboundProxy: "p.cn:5070", transport: "tls" })).toBe(
      "sip:p.cn:5070;transport=tls;lr",
    );
    expect(trunkProxy({ outboundProxy: " ", transport: "tls" })).toBeUndefined();
  });
});
