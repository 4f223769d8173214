/** What the `cdr:*` events tell of one call: one attempt, at most one start, and exactly one stop. */
import type { SipMessage } from "../message/model.ts";

export type CallSource = "network" | "application";

/** Which side of the call the engine was for the one that answered, or that was answered. */
export type CallRole = "uac" | "uas" | "proxy-uac" | "proxy-uas";

export type CallEnd =
  /** Refused, or not answered in time. */
  | "call-rejected"
  /** Given up before the answer. */
  | "call-canceled"
  | "normal-release"
  /** The session was not refreshed in time (RFC 4028 §10). */
  | "session-expired"
  /** The engine ended it as it is meant to: at its own stop, after an answer that crossed a CANCEL, after ringing too long. */
  | "system-initiated-termination"
  /** The engine ended it because something failed: no ACK, no PRACK, no app. */
  | "system-error-initiated-termination";

export type TellRecord = (
  kind: "attempt" | "start" | "stop",
  source: CallSource,
  detail: CallRole | CallEnd | "",
  message: SipMessage,
) => void;

export class CallRecord {
  #state: "attempted" | "started" | "stopped" = "attempted";

  constructor(
    private readonly tell: TellRecord,
    source: CallSource,
    invite: SipMessage,
  ) {
    tell("attempt", source, "", invite);
  }

  /** The call is answered. */
  start(source: CallSource, role: CallRole, answer: SipMessage): void {
    if (this.#state !== "attempted") return;
    this.#state = "started";
    this.tell("start", source, role, answer);
  }

  /** The call, or the attempt, is over; who hangs up before the answer has given up. */
  stop(source: CallSource, end: CallEnd, message: SipMessage): void {
    const early = this.#state === "attempted";
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    this.tell("stop", source, early && end === "normal-release" ? "call-canceled" : end, message);
  }
}

const ENDS: Readonly<Record<string, CallEnd>> = {
  "Session timer expired": "session-expired",
  "ACK timeout": "system-error-initiated-termination",
  "application gone": "system-error-initiated-termination",
};

/** How a call ended that the engine released with these words to the app. */
export function endOf(text: string | undefined): CallEnd {
  return ENDS[text ?? ""] ?? "system-initiated-termination";
}
