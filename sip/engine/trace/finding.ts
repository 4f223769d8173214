/** What a rule says about a traced call. */
import type { LadderStep } from "./ladder.ts";
import type { Talk } from "./talks.ts";

/** All that can be found; each has its words in the catalogues of the pages. */
export const FINDING_CODES = [
  // Sign-in.
  "wrong-password",
  "no-password",
  "our-password",
  "our-password-missing",
  // Their answer to our call.
  "redirected",
  "bad-request",
  "forbidden",
  "carrier-forbidden",
  "unknown-number",
  "timed-out",
  "too-large",
  "no-codec",
  "srtp",
  "extension-required",
  "unavailable",
  "loop",
  "busy",
  "declined",
  "server-error",
  "carrier-network",
  "overloaded",
  "refused",
  // Our answer to theirs.
  "we-forbidden",
  "we-unknown-number",
  "we-unavailable",
  "we-busy",
  "we-no-codec",
  "we-overloaded",
  "we-declined",
  "we-refused",
  // Silence and lost messages.
  "no-response",
  "no-response-large",
  "ack-missing",
  "our-ack-lost",
  "bye-after-32s",
  "gone-in-call",
  "session-expired",
  "reoffer-refused",
  // People.
  "caller-cancelled",
  "rang-no-answer",
  "bye-reason",
  // Voice.
  "private-media-address",
  "no-media-address",
  "on-hold",
  "only-listens",
  "audio-refused",
  "srtp-one-side",
  "no-rtp",
] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

export interface Finding {
  readonly code: FindingCode;
  readonly params: Readonly<Record<string, string | number>>;
  /** "cause": the call failed or was deaf because of it; "hint": worth knowing. */
  readonly weight: "cause" | "hint";
  /** Index of the entry that shows it. */
  readonly entry?: number;
}

export type Rule = (talk: Talk) => Finding | undefined;

/** A finding about a talk's party. */
export function finding(
  talk: Talk,
  code: FindingCode,
  step: LadderStep | undefined,
  params: Finding["params"] = {},
  weight: Finding["weight"] = "cause",
): Finding {
  return { code, weight, params: { who: talk.who, ...params }, ...(step ? { entry: step.entry } : {}) };
}
