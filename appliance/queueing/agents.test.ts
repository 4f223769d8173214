/** What the agents were doing survives a restart truthfully; a consultation is a second call. */
import { expect, test } from "bun:test";
import type { AgentFact } from "../calls/events.ts";
import { exchange } from "../calls/journey/fake-office.ts";

const START = Date.UTC(2026, 10, 20, 1, 0, 0);

const earlier: AgentFact[] = [
  { kind: "agent.signed_in", agentId: 1, at: START, data: { groupId: 1, by: "web" } },
  { kind: "agent.signed_in", agentId: 2, at: START, data: { groupId: 1, by: "web" } },
  { kind: "agent.paused", agentId: 2, at: START + 1000, data: { reason: "lunch", reasonId: 7, by: "web" } },
  { kind: "agent.acw_started", agentId: 1, at: START + 2000, data: { groupId: 1, journey: "j" } },
];

test("signed in and paused come back; open after-call work ended when its time was up, or with the run", () => {
  for (const [lastAlive, ended] of [
    [START + 60_000, START + 7000],
    [START + 3000, START + 3000],
    [0, START + 2000],
  ] as const) {
    const x = exchange({ signedIn: [] });
    const before = x.agentFacts.length;
    x.board.restore(earlier, lastAlive);
    expect(x.agentFacts.slice(before)).toEqual([
      { kind: "agent.acw_ended", agentId: 1, at: ended, data: { groupId: 1, by: "timer" } },
    ]);
    expect(x.board.state(1).state).toBe("idle");
    expect(x.board.state(2)).toMatchObject({ state: "paused", reason: "lunch", since: START + 1000 });
  }
});

test("who has answered how many today, and when last, is known after a restart", () => {
  const x = exchange({ signedIn: [] });
  const group = x.office.groups.get(1);
  if (!group) throw new Error("no group");
  x.board.restore(earlier.slice(0, 1), START, [
    { agentId: 1, answered: 4, lastCallEndedAt: x.clock.now() - 1000 },
  ]);
  expect(x.board.candidates(group).get(1)).toMatchObject({
    answeredToday: 4,
    lastCallEndedAt: x.clock.now() - 1000,
  });
});

test("the end of a consultation leaves the agent with the held call", () => {
  const x = exchange();
  x.board.leg(1, { phase: "held", journey: "a", groupId: 1, viaOffer: true });
  x.board.leg(1, { phase: "talking", journey: "b", groupId: null, viaOffer: false });
  expect(x.board.state(1).state).toBe("on-hold");
  x.board.legGone(1, "b");
  expect(x.board.state(1).state).toBe("on-hold");
  x.board.leg(1, { phase: "talking", journey: "a", groupId: 1, viaOffer: true });
  expect(x.board.state(1).state).toBe("talking");
  x.board.legGone(1, "a");
  expect(x.board.state(1).state).toBe("acw");
});
