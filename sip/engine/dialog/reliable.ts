import { parseRAck } from "../message/fields.ts";
import { getHeader, hasToken, setHeader } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/model.ts";
import { cseqOf, TIMEOUT } from "../transaction/index.ts";
import type { CoreContext } from "./context.ts";
import type { Dialog, PendingServer } from "./model.ts";

/** What a PRACK turned out to be: for nothing of ours, for the app, or for the engine itself. */
export type PrackFor = "nobody" | "app" | "engine";

/** Reliable provisional responses of ours (RFC 3262 §3): RSeq, repeats until PRACK, one after the other. */
export class Reliable {
  /** Ends an INVITE whose provisional is never acknowledged; set by the owner. */
  giveUp: ((pending: PendingServer) => void) | undefined;

  constructor(private readonly context: CoreContext) {}

  /** Whether the app asks for reliability with `Require: 100rel`. */
  asked(response: SipResponse): boolean {
    return response.status > 100 && response.status < 200 && hasToken(response, "Require", "100rel");
  }

  /** Whether the caller takes no unreliable provisionals: then the engine makes each reliable (RFC 3262 §3). */
  demanded(request: SipRequest, response: SipResponse): boolean {
    return response.status > 100 && response.status < 200 && hasToken(request, "Require", "100rel");
  }

  /** Whether the caller can do it. */
  possible(request: SipRequest): boolean {
    return hasToken(request, "Supported", "100rel") || hasToken(request, "Require", "100rel");
  }

  /**
   * Gives the response its RSeq and sends it, repeated until its PRACK; after an earlier one that still waits for
   * its own. @param quiet the app did not ask for reliability: its PRACK is the engine's.
   */
  start(pending: PendingServer, response: SipResponse, quiet: boolean, send: () => void): void {
    const rseq = (pending.rseq ?? Math.floor(this.context.chance.number() * 0x3fffffff)) + 1;
    pending.rseq = rseq;
    setHeader(response, "RSeq", String(rseq));
    const go = () => {
      send();
      pending.reliable = {
        rseq,
        response,
        quiet,
        // Repeats of provisionals double without bound (RFC 3262 §3).
        repeat: this.context.repeat(pending.transaction, response, TIMEOUT),
        deadline: this.context.after(TIMEOUT, () => this.giveUp?.(pending)),
      };
    };
    if (!pending.reliable) go();
    else pending.queue = [...(pending.queue ?? []), { offers: response.body.length > 0, go }];
  }

  /** Whether a 2xx has to wait: a session description of ours is not acknowledged yet (RFC 3262 §3). */
  owed(pending: PendingServer): boolean {
    const unacknowledged = (pending.reliable?.response.body.length ?? 0) > 0;
    return unacknowledged || (pending.queue ?? []).some((one) => one.offers);
  }

  /** No repeats any more; a PRACK that is under way is still welcome. */
  stop(pending: PendingServer): void {
    const { reliable, dialog } = pending;
    pending.reliable = undefined;
    pending.queue = undefined;
    if (!reliable) return;
    reliable.repeat.cancel();
    reliable.deadline.cancel();
    if (dialog) dialog.latePrack = { rseq: reliable.rseq, cseq: cseqOf(pending.request).number };
  }

  /** Takes a PRACK; then the next provisional or the held answer goes out. */
  prack(dialog: Dialog, prack: SipRequest): PrackFor {
    const rack = parseRAck(getHeader(prack, "RAck") ?? "");
    if (rack?.method !== "INVITE") return "nobody";
    const late = dialog.latePrack;
    if (late && rack.rseq === late.rseq && rack.cseq === late.cseq) {
      dialog.latePrack = undefined;
      return "engine";
    }
    const pending = dialog.inviteIn && this.context.serverOf.get(dialog.inviteIn);
    const waits = pending?.reliable;
    if (!pending || !waits) return "nobody";
    if (rack.rseq !== waits.rseq || rack.cseq !== cseqOf(pending.request).number) return "nobody";
    waits.repeat.cancel();
    waits.deadline.cancel();
    pending.reliable = undefined;
    const [next, ...rest] = pending.queue ?? [];
    pending.queue = rest;
    next?.go();
    if (pending.heldFinal && !this.owed(pending)) pending.heldFinal();
    return waits.quiet && prack.body.length === 0 ? "engine" : "app";
  }
}
