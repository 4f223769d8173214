/** Work in the browser (W-3.1.2.18–19). */
import { expect, test } from "bun:test";
import { exchange } from "../calls/journey/fake-office.ts";
import { createDeskPresence, PAGE_CHANGE_MS } from "./desk-presence.ts";

function desk() {
  const x = exchange();
  const agent = x.office.agents.get(1);
  if (!agent) throw new Error("no agent 1");
  const agents = new Map(x.office.agents).set(1, { ...agent, workInBrowser: true, browserTimeoutS: 30 });
  x.office = { ...x.office, agents };
  const presence = createDeskPresence({
    board: x.board,
    office: () => x.office,
    now: x.clock.now,
    after: x.clock.after,
    append: (facts) => x.agentFacts.push(...facts),
  });
  return { x, presence };
}

test("closing the browser signs out after the set time, not by changing the page; the others stay", () => {
  const { x, presence } = desk();
  presence.open(1, "a");
  presence.open(2, "b");
  x.clock.advance(60_000);
  expect(x.board.groupsOf(1)).toEqual([1]);
  presence.close(1, "a");
  x.clock.advance(1000);
  presence.open(1, "c");
  x.clock.advance(60_000);
  expect(presence.isOpen(1)).toBe(true);
  expect(x.board.groupsOf(1)).toEqual([1]);
  presence.close(1, "c");
  presence.close(2, "b");
  x.clock.advance(PAGE_CHANGE_MS);
  expect(presence.isOpen(1)).toBe(false);
  x.clock.advance(30_000 - PAGE_CHANGE_MS - 1);
  expect(x.board.groupsOf(1)).toEqual([1]);
  x.clock.advance(1);
  expect(x.board.groupsOf(1)).toEqual([]);
  expect(x.board.groupsOf(2)).toEqual([1]);
  const kinds = x.agentFacts
    .filter((f) => f.agentId === 1 && f.kind.startsWith("agent.desk"))
    .map((f) => f.kind);
  expect(kinds).toEqual(["agent.desk_opened", "agent.desk_closed"]);
  expect(x.agentFacts.at(-1)).toMatchObject({ kind: "agent.signed_out", data: { by: "system" } });
});

test("after a start the browser has the same time to come back", () => {
  const { x, presence } = desk();
  x.clock.advance(29_999);
  expect(x.board.groupsOf(1)).toEqual([1]);
  x.clock.advance(1);
  expect(x.board.groupsOf(1)).toEqual([]);
  presence.open(1, "a");
  x.board.signIn(1, [], "web");
  x.clock.advance(60_000);
  expect(x.board.groupsOf(1)).toEqual([1]);
});

test("the phone may sign in only while the desk is open", () => {
  const { x, presence } = desk();
  x.board.signOut(1, [], "web");
  expect(() => x.board.signIn(1, [], "phone", presence.isOpen(1))).toThrow("error.desk-needed");
  presence.open(1, "a");
  x.board.signIn(1, [], "phone", presence.isOpen(1));
  expect(x.board.groupsOf(1)).toEqual([1]);
});
