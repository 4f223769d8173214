import { describe, expect, test } from "bun:test";
import type { LiveAgent, LiveCall, LiveGroup, LivePicture } from "../../appliance/calls/live.ts";
import { visibleTo } from "./scope.ts";

const agent = (agentId: number, groups: number[], journey: string | null = null) =>
  ({ agentId, groups, journey }) as unknown as LiveAgent;
const call = (journey: string, groupId: number | null, agentId: number | null) =>
  ({ journey, groupId, agentId }) as unknown as LiveCall;
const picture: LivePicture = {
  at: 0,
  calls: [call("a", 1, 10), call("b", 2, null), call("c", null, null), call("d", null, 11)],
  agents: [agent(10, [1], "a"), agent(11, [1, 2]), agent(12, [2])],
  groups: [{ groupId: 1 }, { groupId: 2 }] as LiveGroup[],
};
const seen = (scope: "own" | "groups" | "department" | "all", agentId: number | null) => {
  const part = visibleTo({ scope, agentId }, picture);
  return [
    part.calls.map(({ journey }) => journey).join(""),
    part.agents.map(({ agentId: id }) => id),
    part.groups.map(({ groupId }) => groupId),
  ];
};

describe("what a person sees of the live picture", () => {
  test("all", () => expect(seen("all", null)).toEqual(["abcd", [10, 11, 12], [1, 2]]));
  test("own groups", () => expect(seen("groups", 10)).toEqual(["ad", [10, 11], [1]]));
  test("only oneself", () => expect(seen("own", 10)).toEqual(["a", [10], [1]]));
  test("somebody without an agent in a narrow scope sees nobody's calls", () =>
    expect(seen("own", null)).toEqual(["", [], []]));
});
