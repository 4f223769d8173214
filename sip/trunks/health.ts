/**
 * Whether a trunk without registration works. Many carriers never answer OPTIONS: calls that go through count more
 * than OPTIONS that do not.
 */
export interface HealthState {
  readonly kind: "unknown" | "up" | "unreachable";
  readonly reason: string;
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
      readonly reason: string;
      readonly latencyMs: number;
      readonly at: number;
    }
  /** Any message of the carrier about a call, or an outgoing call it did not answer at all. */
  | { readonly type: "traffic"; readonly answered: boolean; readonly reason: string; readonly at: number };

export const START_HEALTH: HealthState = {
  kind: "unknown",
  reason: "",
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
    if (event.answered) return { ...state, kind: "up", reason: "", misses: 0, trafficAt: event.at };
    return { ...state, kind: "unreachable", reason: event.reason, trafficAt: 0 };
  }
  if (event.answered) {
    return { ...state, kind: "up", reason: "", answersOptions: true, misses: 0, latencyMs: event.latencyMs };
  }
  const misses = state.misses + 1;
  const proven =
    state.trafficAt > 0 && (!state.answersOptions || event.at - state.trafficAt < TRAFFIC_PROOF_MS);
  if (proven || (state.kind === "up" && misses < MISSES_TO_DOWN))
    return { ...state, misses, latencyMs: null };
  const never = !state.answersOptions && state.trafficAt === 0;
  return {
    ...state,
    kind: "unreachable",
    misses,
    latencyMs: null,
    reason: never ? `No answer to OPTIONS and no call so far (${event.reason})` : event.reason,
  };
}
