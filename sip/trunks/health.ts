/**
 * Whether a trunk without registration works. Many carriers never answer OPTIONS: calls that go through count more
 * than OPTIONS that do not.
 */
import type { TrunkProblem } from "../directory.ts";
import { problemWords } from "./problem.ts";

export interface HealthState {
  readonly kind: "unknown" | "up" | "unreachable";
  readonly problem: TrunkProblem | null;
  /** The carrier has answered an OPTIONS since the start. */
  readonly answersOptions: boolean;
  /** OPTIONS without answer in a row. */
  readonly misses: number;
  /** Last proof of life by a call, UTC ms; 0 = never. */
  readonly trafficAt: number;
  readonly latencyMs: number | null;
}

export type HealthEvent =
  | {
      readonly type: "options";
      readonly answered: boolean;
      readonly problem: TrunkProblem | null;
      readonly latencyMs: number;
      readonly at: number;
    }
  /** Any message of the carrier about a call, or an outgoing call it did not answer at all. */
  | { readonly type: "traffic"; readonly answered: boolean; readonly at: number };

const SILENT: TrunkProblem = { code: "no-answer", detail: "" };

export const START_HEALTH: HealthState = {
  kind: "unknown",
  problem: null,
  answersOptions: false,
  misses: 0,
  trafficAt: 0,
  latencyMs: null,
};

const MISSES_TO_DOWN = 3;
/** How long a call proves a trunk that does not answer OPTIONS (any more). */
const TRAFFIC_PROOF_MS = 600_000;

export function nextHealth(state: HealthState, event: HealthEvent): HealthState {
  if (event.type === "traffic") {
    if (event.answered) return { ...state, kind: "up", problem: null, misses: 0, trafficAt: event.at };
    return { ...state, kind: "unreachable", problem: SILENT, trafficAt: 0 };
  }
  if (event.answered) {
    return {
      ...state,
      kind: "up",
      problem: null,
      answersOptions: true,
      misses: 0,
      latencyMs: event.latencyMs,
    };
  }
  const misses = state.misses + 1;
  const proven =
    state.trafficAt > 0 && (!state.answersOptions || event.at - state.trafficAt < TRAFFIC_PROOF_MS);
  if (proven || (state.kind === "up" && misses < MISSES_TO_DOWN))
    return { ...state, misses, latencyMs: null };
  return { ...state, kind: "unreachable", misses, latencyMs: null, problem: event.problem ?? SILENT };
}

/** In English. */
export function healthWords(state: HealthState): string {
  if (state.problem === null) return "";
  const words = problemWords(state.problem);
  const never = state.kind === "unreachable" && !state.answersOptions && state.trafficAt === 0;
  return never && state.problem.code === "no-answer" ? "No answer to OPTIONS and no call so far" : words;
}
