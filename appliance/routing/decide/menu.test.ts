/** The menu on a script of events: prompts, gaps, replays, time-outs, keys (W-3.6.2). */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { MenuFlow } from "../model.ts";
import { decideMenu, type MenuCommand, type MenuEvent, type MenuState, newMenu } from "./menu.ts";

const flow = (over: Partial<MenuFlow> = {}): MenuFlow => ({
  id: 1,
  name: "welcome",
  internalNumber: null,
  prompts: [{ mediaId: 1, gapS: 0 }],
  replayCount: 0,
  inputTimeoutS: 5,
  keyTimeoutS: 3,
  maxInput: 4,
  delayS: 0,
  directDial: false,
  timeoutPromptId: null,
  timeoutDestination: null,
  noMatchPromptId: null,
  noMatchDestination: null,
  keys: [
    { input: "1", destination: { type: "group", id: 1 } },
    { input: "23", destination: { type: "group", id: 2 } },
    { input: "#", destination: { type: "group", id: 3 } },
  ],
  callerNumberPrefix: "",
  callerNamePrefix: "",
  ...over,
});

const EXTENSIONS = ["1001", "2002"];

function run(menu: MenuFlow, script: readonly (MenuEvent["type"] | `key ${string}`)[]) {
  let state: MenuState = newMenu(menu);
  const all: MenuCommand[] = [];
  for (const step of ["start", ...script]) {
    const event: MenuEvent = step.startsWith("key ")
      ? { type: "digit", digit: step.slice(4) }
      : ({ type: step } as MenuEvent);
    const decided = decideMenu(state, event, {
      flow: menu,
      dial: (n) => (EXTENSIONS.includes(n) ? { type: "extension", id: Number(n) } : null),
      dialPrefix: (d) => EXTENSIONS.some((n) => n.length > d.length && n.startsWith(d)),
    });
    state = decided.state;
    all.push(...decided.commands);
  }
  return { state, all, done: all.find((c) => c.type === "done") };
}
const plays = (all: readonly MenuCommand[]) => all.flatMap((c) => (c.type === "play" ? [c.mediaId] : []));

describe("the menu", () => {
  test("waits before the first voice, plays in order with gaps, then waits for input", () => {
    const menu = flow({
      delayS: 2,
      prompts: [
        { mediaId: 1, gapS: 3 },
        { mediaId: 2, gapS: 9 },
      ],
    });
    const { all } = run(menu, ["timer", "played", "timer", "played"]);
    expect(plays(all)).toEqual([1, 2]);
    expect(all.flatMap((c) => (c.type === "wait" ? [c.ms] : []))).toEqual([2000, 3000, 5000]);
  });

  test("replays on silence with the time-out prompt between, not after the last (W-3.6.2.13)", () => {
    const menu = flow({ replayCount: 1, timeoutPromptId: 8, timeoutDestination: { type: "group", id: 9 } });
    const { all, done } = run(menu, ["played", "timer", "played", "played", "timer"]);
    expect(plays(all)).toEqual([1, 8, 1]);
    expect(done).toMatchObject({ outcome: "timeout", destination: { type: "group", id: 9 } });
  });

  test("without a destination silence ends in hanging up", () => {
    expect(run(flow(), ["played", "timer"]).done).toMatchObject({ outcome: "timeout", destination: null });
  });

  test("a key interrupts the prompt and is taken at once", () => {
    const { all, done } = run(flow(), ["key 1"]);
    expect(all.some((c) => c.type === "stop")).toBe(true);
    expect(done).toMatchObject({ outcome: "matched", destination: { type: "group", id: 1 } });
  });

  test("key strings and # alone", () => {
    expect(run(flow(), ["key 2", "key 3"]).done).toMatchObject({ destination: { type: "group", id: 2 } });
    expect(run(flow(), ["key #"]).done).toMatchObject({ destination: { type: "group", id: 3 } });
  });

  test("a number of the office may be dialled; one key waits for the rest, then counts as itself", () => {
    const menu = flow({ directDial: true });
    expect(run(menu, ["key 1", "key 0", "key 0", "key 1"]).done).toMatchObject({
      outcome: "direct-dial",
      destination: { type: "extension", id: 1001 },
    });
    expect(run(menu, ["key 1"]).done).toBeUndefined();
    expect(run(menu, ["key 1", "timer"]).done).toMatchObject({ outcome: "matched" });
  });

  test("no match: prompt, then its destination; keys are on record", () => {
    const menu = flow({ noMatchPromptId: 6, noMatchDestination: { type: "group", id: 4 } });
    const { all, done } = run(menu, ["key 9", "timer", "played"]);
    expect(plays(all)).toEqual([1, 6]);
    expect(all).toContainEqual({ type: "keys", digits: "9", matched: null });
    expect(done).toMatchObject({ outcome: "no-match", destination: { type: "group", id: 4 } });
  });

  test("no match without a destination replays while replays are left, then hangs up", () => {
    const { done } = run(flow({ replayCount: 1 }), ["key 9", "timer", "key 8", "timer"]);
    expect(done).toMatchObject({ outcome: "no-match", destination: null });
  });

  test("whatever the caller does, the menu ends once, and without keys after finitely many steps", () => {
    const key = fc.constantFrom(..."0123456789*#").map((k) => `key ${k}` as const);
    const step = fc.oneof(key, fc.constantFrom("played" as const, "timer" as const));
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 0, max: 4 }),
        fc.boolean(),
        (script, replayCount, maxInput, directDial) => {
          const menu = flow({ replayCount, maxInput, directDial, timeoutPromptId: 8, noMatchPromptId: 6 });
          const silence = Array.from(
            { length: 40 },
            (_, i) => (i % 2 === 0 ? "played" : "timer") as "played",
          );
          const { all, state } = run(menu, [...script, ...silence]);
          expect(all.filter((c) => c.type === "done")).toHaveLength(1);
          expect(state.phase).toBe("done");
          expect(plays(all).filter((id) => id === 1).length).toBeLessThanOrEqual(1 + replayCount);
        },
      ),
      { numRuns: 200 },
    );
  });
});
