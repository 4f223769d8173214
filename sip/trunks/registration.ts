/** The life of a registration at a carrier (RFC 3261 §10.2), as a function of what happened. */
import type { TrunkProblem } from "../directory.ts";
import { problemOf, problemWords } from "./problem.ts";

export interface RegistrationState {
  readonly kind: "idle" | "registering" | "registered" | "refused" | "unreachable";
  /** In plain words; empty when well. */
  readonly reason: string;
  readonly problem: TrunkProblem | null;
  /** UTC ms until which the carrier holds our registration. */
  readonly registeredUntil: number | null;
  /** When to send the next REGISTER, UTC ms; null = not planned. */
  readonly nextAt: number | null;
  /** Failures in a row. */
  readonly failures: number;
  /** Seconds to ask for; raised by a 423. */
  readonly expiresS: number;
  /** How often a 423 raised it since the last success. */
  readonly raises: number;
}

export interface RegisterReply {
  readonly status: number;
  readonly reason: string;
  readonly origin: "network" | "local";
  /** What the system said about a failure of our own (Warning of the engine). */
  readonly warning?: string | undefined;
  /** Seconds granted, from our Contact or Expires. */
  readonly expiresS?: number;
  readonly minExpiresS?: number;
  readonly retryAfterS?: number;
}

/** A day: what is granted beyond is looked after sooner. */
const MAX_EXPIRES_S = 86_400;
/** Border controllers grant as little as 20 s to keep a NAT open; less than that (or nothing) nobody means. */
const MIN_EXPIRES_S = 20;
/** What counts instead. */
const ODD_EXPIRES_S = 40;
const MAX_RAISES = 3;
const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;
/** A wrong password does not mend itself: be slow, or the carrier blocks us. */
const REFUSED_RETRY_MS = 120_000;
const MAX_REFUSED_RETRY_MS = 1_800_000;

export function startRegistration(expiresS: number, now: number): RegistrationState {
  return {
    kind: "registering",
    reason: "",
    problem: null,
    registeredUntil: null,
    nextAt: now,
    failures: 0,
    raises: 0,
    expiresS: Math.max(60, expiresS),
  };
}

/** Seconds our registration lasts by a 200; zero, nonsense and far-off values are bounded. */
export function grantedS(granted: number | undefined, asked: number): number {
  if (granted === undefined || !Number.isFinite(granted) || granted < 0) return asked;
  return granted < MIN_EXPIRES_S ? ODD_EXPIRES_S : Math.min(MAX_EXPIRES_S, granted);
}

/** 80 % of the time granted, at least 10 s before its end when there is room. */
export function refreshDelayMs(expiresS: number): number {
  return Math.max(1, Math.min(expiresS * 0.8, Math.max(expiresS - 10, expiresS * 0.5))) * 1000;
}

/** Exponential back-off; `random` in [0, 1) takes up to a quarter off, so that trunks do not move in step. */
export function backOffMs(failures: number, firstMs: number, maxMs: number, random: number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 20));
  return Math.round(full * (1 - random / 4));
}

/** What a final response to REGISTER means. */
export function afterRegister(
  state: RegistrationState,
  reply: RegisterReply,
  now: number,
  random: number,
): RegistrationState {
  if (reply.status >= 200 && reply.status < 300) {
    const granted = grantedS(reply.expiresS, state.expiresS);
    return {
      ...state,
      kind: "registered",
      reason: "",
      problem: null,
      failures: 0,
      raises: 0,
      registeredUntil: now + granted * 1000,
      nextAt: now + refreshDelayMs(granted),
    };
  }
  const min = Math.min(reply.minExpiresS ?? 0, MAX_EXPIRES_S);
  // Raised at most a few times: a carrier that always asks for more is a refusal.
  if (reply.status === 423 && min > state.expiresS && state.raises < MAX_RAISES) {
    return { ...state, expiresS: min, raises: state.raises + 1, nextAt: now };
  }
  const failures = state.failures + 1;
  const problem = problemOf(reply);
  const reason = problemWords(problem);
  const holds = state.registeredUntil !== null && state.registeredUntil > now ? state.registeredUntil : null;
  const silent = reply.origin === "local" || reply.status === 408 || reply.status >= 500;
  const delay = silent
    ? backOffMs(failures, FIRST_RETRY_MS, MAX_RETRY_MS, random)
    : backOffMs(failures, REFUSED_RETRY_MS, MAX_REFUSED_RETRY_MS, random);
  const nextAt = now + Math.max(delay, Math.min(reply.retryAfterS ?? 0, 3600) * 1000);
  if (!silent) return { ...state, kind: "refused", reason, problem, failures, registeredUntil: null, nextAt };
  // A lost refresh does not end a registration that the carrier still holds.
  return {
    ...state,
    kind: holds === null ? "unreachable" : "registered",
    reason,
    problem,
    failures,
    registeredUntil: holds,
    nextAt,
  };
}

/** A registration that ran out while refreshes failed is over. */
export function afterTime(state: RegistrationState, now: number): RegistrationState {
  if (state.kind !== "registered" || state.registeredUntil === null || state.registeredUntil > now)
    return state;
  return {
    ...state,
    kind: "unreachable",
    registeredUntil: null,
    reason: state.reason || "Registration ran out",
    problem: state.problem ?? { code: "ran-out", detail: "" },
  };
}
