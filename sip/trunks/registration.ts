/** The life of a registration at a carrier (RFC 3261 §10.2), as a function of what happened. */

export interface RegistrationState {
  readonly kind: "idle" | "registering" | "registered" | "refused" | "unreachable";
  /** In plain words; empty when well. */
  readonly reason: string;
  /** UTC ms until which the carrier holds our registration. */
  readonly registeredUntil: number | null;
  /** When to send the next REGISTER, UTC ms; null = not planned. */
  readonly nextAt: number | null;
  /** Failures in a row. */
  readonly failures: number;
  /** Seconds to ask for; raised by a 423. */
  readonly expiresS: number;
}

export interface RegisterReply {
  readonly status: number;
  readonly reason: string;
  readonly origin: "network" | "local";
  /** Seconds granted, from our Contact or Expires. */
  readonly expiresS?: number;
  readonly minExpiresS?: number;
  readonly retryAfterS?: number;
}

const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;
/** A wrong password does not mend itself: be slow, or the carrier blocks us. */
const REFUSED_RETRY_MS = 120_000;
const MAX_REFUSED_RETRY_MS = 1_800_000;

export function startRegistration(expiresS: number, now: number): RegistrationState {
  return {
    kind: "registering",
    reason: "",
    registeredUntil: null,
    nextAt: now,
    failures: 0,
    expiresS: Math.max(60, expiresS),
  };
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

/** Why a REGISTER failed, for a person. */
export function failureWords(reply: RegisterReply): string {
  if (reply.status === 408) return "No answer from the carrier";
  if (reply.origin === "local") return `Carrier cannot be reached (${reply.reason})`;
  const text = `${reply.status} ${reply.reason}`.trim();
  if (reply.status === 401 || reply.status === 407) return `${text}: wrong user name or password`;
  if (reply.status === 403) return `${text}: account or password not accepted`;
  if (reply.status === 404) return `${text}: user unknown to the carrier`;
  return text;
}

/** What a final response to REGISTER means. */
export function afterRegister(
  state: RegistrationState,
  reply: RegisterReply,
  now: number,
  random: number,
): RegistrationState {
  if (reply.status >= 200 && reply.status < 300) {
    const granted = reply.expiresS ?? state.expiresS;
    return {
      ...state,
      kind: "registered",
      reason: "",
      failures: 0,
      registeredUntil: now + granted * 1000,
      nextAt: now + refreshDelayMs(granted),
    };
  }
  if (reply.status === 423 && reply.minExpiresS !== undefined && reply.minExpiresS > state.expiresS) {
    return { ...state, expiresS: Math.min(reply.minExpiresS, 86_400), nextAt: now };
  }
  const failures = state.failures + 1;
  const reason = failureWords(reply);
  const holds = state.registeredUntil !== null && state.registeredUntil > now ? state.registeredUntil : null;
  const silent = reply.origin === "local" || reply.status === 408 || reply.status >= 500;
  const delay = silent
    ? backOffMs(failures, FIRST_RETRY_MS, MAX_RETRY_MS, random)
    : backOffMs(failures, REFUSED_RETRY_MS, MAX_REFUSED_RETRY_MS, random);
  const nextAt = now + Math.max(delay, Math.min(reply.retryAfterS ?? 0, 3600) * 1000);
  if (!silent) return { ...state, kind: "refused", reason, failures, registeredUntil: null, nextAt };
  // A lost refresh does not end a registration that the carrier still holds.
  return {
    ...state,
    kind: holds === null ? "unreachable" : "registered",
    reason,
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
  };
}
