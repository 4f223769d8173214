/** Which offers may run at once in one dialog (RFC 3261 §14, RFC 3311 §5), and how long to wait after a collision. */
import type { SipRequest } from "../message/model.ts";
import type { Dialog } from "./model.ts";

/** What meets a request of theirs: nothing, an offer of theirs that is still open, or one of ours. */
export type Overlap = "none" | "theirs" | "ours";

/**
 * Wait before an offer that met one of theirs (491) is made again, ms: 2.1–4 s for the side that made the Call-ID,
 * 0–2 s for the other, in steps of 10 ms (RFC 3261 §14.1; RFC 3311 §5.1 takes the same).
 * @param random 0 up to 1.
 */
export function glareWait(role: Dialog["role"], random: number): number {
  const [least, most] = role === "uac" ? [210, 400] : [0, 200];
  return (least + Math.floor(random * (most - least + 1))) * 10;
}

/** Seconds for Retry-After where the RFCs ask for a random value up to ten. */
export function retryLater(random: number): string {
  return String(Math.floor(random * 11));
}

/** Judges a re-INVITE or UPDATE of theirs. */
export function overlapOf(dialog: Dialog, request: SipRequest): Overlap {
  const offers = request.body.length > 0;
  if (request.method === "INVITE") {
    if (dialog.inviteIn?.open || dialog.unacked) return "theirs";
    if (dialog.inviteOut || dialog.updateOut) return "ours";
  } else if (request.method === "UPDATE") {
    if (dialog.updateIn?.open) return "theirs";
    // An UPDATE without an offer collides with nothing.
    if (!offers) return "none";
    if (dialog.offer === "theirs" || (dialog.state === "confirmed" && dialog.inviteIn?.open)) return "theirs";
    if (dialog.offer === "ours" || dialog.inviteOut || dialog.updateOut) return "ours";
  }
  return "none";
}

/** Whether an offer of ours has to wait until another exchange is over. */
export function mustWait(dialog: Dialog, method: string): boolean {
  if (dialog.updateOut || dialog.updateIn?.open) return true;
  if (method === "UPDATE" && dialog.state === "early") return false;
  const unanswered = dialog.answered !== undefined && dialog.answered.ack === undefined;
  return Boolean(dialog.inviteOut || dialog.inviteIn?.open || dialog.unacked || unanswered);
}
