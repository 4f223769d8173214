import { expect, test } from "bun:test";
import { agentLeg, fact, inboundStart, project, START } from "./scenario.ts";

const joined = (s: number) =>
  fact(s, "queue.joined", { groupId: 7, groupNumber: "600", priority: 0, position: 1 }, "c");
const left = (s: number, reason: "answered" | "abandoned", waited: number) =>
  fact(s, "queue.left", { groupId: 7, reason, waitedMs: waited * 1000 }, "c");
const offered = (s: number, agentId: number) => [
  fact(s, "offer.made", { agentId, groupId: 7, strategy: "fixed", why: "" }, `a${agentId}`),
  agentLeg(s, `a${agentId}`, agentId),
  fact(s + 1, "leg.ringing", { earlyMedia: false }, `a${agentId}`),
  fact(s + 1, "offer.ringing", { agentId, groupId: 7 }, `a${agentId}`),
];
const talk = (s: number, legs: string[]) => fact(s, "bridge.joined", { legs, mode: "talk" });
const apart = (s: number, legs: string[]) => fact(s, "bridge.left", { legs, mode: "talk" });
const ended = (s: number, by: "caller" | "callee" = "caller") =>
  fact(s, "journey.ended", { cause: "normal", by });

test("inbound through a menu, answered by the second agent, with a hold", () => {
  const rows = project([
    ...inboundStart(),
    fact(1, "flow.entered", { flowId: 3, name: "Menu" }, "c"),
    fact(4, "keys.pressed", { digits: "9", flowId: 3, matched: null }, "c"),
    fact(6, "keys.pressed", { digits: "1", flowId: 3, matched: "1" }, "c"),
    fact(6, "flow.left", { flowId: 3, outcome: "matched" }, "c"),
    joined(6),
    ...offered(7, 1),
    fact(18, "offer.missed", { agentId: 1, groupId: 7, reason: "no-answer" }, "a1"),
    fact(18, "leg.ended", { cause: "no-answer", by: "local" }, "a1"),
    ...offered(18, 2),
    fact(23, "leg.answered", { codec: "PCMA" }, "a2"),
    fact(23, "offer.answered", { agentId: 2, groupId: 7 }, "a2"),
    left(23, "answered", 17),
    talk(23, ["c", "a2"]),
    fact(23, "recording.started", { recording: "r1", file: "r1.wav", leftLeg: "c", rightLeg: "a2" }),
    fact(30, "hold.started", { by: "remote" }, "a2"),
    fact(34, "hold.ended", { by: "remote" }, "a2"),
    apart(50, ["c", "a2"]),
    ended(50),
  ]);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({
    part: 0,
    result: "answered",
    cause: "normal",
    hangup_by: "caller",
    group_id: 7,
    agent_id: 2,
    extension_id: 2,
    answered_at: START + 23_000,
    ended_at: START + 50_000,
    ivr_ms: 5000,
    wait_ms: 17_000,
    ring_ms: 4000,
    talk_ms: 23_000,
    hold_ms: 4000,
    hold_count: 1,
    total_ms: 50_000,
    keys: "9,1",
    recording: "r1",
    last_seq: 26,
  });
});

test("given up in the menu: ivr", () => {
  const [row] = project([
    ...inboundStart(),
    fact(1, "flow.entered", { flowId: 3, name: "Menu" }, "c"),
    ended(9),
  ]);
  expect(row).toMatchObject({ result: "ivr", ivr_ms: 8000, answered_at: null, agent_id: null, talk_ms: 0 });
});

test("given up in the queue after a declined offer: abandoned, of nobody", () => {
  const [row] = project([
    ...inboundStart(),
    joined(1),
    ...offered(2, 1),
    fact(8, "offer.missed", { agentId: 1, groupId: 7, reason: "declined" }, "a1"),
    left(20, "abandoned", 19),
    ended(20),
  ]);
  expect(row).toMatchObject({
    result: "queue-abandoned",
    wait_ms: 19_000,
    ring_ms: 5000,
    agent_id: null,
    group_id: 7,
  });
});

