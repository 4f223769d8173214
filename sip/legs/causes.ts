/** SIP results in the words of the office, and back (RFC 3261 §21, RFC 3326, RFC 6432, ITU-T Q.850). */
import type { LegEndCause, Refusal } from "./model.ts";

const BY_Q850: Readonly<Record<number, LegEndCause>> = {
  1: "not-found",
  3: "not-found",
  17: "busy",
  18: "no-answer",
  19: "no-answer",
  20: "unreachable",
  21: "declined",
  22: "not-found",
  27: "unreachable",
  28: "not-found",
  34: "congestion",
  38: "congestion",
  42: "congestion",
};

/** The Q.850 cause in a Reason header, if any. */
export function q850Cause(reason: string | undefined): number | undefined {
  const match = /Q\.850\s*;[^,]*?\bcause\s*=\s*(\d{1,3})/i.exec(reason ?? "");
  return match ? Number(match[1]) : undefined;
}

export interface FailedReply {
  readonly status: number;
  /** Reason header of the response. */
  readonly reasonHeader?: string | undefined;
  /** Nothing at all came back: no provisional, and the engine itself gave up. */
  readonly silent: boolean;
}

/** Why an outgoing leg failed, from its final response. */
export function causeOfStatus(reply: FailedReply): LegEndCause {
  const { status } = reply;
  if (reply.silent && status === 408) return "timeout";
  // Gateways put the network's own cause beside vague statuses; clear ones speak for themselves.
  if ([408, 480, 500, 502, 503].includes(status)) {
    const known = BY_Q850[q850Cause(reply.reasonHeader) ?? 0];
    if (known !== undefined) return known;
  }
  switch (status) {
    case 401:
    case 403:
    case 407:
      return "forbidden";
    case 404:
    case 410:
    case 484:
    case 485:
    case 604:
      return "not-found";
    case 408:
      return "no-answer";
    case 415:
    case 488:
    case 606:
      return "unsupported-media";
    case 480:
    case 502:
    case 504:
      return "unreachable";
    case 481:
      return "lost";
    case 486:
    case 600:
      return "busy";
    case 487:
      return "cancelled";
    case 503:
      return reply.silent ? "unreachable" : "congestion";
    case 603:
    case 607:
    case 608:
      return "declined";
    default:
      return status >= 500 && status < 600 ? "error" : "rejected";
  }
}

/** How telling a failure is when several devices failed: the highest is reported. */
const WEIGHT: Readonly<Partial<Record<LegEndCause, number>>> = {
  declined: 9,
  busy: 8,
  "no-answer": 7,
  "unsupported-media": 6,
  rejected: 5,
  forbidden: 4,
  "not-found": 3,
  congestion: 3,
  error: 2,
  unreachable: 1,
  timeout: 0,
};

/** Index of the most telling of several causes. */
export function mostTelling(causes: readonly LegEndCause[]): number {
  let best = 0;
  causes.forEach((cause, index) => {
    if ((WEIGHT[cause] ?? 0) > (WEIGHT[causes[best] ?? "timeout"] ?? 0)) best = index;
  });
  return best;
}

/** The refusal that tells a caller about a cause. */
export function refusalFor(cause: LegEndCause): Refusal {
  switch (cause) {
    case "busy":
      return { status: 486 };
    case "declined":
      return { status: 603 };
    case "not-found":
      return { status: 404 };
    case "forbidden":
      return { status: 403 };
    case "congestion":
      return { status: 503 };
    case "unsupported-media":
      return { status: 488 };
    case "timeout":
      return { status: 408 };
    case "error":
    case "media":
      return { status: 500 };
    default:
      return { status: 480 };
  }
}

/** The cause of a leg that we refused ourselves. */
export function causeOfRefusal(status: Refusal["status"]): LegEndCause {
  if (status === 408) return "timeout";
  if (status === 480) return "no-answer";
  if (status === 503) return "congestion";
  return causeOfStatus({ status, silent: false });
}
