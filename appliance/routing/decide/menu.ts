/**
 * The one-level menu (W-3.6.2) as a state machine: prompts with gaps, replay, input and key time-outs, key strings,
 * direct extension dialling. The caller of `decideMenu` plays what it says and keeps its one timer.
 */
import type { Destination, MenuFlow } from "../model.ts";

export interface MenuState {
  readonly phase: "delay" | "prompt" | "gap" | "waiting" | "collecting" | "notice" | "done";
  /** Index of the prompt that plays or is about to play. */
  readonly prompt: number;
  readonly replaysLeft: number;
  readonly input: string;
  /** What follows the notice (time-out or no-match prompt). */
  readonly after: "replay" | "no-match" | null;
}

export type MenuEvent =
  | { readonly type: "start" }
  | { readonly type: "played" }
  | { readonly type: "timer" }
  | { readonly type: "digit"; readonly digit: string };

export type MenuCommand =
  | { readonly type: "play"; readonly mediaId: number; readonly interruptible: boolean }
  | { readonly type: "stop" }
  /** Replaces the menu's one timer. */
  | { readonly type: "wait"; readonly ms: number }
  | { readonly type: "cancel-wait" }
  | {
      readonly type: "done";
      readonly outcome: "matched" | "timeout" | "no-match" | "direct-dial";
      /** null: hang up. */
      readonly destination: Destination | null;
    }
  | { readonly type: "keys"; readonly digits: string; readonly matched: string | null };

export interface MenuContext {
  readonly flow: MenuFlow;
  /** Direct dialling: the destination of a number of the office, null if none. */
  readonly dial: (number: string) => Destination | null;
  /** Direct dialling: whether more keys could still make a number of the office. */
  readonly dialPrefix: (digits: string) => boolean;
}

export interface MenuDecision {
  readonly state: MenuState;
  readonly commands: readonly MenuCommand[];
}

export function newMenu(flow: MenuFlow): MenuState {
  return { phase: "delay", prompt: 0, replaysLeft: flow.replayCount, input: "", after: null };
}

/** One step of the menu; pure. */
export function decideMenu(state: MenuState, event: MenuEvent, ctx: MenuContext): MenuDecision {
  if (state.phase === "done") return { state, commands: [] };
  const { flow } = ctx;
  switch (event.type) {
    case "start":
      return flow.delayS > 0
        ? { state: { ...state, phase: "delay" }, commands: [{ type: "wait", ms: flow.delayS * 1000 }] }
        : playPrompt(state, flow, 0);
    case "played":
      if (state.phase === "notice") return afterNotice(state, flow);
      if (state.phase !== "prompt") return { state, commands: [] };
      return afterPrompt(state, flow);
    case "timer":
      switch (state.phase) {
        case "delay":
          return playPrompt(state, flow, 0);
        case "gap":
          return playPrompt(state, flow, state.prompt + 1);
        case "waiting":
          return inputTimeout(state, flow);
        case "collecting":
          return evaluate(state, ctx, []);
        default:
          return { state, commands: [] };
      }
    case "digit":
      return digit(state, event.digit, ctx);
  }
}

function playPrompt(state: MenuState, flow: MenuFlow, index: number): MenuDecision {
  const prompt = flow.prompts[index];
  if (!prompt)
    return {
      state: { ...state, phase: "waiting", prompt: index },
      commands: [{ type: "wait", ms: Math.max(flow.inputTimeoutS, 0) * 1000 }],
    };
  return {
    state: { ...state, phase: "prompt", prompt: index },
    commands: [{ type: "cancel-wait" }, { type: "play", mediaId: prompt.mediaId, interruptible: true }],
  };
}

function afterPrompt(state: MenuState, flow: MenuFlow): MenuDecision {
  const gap = flow.prompts[state.prompt]?.gapS ?? 0;
  const more = state.prompt + 1 < flow.prompts.length;
  if (more && gap > 0)
    return { state: { ...state, phase: "gap" }, commands: [{ type: "wait", ms: gap * 1000 }] };
  return playPrompt(state, flow, state.prompt + 1);
}

