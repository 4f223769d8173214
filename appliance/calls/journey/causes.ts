/** From the end of a leg to the one list of hang-up causes (W-3.2.4.70–85). */
import type { LegEndCause, LegEvent } from "../../../sip/index.ts";
import type { HangupCause } from "../events.ts";
import type { Ending } from "./model.ts";

const CAUSES: Readonly<Record<LegEndCause, HangupCause>> = {
  normal: "normal",
  cancelled: "caller-hung-up-early",
  busy: "callee-busy",
  declined: "callee-rejected",
  "no-answer": "call-timeout",
  unreachable: "no-answer",
  "not-found": "call-failed",
  forbidden: "call-failed",
  rejected: "call-failed",
  congestion: "call-failed",
  "unsupported-media": "call-failed",
  timeout: "call-timeout",
  lost: "system-lost",
  media: "media-failure",
  error: "call-failed",
};

/** How the journey ends when the called party's leg ended before it answered. */
export function unansweredEnding(event: Extract<LegEvent, { type: "ended" }>): Ending {
  return {
    cause: CAUSES[event.cause],
    by: event.by === "remote" ? "callee" : "system",
    ...(event.sipStatus === undefined ? {} : { sipStatus: event.sipStatus }),
    ...(event.sipReason === undefined ? {} : { sipReason: event.sipReason }),
  };
}

/** How the journey ends when an answered party went. */
export function answeredEnding(
  event: Extract<LegEvent, { type: "ended" }>,
  party: "caller" | "callee",
): Ending {
  if (event.cause === "lost") return { cause: "system-lost", by: "system" };
  if (event.cause === "media") return { cause: "media-failure", by: "system" };
  return { cause: "normal", by: event.by === "remote" ? party : "system" };
}
