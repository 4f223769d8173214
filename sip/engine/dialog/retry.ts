/** Requests of the app that are made once more without its doing. */
import { getHeaders, setHeader } from "../message/headers.ts";
import type { SipResponse } from "../message/model.ts";
import { type ClientUser, cseqOf } from "../transaction/index.ts";
import { dialogRequest } from "./build.ts";
import type { CoreContext } from "./context.ts";
import type { DialogLife } from "./life.ts";
import type { PendingClient } from "./model.ts";
import { glareWait, mustWait } from "./offers.ts";
import { minSe, sessionExpires } from "./session.ts";

/** A peer that answers 491 this often has the app hear of it. */
const MAX_GLARES = 4;
/** Answers with ever longer Min-SE end here. */
const MAX_INTERVALS = 2;

/** The rest of the core as retries need it. */
export interface RetryUser {
  userOf(pending: PendingClient): ClientUser;
  /** Answers the request in the network's place. */
  fabricated(pending: PendingClient, status: number): void;
}

/**
 * 491 to a re-INVITE or UPDATE: the same again after the random wait of RFC 3261 §14.1.
 * 422: the same with the interval the peer asks for (RFC 4028 §7.2).
 * 500 to a BYE that was overtaken: the same with the next CSeq.
 */
export class Retries {
  constructor(
    private readonly context: CoreContext,
    private readonly life: DialogLife,
    private readonly user: RetryUser,
  ) {}

  /** True when the response is dealt with here and not the app's. */
  take(pending: PendingClient, response: SipResponse): boolean {
    if (!this.context.clients.has(pending.id) || pending.cancelled) return false;
    if (response.status === 491) return this.afterGlare(pending);
    if (response.status === 500) return this.overtaken(pending);
    if (response.status === 422) return this.longerSession(pending, response);
    return false;
  }

  /** A BYE that came behind a later request of ours is out of order there (RFC 3261 §12.2.2), and the call would stay. */
  private overtaken(pending: PendingClient): boolean {
    const { dialog, request } = pending;
    if (!dialog || request.method !== "BYE" || dialog.state === "ended" || pending.glares) return false;
    if (cseqOf(request).number >= dialog.localSeq) return false;
    pending.glares = 1;
    this.again(pending);
    return true;
  }

  /** Ends the wait of a request that is not wanted any more; false when it does not wait. */
  stop(pending: PendingClient): boolean {
    if (!pending.waiting) return false;
    pending.waiting.cancel();
    pending.waiting = undefined;
    this.user.fabricated(pending, 487);
    return true;
  }

  private afterGlare(pending: PendingClient): boolean {
    const { dialog } = pending;
    const glares = pending.glares ?? 0;
    if (!dialog || dialog.state === "ended" || glares >= MAX_GLARES) return false;
    pending.glares = glares + 1;
    this.life.leave(dialog, pending);
    pending.waiting = this.context.after(glareWait(dialog.role, this.context.chance.number()), () => {
      pending.waiting = undefined;
      this.again(pending);
    });
    return true;
  }

  private longerSession(pending: PendingClient, response: SipResponse): boolean {
    const asked = sessionExpires(pending.request);
    const least = minSe(response);
    const tries = pending.intervals ?? 0;
    if (!asked || least <= asked.seconds || tries >= MAX_INTERVALS) return false;
    pending.intervals = tries + 1;
    const by = asked.refresher === undefined ? "" : `;refresher=${asked.refresher}`;
    const lines = { headers: (pending.own ?? pending.request.headers).map((entry) => ({ ...entry })) };
    setHeader(lines, "Session-Expires", `${least}${by}`);
    setHeader(lines, "Min-SE", String(least));
    if (pending.dialog) {
      pending.own = lines.headers;
      this.life.leave(pending.dialog, pending);
      this.again(pending);
      return true;
    }
    return this.againOutside(pending, lines);
  }

  /** A request in a dialog with a fresh CSeq, to where the dialog leads now. */
  private again(pending: PendingClient): void {
    const { dialog, request } = pending;
    if (!dialog || !this.context.clients.has(pending.id)) return;
    if (dialog.state === "ended") {
      this.user.fabricated(pending, 481);
      return;
    }
    if (request.method !== "BYE" && mustWait(dialog, request.method)) {
      this.life.holdOffer(
        dialog,
        () => this.again(pending),
        () => this.user.fabricated(pending, 491),
      );
      return;
    }
    dialog.localSeq++;
    const next = dialogRequest(dialog, request.method, dialog.localSeq, pending.own ?? [], request.body);
    this.life.withHop(
      dialog,
      next,
      (hop) => {
        const branch = this.context.stamp(next, hop);
        if (!branch) {
          this.user.fabricated(pending, 503);
          return;
        }
        pending.request = next;
        pending.hop = hop;
        const user = this.user.userOf(pending);
        pending.transaction = this.context.layer.request(next, branch, hop.target, hop.destination, user);
        this.life.enter(dialog, pending.transaction, next);
      },
      () => this.user.fabricated(pending, 503),
    );
  }

  /** A request that makes a dialog: the same Call-ID and From tag, the next CSeq (RFC 3261 §8.1.3.5). */
  private againOutside(
    pending: PendingClient,
    lines: { headers: PendingClient["request"]["headers"] },
  ): boolean {
    const { request, hop } = pending;
    setHeader(lines, "CSeq", `${cseqOf(request).number + 1} ${request.method}`);
    // The Via is the first line; a new one is put on.
    if (getHeaders(lines, "Via").length !== 1) return false;
    lines.headers = lines.headers.filter((entry) => entry.name !== "Via");
    const next = { ...request, headers: lines.headers };
    const branch = this.context.stamp(next, hop);
    if (!branch) return false;
    for (const early of pending.forks.values()) this.life.end(early);
    pending.forks.clear();
    pending.rseqs.clear();
    pending.request = next;
    const user = this.user.userOf(pending);
    pending.transaction = this.context.layer.request(next, branch, hop.target, hop.destination, user);
    return true;
  }
}
