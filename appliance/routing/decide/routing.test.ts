/** Where calls go: numbers from outside, numbers dialled inside, times of the office. */
import { describe, expect, test } from "bun:test";
import { checkCondition } from "./condition.ts";
import { decideDialled, displayedNumber } from "./dialled.ts";
import { followingTrunk, lineFailed, type TrunkFailure } from "./failover.ts";
import { decideInbound } from "./inbound.ts";
import {
  type AgentConfig,
  DEFAULT_SETTINGS,
  type DidConfig,
  type ExtensionConfig,
  emptyOffice,
  type InboundRouteConfig,
  type Office,
  type OutboundRuleConfig,
} from "./office.ts";
import { officeDayStart, officeTime } from "./office-time.ts";

const did = (over: Partial<DidConfig> = {}): DidConfig => ({
  id: 1,
  number: "02088880000",
  name: "main",
  groupLabel: "sales",
  trunkId: null,
  destination: null,
  callerNumberPrefix: "",
  callerNamePrefix: "",
  enabled: true,
  ...over,
});
const route = (over: Partial<InboundRouteConfig> = {}): InboundRouteConfig => ({
  id: 1,
  name: "r",
  subject: "caller",
  method: "prefix",
  value: "",
  removeCallerPrefix: "",
  addCallerPrefix: "",
  lastAgentFirst: false,
  destination: { type: "group", id: 1 },
  ...over,
});
const call = { dialled: "02088880000", callerNumber: "13800000001", callerName: "Li", trunkId: 1 };
const office = (over: Partial<Office>): Office => ({ ...emptyOffice(), ...over });

describe("a call from a trunk", () => {
  test("the DID's own destination wins over routes and default (W-3.6.1.1)", () => {
    const decided = decideInbound(
      office({
        dids: [did({ destination: { type: "flow", id: 7 } })],
        inboundRoutes: [route()],
        defaultRoute: { type: "hangup" },
      }),
      call,
    );
    expect(decided).toMatchObject({ action: "route", by: "did", destination: { type: "flow", id: 7 } });
  });

  test("the first matching route in order, then the default (W-3.6.1.2)", () => {
    const routes = [
      route({ id: 1, value: "139" }),
      route({ id: 2, value: "138", destination: { type: "agent", id: 5 } }),
      route({ id: 3, value: "", destination: { type: "hangup" } }),
    ];
    expect(decideInbound(office({ dids: [did()], inboundRoutes: routes }), call)).toMatchObject({
      by: "inbound-route",
      routeId: 2,
      destination: { type: "agent", id: 5 },
    });
    expect(
      decideInbound(
        office({
          dids: [did()],
          inboundRoutes: routes.slice(0, 1),
          defaultRoute: { type: "extension", id: 9 },
        }),
        call,
      ),
    ).toMatchObject({ by: "default", destination: { type: "extension", id: 9 } });
  });

  test("blacklist before all, with and without the plus; a disabled DID is refused", () => {
    const black = office({ dids: [did({ enabled: false })], blacklist: new Set(["13800000001"]) });
    expect(decideInbound(black, { ...call, callerNumber: "+13800000001" })).toMatchObject({
      reason: "blacklist",
      status: 603,
    });
    expect(decideInbound(office({ dids: [did({ enabled: false })] }), call)).toMatchObject({
      reason: "did-disabled",
      status: 480,
    });
  });

  test("a number that is not ours is 404 whatever the routes say", () => {
    const open = office({ inboundRoutes: [route()], defaultRoute: { type: "group", id: 1 } });
    expect(decideInbound(open, call)).toMatchObject({ action: "reject", status: 404 });
  });

  test("prefixes: the route strips the DID's, and its own stands in front (W-3.6.1.13, .14)", () => {
    const dids = [did({ callerNumberPrefix: "77", callerNamePrefix: "VIP " })];
    const kept = decideInbound(office({ dids, inboundRoutes: [route({ addCallerPrefix: "9" })] }), call);
    expect(kept).toMatchObject({ callerNumber: "97713800000001", callerName: "VIP Li" });
    const stripped = decideInbound(
      office({ dids, inboundRoutes: [route({ removeCallerPrefix: "77", addCallerPrefix: "9" })] }),
      call,
    );
    expect(stripped).toMatchObject({ callerNumber: "913800000001" });
  });

  test("by pattern, DID group and a pattern that is no expression", () => {
    const by = (r: Partial<InboundRouteConfig>) =>
      decideInbound(office({ dids: [did()], inboundRoutes: [route(r)] }), call).action;
    expect(by({ subject: "did", method: "pattern", value: "^020\\d+0$" })).toBe("route");
    expect(by({ subject: "did", method: "group", value: "sales" })).toBe("route");
    expect(by({ subject: "did", method: "group", value: "other" })).toBe("reject");
    expect(by({ subject: "did", method: "pattern", value: "(" })).toBe("reject");
  });

  test("a DID row may list several numbers (W-3.5.1.8)", () => {
    const dids = [did({ number: "111, 02088880000 333", destination: { type: "hangup" } })];
    expect(decideInbound(office({ dids }), call).action).toBe("route");
  });
});

