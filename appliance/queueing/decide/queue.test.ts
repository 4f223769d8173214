/** Who rings: the six strategies, ties by list order, priorities, admission (W-3.1.3.17–23, .32–.39); agent states. */
import { describe, expect, test } from "bun:test";
import type { Group, RingStrategy } from "../../routing/model.ts";
import { GROUP_DEFAULTS } from "../model.ts";
import { type AgentFacts, deriveState } from "./agent-state.ts";
import { admission, type Candidate, pickAgents, waitingOrder } from "./queue.ts";

function group(strategy: RingStrategy, over: Partial<Group> = {}, priorities = [1, 1, 1]): Group {
  return {
    id: 1,
    name: "support",
    number: "8001",
    ...GROUP_DEFAULTS,
    strategy,
    agentTimeoutS: 15,
    maxWaitS: 0,
    retryS: 1,
    joinEmpty: true,
    positionIntervalS: 0,
    members: priorities.map((priority, i) => ({
      agentId: i + 1,
      priority,
      position: i,
      kind: "dynamic" as const,
    })),
    ...over,
  };
}

const free = (...rows: Partial<Candidate>[]): Map<number, Candidate> =>
  new Map(
    rows.map((row, i) => {
      const agentId = row.agentId ?? i + 1;
      return [agentId, { agentId, lastCallEndedAt: 0, answeredToday: 0, notBefore: 0, ...row }];
    }),
  );

const pick = (
  g: Group,
  candidates: Map<number, Candidate>,
  options: { last?: number; tried?: number[]; random?: number; now?: number } = {},
) =>
  pickAgents(
    g,
    candidates,
    { lastAgentId: options.last ?? null },
    new Set(options.tried),
    options.now ?? 1000,
    () => options.random ?? 0,
  ).agentIds;

describe("ring strategies", () => {
  test("longest idle, ties by list order", () => {
    const g = group("longest-idle");
    expect(
      pick(g, free({ lastCallEndedAt: 300 }, { lastCallEndedAt: 100 }, { lastCallEndedAt: 200 })),
    ).toEqual([2]);
    expect(pick(g, free({ lastCallEndedAt: 100 }, { lastCallEndedAt: 100 }))).toEqual([1]);
  });
  test("fewest calls, ties by list order", () => {
    const g = group("fewest-calls");
    expect(pick(g, free({ answeredToday: 3 }, { answeredToday: 2 }, { answeredToday: 2 }))).toEqual([2]);
  });
  test("sequential starts at the top every time and goes down after a miss", () => {
    const g = group("sequential");
    expect(pick(g, free({}, {}, {}))).toEqual([1]);
    expect(pick(g, free({}, {}, {}), { tried: [1] })).toEqual([2]);
    expect(pick(g, free({}, {}, {}), { tried: [1, 2, 3] })).toEqual([1]);
  });
  test("memory rotation goes on after the one who took the last call, and wraps", () => {
    const g = group("memory-rotation");
    expect(pick(g, free({}, {}, {}), { last: 1 })).toEqual([2]);
    expect(pick(g, free({}, {}, {}), { last: 3 })).toEqual([1]);
    expect(pick(g, free({}, { agentId: 3 }), { last: 1 })).toEqual([3]);
  });
  test("random reaches every member and stays in range at its edge", () => {
    const g = group("random");
    const got = [0, 0.34, 0.67, 0.9999999].map((random) => pick(g, free({}, {}, {}), { random })[0]);
    expect(got).toEqual([1, 2, 3, 3]);
  });
  test("ring all rings every free member", () => {
    expect(pick(group("ring-all"), free({}, { agentId: 3 }))).toEqual([1, 3]);
  });
  test("lower priority number first; after a miss the next priority", () => {
    const g = group("longest-idle", {}, [2, 1, 2]);
    expect(pick(g, free({}, {}, {}))).toEqual([2]);
    expect(pick(g, free({}, {}, {}), { tried: [2] })).toEqual([1]);
  });
  test("nobody within the retry pause", () => {
    const g = group("sequential");
    expect(pick(g, free({ notBefore: 2000 }), { now: 1999 })).toEqual([]);
    expect(pick(g, free({ notBefore: 2000 }), { now: 2000 })).toEqual([1]);
  });
  test("who is no member is never rung", () => {
    expect(pick(group("ring-all"), free({ agentId: 99 }))).toEqual([]);
  });
});

describe("the queue", () => {
  test("serves priority, then the longer wait", () => {
    const calls = [
      { journey: "a", priority: 0, joinedAt: 1 },
      { journey: "b", priority: 5, joinedAt: 9 },
      { journey: "c", priority: 0, joinedAt: 0 },
    ];
    expect(waitingOrder(calls).map((c) => c.journey)).toEqual(["b", "c", "a"]);
  });
  test("full, empty, nobody free", () => {
    const state = { waiting: 0, signedIn: 1, free: 0 };
    expect(admission(group("random", { capacity: 2 }), { ...state, waiting: 2 })).toMatchObject({
      reason: "full",
    });
    expect(admission(group("random", { joinEmpty: false }), { ...state, signedIn: 0 })).toMatchObject({
      reason: "empty",
    });
    expect(admission(group("random", { noAgentOverflow: true }), state)).toMatchObject({
      reason: "no-agent",
    });
    expect(admission(group("random"), { ...state, signedIn: 0 })).toEqual({ admit: true });
  });
});

describe("agent state", () => {
  const base: AgentFacts = {
    deviceOnline: true,
    groups: [1],
    pausedReason: null,
    pausedSince: 0,
    acwUntil: null,
    acwSince: 0,
    leg: null,
    baseSince: 5,
  };
  const leg = { phase: "talking", since: 7, groupId: 1, viaOffer: true, journey: "j" } as const;
  test.each([
    [{ deviceOnline: false, pausedReason: "x" }, "offline"],
    [{ groups: [], pausedReason: "x" }, "signed-out"],
    [{ leg: { ...leg, phase: "held" }, acwUntil: 0 }, "on-hold"],
    [{ leg, pausedReason: "x" }, "talking"],
    [{ leg: { ...leg, phase: "ringing" } }, "ringing"],
    [{ leg: { ...leg, viaOffer: false } }, "busy"],
    [{ acwUntil: 0, pausedReason: "x" }, "acw"],
    [{ pausedReason: "no-answer" }, "paused"],
    [{}, "idle"],
  ] as const)("%j is %s", (over, state) => {
    expect(deriveState({ ...base, ...over } as AgentFacts).state).toBe(state);
  });
});
