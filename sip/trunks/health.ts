/**
 * Whether a trunk without registration works. Many carriers never answer OPTIONS: calls that go through count more
 * than OPTIONS that do not.
 */
import type { TrunkProblem } from "../directory.ts";

export interface HealthState {
  /** "unproven": OPTIONS without answer, which says nothing as long as none was ever answered and no call was made. */
  readonly kind: "unknown" | "unproven" | "up" | "unreachable";
  readonly problem: TrunkProblem | null;
  /** The carrier has answered an OPTIONS since the start. */
  readonly answersOptions: boolean;
  /** OPTIONS without answer in a row. */
  readonly misses: number;
  /** Last proof of life by a call, UTC ms; 0 = never. */
  readonly trafficAt: number;
  /** Last call without a word of the carrier, and last call sent to find out; UTC ms, 0 = none since it was heard. */
  readonly silentAt: number;
  readonly triedAt: number;
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
  | { readonly type: "traffic"; readonly answered: boolean; readonly at: number }
  /** A call of ours is on its way. */
  | { readonly type: "call"; readonly at: number };

const SILENT: TrunkProblem = { code: "no-answer", detail: "" };
const UNTRIED: TrunkProblem = { code: "untried", detail: "" };

export const START_HEALTH: HealthState = {
  kind: "unknown",
  problem: null,
  answersOptions: false,
  misses: 0,
  trafficAt: 0,
  silentAt: 0,
  triedAt: 0,
  latencyMs: null,
};

const MISSES_TO_DOWN = 3;
/** How long a call proves a trunk that does not answer OPTIONS (any more). */
const TRAFFIC_PROOF_MS = 600_000;
/** How long calls avoid a line that left one without a word, when nothing but calls can tell about it, ms. */
const AVOID_MS = 60_000;
/** One call at a time finds out: what it met is known within this, ms. */
const TRIAL_MS = 10_000;

export function nextHealth(state: HealthState, event: HealthEvent): HealthState {
  if (event.type === "traffic") {
    if (event.answered)
      return {
        ...state,
        kind: "up",
        problem: null,
        misses: 0,
        trafficAt: event.at,
        silentAt: 0,
        triedAt: 0,
      };
    return { ...state, kind: "unreachable", problem: SILENT, trafficAt: 0, silentAt: event.at };
  }
  if (event.type === "call") return state.kind === "up" ? state : { ...state, triedAt: event.at };
  if (event.answered) {
    return {
      ...state,
      kind: "up",
      problem: null,
      answersOptions: true,
      misses: 0,
      silentAt: 0,
      triedAt: 0,
      latencyMs: event.latencyMs,
    };
  }
  const misses = state.misses + 1;
  const proven =
    state.trafficAt > 0 && (!state.answersOptions || event.at - state.trafficAt < TRAFFIC_PROOF_MS);
  if (proven || (state.kind === "up" && misses < MISSES_TO_DOWN))
    return { ...state, misses, latencyMs: null };
  const problem = event.problem ?? SILENT;
  const missed = { ...state, misses, latencyMs: null };
  if (problem.code === "no-answer" && !state.answersOptions && state.silentAt === 0)
    return { ...missed, kind: "unproven", problem: UNTRIED };
  return { ...missed, kind: "unreachable", problem };
}

/**
 * Whether a call that has another way may take this line. Where OPTIONS cannot tell that it is back, a call now and
 * then finds out.
 * @param pinged OPTIONS are sent
 * @param now UTC ms
 */
export function mayCarryCalls(state: HealthState, pinged: boolean, now: number): boolean {
  const { kind, answersOptions, problem, silentAt, triedAt } = state;
  if (kind === "up" || kind === "unknown") return true;
  // What is more than silence (a refused connection, an unknown name) is found out by OPTIONS as well as by calls.
  const told = pinged && (answersOptions || (kind === "unreachable" && problem?.code !== "no-answer"));
  return !told && now - silentAt >= AVOID_MS && now - triedAt >= TRIAL_MS;
}