const extension: ExtensionConfig = {
  id: 1,
  number: "1001",
  name: "",
  enabled: true,
  dnd: false,
  displayedNumberId: null,
};
const agent: AgentConfig = {
  id: 10,
  number: "1001",
  name: "Wang",
  extensionId: 1,
  enabled: true,
  clickToCallOnly: false,
  displayedNumberId: null,
  phonePinHash: "",
  workInBrowser: false,
  browserTimeoutS: 0,
};
const rule = (over: Partial<OutboundRuleConfig> = {}): OutboundRuleConfig => ({
  id: 1,
  name: "all",
  prefix: "",
  minLength: 0,
  maxLength: 0,
  removePrefix: "",
  addPrefix: "",
  replaceNumber: "",
  trunkId: 1,
  enabled: true,
  ...over,
});
const house = (over: Partial<Office> = {}): Office =>
  office({
    extensions: new Map([[1, extension]]),
    agents: new Map([[10, agent]]),
    trunks: new Map([[1, { id: 1, name: "t", enabled: true, maxCalls: 0 }]]),
    outboundRules: [rule()],
    featureCodes: new Map([
      ["*81", "sign-in"],
      ["*83", "pause"],
    ]),
    ...over,
  });

describe("a number dialled inside", () => {
  test("numbers of the office are called inside", () => {
    expect(decideDialled(house(), extension, "1001")).toMatchObject({
      action: "internal",
      destination: { type: "agent", id: 10 },
    });
  });

  test("feature codes, and pause with the number of its reason", () => {
    expect(decideDialled(house(), extension, "*81")).toMatchObject({ feature: "sign-in", argument: "" });
    expect(decideDialled(house(), extension, "*832")).toMatchObject({ feature: "pause", argument: "2" });
  });

  test.each([
    [{ addPrefix: "0" }, "881016", "0881016"],
    [{ prefix: "88", removePrefix: "88" }, "881016", "1016"],
    [{ prefix: "9", removePrefix: "9", addPrefix: "86" }, "913800", "8613800"],
    [{ removePrefix: "88", addPrefix: "1", replaceNumber: "881005" }, "881016", "881005"],
  ])("rewriting %j makes of %s the number %s (W-3.6.1.17)", (over, dialled, sent) => {
    expect(decideDialled(house({ outboundRules: [rule(over)] }), extension, dialled)).toMatchObject({
      action: "outbound",
      number: sent,
    });
  });

  test("rules in order, by length, enabled, on an enabled trunk; none fits: 404", () => {
    const rules = [
      rule({ id: 1, enabled: false }),
      rule({ id: 2, trunkId: 2 }),
      rule({ id: 3, maxLength: 8 }),
      rule({ id: 4, minLength: 11 }),
    ];
    expect(decideDialled(house({ outboundRules: rules }), extension, "13800138000")).toMatchObject({
      ruleId: 4,
    });
    expect(decideDialled(house({ outboundRules: rules }), extension, "123456789")).toMatchObject({
      status: 404,
    });
  });

  test("emergency numbers always go out unchanged: no rule, click-to-call only, disabled agent", () => {
    const barred = { ...agent, enabled: false, clickToCallOnly: true };
    const strict = house({ outboundRules: [], agents: new Map([[10, barred]]) });
    expect(decideDialled(strict, extension, "110")).toMatchObject({
      action: "outbound",
      by: "emergency",
      number: "110",
    });
    const rewriting = house({ outboundRules: [rule({ addPrefix: "9" })] });
    expect(decideDialled(rewriting, extension, "119")).toMatchObject({ number: "119" });
  });

  test("click-to-call only: the keypad is refused, the click is not (W-3.1.2.15)", () => {
    const only = house({ agents: new Map([[10, { ...agent, clickToCallOnly: true }]]) });
    expect(decideDialled(only, extension, "13800138000")).toMatchObject({ action: "reject", status: 403 });
    expect(decideDialled(only, extension, "13800138000", { viaClick: true }).action).toBe("outbound");
  });

  test("number shown: agent > system > agent number (W-3.1.2.17)", () => {
    const numbers = new Map([
      [1, { number: "400111", trunkId: null }],
      [2, { number: "400222", trunkId: null }],
    ]);
    const plain = house({ displayedNumbers: numbers });
    const system = { ...plain, settings: { ...DEFAULT_SETTINGS, systemDisplayedNumberId: 2 } };
    expect(displayedNumber(system, extension, { ...agent, displayedNumberId: 1 })).toBe("400111");
    expect(displayedNumber(system, extension, agent)).toBe("400222");
    expect(displayedNumber(plain, extension, agent)).toBe("1001");
  });
});