function inputTimeout(state: MenuState, flow: MenuFlow): MenuDecision {
  if (state.replaysLeft <= 0) return done(state, "timeout", flow.timeoutDestination);
  const next: MenuState = { ...state, replaysLeft: state.replaysLeft - 1, input: "", after: "replay" };
  if (flow.timeoutPromptId === null) return playPrompt({ ...next, after: null }, flow, 0);
  return {
    state: { ...next, phase: "notice" },
    commands: [{ type: "play", mediaId: flow.timeoutPromptId, interruptible: true }],
  };
}

function digit(state: MenuState, key: string, ctx: MenuContext): MenuDecision {
  const { flow } = ctx;
  const commands: MenuCommand[] = [];
  if (state.phase === "prompt" || state.phase === "notice") commands.push({ type: "stop" });
  // Keys during the no-match notice begin a fresh input.
  const input = (state.phase === "notice" ? "" : state.input) + key;
  const next: MenuState = { ...state, phase: "collecting", input, after: null };
  const ends = key === "#" && input.length > 1 && !flow.keys.some((k) => k.input.startsWith(input));
  if (ends) return evaluate({ ...next, input: input.slice(0, -1) }, ctx, commands);
  const longer =
    flow.keys.some((k) => k.input.length > input.length && k.input.startsWith(input)) ||
    (flow.directDial && ctx.dialPrefix(input));
  const full = flow.maxInput > 0 && input.length >= flow.maxInput;
  const exact = flow.keys.some((k) => k.input === input) || (flow.directDial && ctx.dial(input) !== null);
  if (full || (exact && !longer)) return evaluate(next, ctx, commands);
  commands.push({ type: "wait", ms: Math.max(flow.keyTimeoutS, 1) * 1000 });
  return { state: next, commands };
}

function evaluate(state: MenuState, ctx: MenuContext, before: readonly MenuCommand[]): MenuDecision {
  const { flow } = ctx;
  const { input } = state;
  const key = flow.keys.find((k) => k.input === input);
  if (key) {
    const ended = done(state, "matched", key.destination);
    return {
      ...ended,
      commands: [...before, { type: "keys", digits: input, matched: key.input }, ...ended.commands],
    };
  }
  const dialled = flow.directDial ? ctx.dial(input) : null;
  if (dialled) {
    const ended = done(state, "direct-dial", dialled);
    return {
      ...ended,
      commands: [...before, { type: "keys", digits: input, matched: input }, ...ended.commands],
    };
  }
  const commands: MenuCommand[] = [
    ...before,
    { type: "cancel-wait" },
    { type: "keys", digits: input, matched: null },
  ];
  const next: MenuState = { ...state, input: "", after: "no-match" };
  if (flow.noMatchPromptId === null) {
    const rest = afterNotice(next, flow);
    return { state: rest.state, commands: [...commands, ...rest.commands] };
  }
  commands.push({ type: "play", mediaId: flow.noMatchPromptId, interruptible: true });
  return { state: { ...next, phase: "notice" }, commands };
}

function afterNotice(state: MenuState, flow: MenuFlow): MenuDecision {
  if (state.after === "no-match") {
    if (flow.noMatchDestination) return done(state, "no-match", flow.noMatchDestination);
    if (state.replaysLeft <= 0) return done(state, "no-match", null);
    return playPrompt({ ...state, replaysLeft: state.replaysLeft - 1, after: null }, flow, 0);
  }
  return playPrompt({ ...state, after: null }, flow, 0);
}

function done(
  state: MenuState,
  outcome: "matched" | "timeout" | "no-match" | "direct-dial",
  destination: Destination | null,
): MenuDecision {
  return {
    state: { ...state, phase: "done" },
    commands: [{ type: "cancel-wait" }, { type: "done", outcome, destination }],
  };
}