test("given up while a phone rang: rang, not answered, of that agent", () => {
  const [row] = project([
    ...inboundStart(),
    joined(1),
    ...offered(2, 1),
    left(10, "abandoned", 9),
    fact(10, "offer.missed", { agentId: 1, groupId: 7, reason: "caller-left" }, "a1"),
    ended(10),
  ]);
  expect(row).toMatchObject({ result: "rang-no-answer", wait_ms: 9000, ring_ms: 7000, agent_id: 1 });
});

test("a caller on the blacklist", () => {
  const [row] = project([
    ...inboundStart(),
    fact(0, "journey.ended", { cause: "blacklist", by: "system", sipStatus: 603 }),
  ]);
  expect(row).toMatchObject({ result: "blacklisted", sip_status: 603, total_ms: 0 });
});

const outbound = [
  fact(0, "journey.started", {
    direction: "outbound",
    callerRaw: "1001",
    caller: "1001",
    callerName: "Li",
    calleeRaw: "913900000002",
    callee: "13900000002",
    displayedNumber: "02155501",
    extensionId: 1,
  }),
  agentLeg(0, "a1", 1),
  fact(0, "leg.created", { role: "external", endpoint: "13900000002", trunkId: 4 }, "x"),
];

test("outbound: busy fails, no answer rang, answered belongs to the agent who dialled", () => {
  const [busy] = project([
    ...outbound,
    fact(2, "leg.ended", { cause: "busy", by: "remote", sipStatus: 486 }, "x"),
    fact(2, "journey.ended", { cause: "callee-busy", by: "callee", sipStatus: 486, sipReason: "Busy Here" }),
  ]);
  expect(busy).toMatchObject({
    result: "failed",
    cause: "callee-busy",
    sip_reason: "Busy Here",
    agent_id: 1,
    extension_id: 1,
    trunk_id: 4,
    ring_ms: 0,
  });
  const rung = [...outbound, fact(3, "leg.ringing", { earlyMedia: true }, "x")];
  const [silent] = project([
    ...rung,
    fact(33, "leg.ended", { cause: "no-answer", by: "local" }, "x"),
    fact(33, "journey.ended", { cause: "no-answer", by: "system" }),
  ]);
  expect(silent).toMatchObject({ result: "rang-no-answer", ring_ms: 30_000 });
  const [answered] = project([
    ...rung,
    fact(9, "leg.answered", { codec: "PCMA" }, "x"),
    talk(9, ["a1", "x"]),
    apart(19, ["a1", "x"]),
    ended(19, "callee"),
  ]);
  expect(answered).toMatchObject({
    result: "answered",
    agent_id: 1,
    ring_ms: 6000,
    talk_ms: 10_000,
    wait_ms: 0,
  });
});

test("a transfer makes a second part with its own ring and talk; hold ends with the first", () => {
  const rows = project([
    ...inboundStart(),
    agentLeg(0, "a1", 1),
    fact(1, "leg.ringing", { earlyMedia: false }, "a1"),
    fact(3, "leg.answered", { codec: "PCMA" }, "a1"),
    talk(3, ["c", "a1"]),
    fact(10, "hold.started", { by: "remote" }, "a1"),
    fact(12, "transfer.requested", { kind: "blind", to: "1002", byAgentId: 1 }, "a1"),
    apart(12, ["c", "a1"]),
    fact(12, "leg.ended", { cause: "normal", by: "local" }, "a1"),
    agentLeg(13, "a2", 2),
    fact(14, "leg.ringing", { earlyMedia: false }, "a2"),
    fact(19, "leg.answered", { codec: "PCMA" }, "a2"),
    talk(19, ["c", "a2"]),
    apart(39, ["c", "a2"]),
    ended(40, "callee"),
  ]);
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({
    agent_id: 1,
    ring_ms: 2000,
    talk_ms: 7000,
    hold_ms: 2000,
    total_ms: 40_000,
  });
  expect(rows[1]).toMatchObject({
    part: 1,
    result: "answered",
    agent_id: 2,
    callee_actual: "1002",
    answered_at: START + 19_000,
    ended_at: START + 39_000,
    ring_ms: 5000,
    talk_ms: 20_000,
    hold_ms: 0,
    ivr_ms: 0,
    keys: "",
  });
});