describe("office time", () => {
  const at = (iso: string) => Date.parse(iso);

  test("is the wall clock of the office's zone, Monday = 1", () => {
    expect(officeTime(at("2026-03-01T16:30:05Z"), "Asia/Shanghai")).toEqual({
      date: "2026-03-02",
      time: "00:30:05",
      day: 1,
      minute: 30,
    });
  });

  test("midnight is right on the days the clock changes", () => {
    expect(officeDayStart(at("2026-03-29T12:00:00.123Z"), "Europe/Berlin")).toBe(at("2026-03-28T23:00:00Z"));
    expect(officeDayStart(at("2026-10-25T12:00:00.5Z"), "Europe/Berlin")).toBe(at("2026-10-24T22:00:00Z"));
    expect(officeDayStart(at("2026-05-05T16:00:00Z"), "Asia/Shanghai")).toBe(at("2026-05-05T16:00:00Z"));
  });

  test.each([
    [{ type: "weekly", slots: [{ day: 1, from: 540, to: 1080 }] }, "2026-03-02T01:00:00Z", true],
    [{ type: "weekly", slots: [{ day: 1, from: 540, to: 1080 }] }, "2026-03-02T10:00:00Z", false],
    [{ type: "time", ranges: [{ from: "00:00:00", to: "12:00:00" }] }, "2026-03-02T04:00:00Z", true],
    [{ type: "time", ranges: [{ from: "00:00:00", to: "12:00:00" }] }, "2026-03-02T04:00:01Z", false],
    [{ type: "time", ranges: [{ from: "22:00:00", to: "06:00:00" }] }, "2026-03-02T15:00:00Z", true],
    [{ type: "date", dates: ["2026-03-03"] }, "2026-03-02T16:00:00Z", true],
    [
      { type: "date-range", ranges: [{ from: "2026-02-08T12:00", to: "2026-02-09T11:00" }] },
      "2026-02-09T03:00:59Z",
      true,
    ],
    [
      { type: "date-range", ranges: [{ from: "2026-02-08T12:00", to: "2026-02-09T11:00" }] },
      "2026-02-09T03:01:00Z",
      false,
    ],
  ] as const)("%j at %s: %p", (given, iso, matched) => {
    expect(
      checkCondition(given as Parameters<typeof checkCondition>[0], at(iso), "Asia/Shanghai").matched,
    ).toBe(matched);
  });
});

describe("the trunk tried next", () => {
  const trunks = (...rows: readonly (readonly [id: number, next: number | null, enabled?: boolean])[]) => ({
    ...emptyOffice(),
    trunks: new Map(
      rows.map(([id, nextTrunkId, enabled = true]) => [
        id,
        { id, name: `T${id}`, enabled, maxCalls: 0, nextTrunkId },
      ]),
    ),
  });

  test("the line failed, not the person called", () => {
    const failed = (cause: TrunkFailure["cause"], sipStatus?: number, rang = false) =>
      lineFailed({ cause, rang, ...(sipStatus === undefined ? {} : { sipStatus }) });
    for (const [cause, status] of [
      ["congestion", undefined],
      ["congestion", 503],
      ["timeout", 408],
      ["unreachable", undefined],
      ["unreachable", 504],
      ["error", 500],
      ["forbidden", 407],
    ] as const)
      expect([cause, status, failed(cause, status)]).toEqual([cause, status, true]);
    for (const [cause, status] of [
      ["busy", 486],
      ["busy", 600],
      ["not-found", 404],
      ["declined", 603],
      ["forbidden", 403],
      ["unreachable", 480],
      ["no-answer", 408],
      ["cancelled", 487],
      ["rejected", 302],
      ["unsupported-media", 488],
    ] as const)
      expect([cause, status, failed(cause, status)]).toEqual([cause, status, false]);
    expect(failed("congestion", 503, true)).toBe(false);
  });

  test("in the order set, over switched-off ones, never twice, not in circles", () => {
    const office = trunks([1, 2], [2, 3, false], [3, 1], [4, null]);
    expect(followingTrunk(office, [1], false)).toBe(3);
    expect(followingTrunk(office, [1, 3], false)).toBeNull();
    expect(followingTrunk(office, [4], false)).toBeNull();
    expect(followingTrunk(trunks([1, 9]), [1], false)).toBeNull();
  });

  test("an emergency call goes on to every line", () => {
    const office = trunks([1, null], [2, null, false], [3, null]);
    expect(followingTrunk(office, [1], true)).toBe(3);
    expect(followingTrunk(office, [1, 3], true)).toBeNull();
  });
});
