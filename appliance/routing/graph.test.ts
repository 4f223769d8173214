import { expect, test } from "bun:test";
import fc from "fast-check";
import { emptyOffice, type Office } from "./decide/index.ts";
import { checkOffice } from "./graph.ts";
import type { Condition, Destination, MenuFlow } from "./model.ts";

const SIZE = 4;

const destination: fc.Arbitrary<Destination> = fc.oneof(
  fc.constant<Destination>({ type: "hangup" }),
  fc.integer({ min: 1, max: SIZE }).map((id): Destination => ({ type: "flow", id })),
  fc.integer({ min: 1, max: SIZE }).map((id): Destination => ({ type: "condition", id })),
);

function menu(id: number, timeoutDestination: Destination | null, keys: readonly Destination[]): MenuFlow {
  return {
    id,
    name: `menu ${id}`,
    internalNumber: null,
    prompts: [],
    replayCount: 0,
    inputTimeoutS: 5,
    keyTimeoutS: 3,
    maxInput: 1,
    delayS: 0,
    directDial: false,
    timeoutPromptId: null,
    timeoutDestination,
    noMatchPromptId: null,
    noMatchDestination: null,
    keys: keys.map((destination, i) => ({ input: String(i), destination })),
    callerNumberPrefix: "",
    callerNamePrefix: "",
  };
}

function officeOf(
  flows: readonly { timeout: Destination | null; keys: readonly Destination[] }[],
  conditions: readonly { match: Destination; noMatch: Destination }[],
): Office {
  return {
    ...emptyOffice(),
    flows: new Map(flows.map((f, i) => [i + 1, menu(i + 1, f.timeout, f.keys)])),
    conditions: new Map(
      conditions.map((c, i): [number, Condition] => [
        i + 1,
        { id: i + 1, name: `condition ${i + 1}`, rule: { type: "date", dates: [] }, ...c },
      ]),
    ),
  };
}

/** Whether a silent caller comes to an end, each condition always answering as `held` says. */
function ends(office: Office, from: Destination, held: readonly boolean[]): boolean {
  let at: Destination | null = from;
  for (let steps = 0; steps < 50; steps++) {
    if (at === null) return true;
    if (at.type === "flow") at = office.flows.get(at.id)?.timeoutDestination ?? null;
    else if (at.type === "condition") {
      const condition = office.conditions.get(at.id);
      at = (held[at.id - 1] ? condition?.match : condition?.noMatch) ?? null;
    } else return true;
  }
  return false;
}

test("a configuration without a loop fault lets every silent caller come to an end, and only such a one", () => {
  const flow = fc.record({ timeout: fc.option(destination), keys: fc.array(destination, { maxLength: 3 }) });
  const condition = fc.record({ match: destination, noMatch: destination });
  const answers = Array.from({ length: 2 ** SIZE }, (_, bits) =>
    Array.from({ length: SIZE }, (_, i) => ((bits >> i) & 1) === 1),
  );
  fc.assert(
    fc.property(
      fc.array(flow, { minLength: SIZE, maxLength: SIZE }),
      fc.array(condition, { minLength: SIZE, maxLength: SIZE }),
      (flows, conditions) => {
        const office = officeOf(flows, conditions);
        const looping = new Set(
          checkOffice(office)
            .filter((f) => f.code === "error.loop")
            .map((f) => `${f.subject}:${f.id}`),
        );
        for (const type of ["flow", "condition"] as const)
          for (let id = 1; id <= SIZE; id++) {
            const sound = answers.every((held) => ends(office, { type, id }, held));
            if (!looping.has(`${type}:${id}`)) expect(sound).toBe(true);
            else expect(mayLoop(office, { type, id })).toBe(true);
          }
      },
    ),
    { numRuns: 200 },
  );
});

/** Whether some way of answering (each time anew) goes on for ever: a way longer than there are objects must repeat one. */
function mayLoop(office: Office, from: Destination): boolean {
  let now = new Set([JSON.stringify(from)]);
  for (let steps = 0; steps <= 2 * SIZE; steps++) {
    const next = new Set<string>();
    for (const text of now) {
      const at = JSON.parse(text) as Destination;
      const flow = at.type === "flow" ? office.flows.get(at.id)?.timeoutDestination : undefined;
      const condition = at.type === "condition" ? office.conditions.get(at.id) : undefined;
      for (const to of [flow, condition?.match, condition?.noMatch]) if (to) next.add(JSON.stringify(to));
    }
    now = next;
  }
  return now.size > 0;
}

test("a feature code that begins another, and one that swallows a number, are told", () => {
  const office: Office = {
    ...emptyOffice(),
    featureCodes: new Map([
      ["*4", "echo"],
      ["*45", "sign-in"],
    ]),
  };
  expect(checkOffice(office).map((f) => [f.subject, f.field, f.params.number])).toEqual([
    ["feature-code", "*4", "*4"],
  ]);
});
