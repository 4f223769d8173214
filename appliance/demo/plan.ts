/** What the demo's callers and agents do, as data: one roll of the dice a call. Times in ms. */

export interface CallerPlan {
  readonly outcome:
    | "talks"
    | "talks-english"
    | "no-key"
    | "reception"
    | "wrong-key"
    | "leaves-menu"
    | "abandons";
  /** Keys, each after its own pause since the last one (or the answer). */
  readonly keys: readonly { readonly afterMs: number; readonly digit: string }[];
  /** Hangs up this long after the last key. */
  readonly leaveAfterMs: number;
  readonly caller: { readonly number: string; readonly name: string };
}

export interface AgentPlan {
  readonly kind: "answer" | "ring" | "refuse";
  readonly afterMs: number;
  /** The agent ends the conversation after this long; null: the caller does. */
  readonly hangUpAfterMs: number | null;
}

const CALLERS = [
  { number: "13800138000", name: "张先生" },
  { number: "13912345678", name: "刘女士" },
  { number: "02062668888", name: "Acme Trading" },
  { number: "15021234567", name: "陈小姐" },
  { number: "18616161616", name: "" },
  { number: "01064321000", name: "Blue Harbour Ltd" },
] as const;

const WEIGHTS: readonly (readonly [CallerPlan["outcome"], number])[] = [
  ["talks", 45],
  ["talks-english", 15],
  ["no-key", 8],
  ["reception", 10],
  ["wrong-key", 5],
  ["leaves-menu", 7],
  ["abandons", 10],
];

/** `dice` gives numbers from 0 to below 1. */
export function planCaller(dice: () => number): CallerPlan {
  const between = (from: number, to: number) => Math.round(from + dice() * (to - from));
  const total = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);
  let roll = dice() * total;
  const outcome =
    WEIGHTS.find(([, weight]) => {
      roll -= weight;
      return roll < 0;
    })?.[0] ?? "talks";
  const caller = CALLERS[Math.floor(dice() * CALLERS.length)] ?? CALLERS[0];
  const key = (digit: string) => ({ afterMs: between(2_500, 6_000), digit });
  const talk = between(20_000, 45_000);
  switch (outcome) {
    case "talks":
      return { outcome, caller, keys: [key("1")], leaveAfterMs: talk };
    case "talks-english":
      return { outcome, caller, keys: [key("9"), key("1")], leaveAfterMs: talk };
    case "no-key":
      return { outcome, caller, keys: [], leaveAfterMs: talk + 20_000 };
    case "reception":
      return { outcome, caller, keys: [key("2")], leaveAfterMs: talk };
    case "wrong-key":
      return { outcome, caller, keys: [key("7"), key("1")], leaveAfterMs: talk };
    case "leaves-menu":
      return { outcome, caller, keys: [], leaveAfterMs: between(2_000, 4_000) };
    case "abandons":
      return { outcome, caller, keys: [key("1")], leaveAfterMs: between(800, 2_500) };
  }
}

export function planAgent(dice: () => number): AgentPlan {
  const roll = dice();
  const afterMs = Math.round(1_500 + dice() * 3_000);
  if (roll < 0.1) return { kind: "ring", afterMs, hangUpAfterMs: null };
  if (roll < 0.15) return { kind: "refuse", afterMs, hangUpAfterMs: null };
  return {
    kind: "answer",
    afterMs,
    hangUpAfterMs: dice() < 0.4 ? Math.round(8_000 + dice() * 12_000) : null,
  };
}

/** Pause before the next caller. An easy pace: at most `most` calls at a time. */
export function nextCallMs(dice: () => number, callsNow: number, most = 4): number {
  return callsNow >= most ? 4_000 : Math.round(4_000 + dice() * 8_000);
}
