import { parseRAck } from "../message/fields.ts";
import type { SipRequest, SipResponse } from "../message/model.ts";
import { cseqOf, hasToken, header, setHeader, TIMEOUT } from "../transaction/index.ts";
import type { CoreContext } from "./context.ts";
import type { Dialog, PendingServer } from "./model.ts";

/** Reliable provisional responses of ours (RFC 3262 §3): RSeq, repeats until PRACK, give-up after 64·T1. */
export class Reliable {
  constructor(private readonly context: CoreContext) {}

  /** Whether the app asks for reliability with `Require: 100rel`. */
  asked(response: SipResponse): boolean {
    return response.status > 100 && response.status < 200 && hasToken(response, "Require", "100rel");
  }

  /** Whether the caller can do it. */
  possible(request: SipRequest): boolean {
    return hasToken(request, "Supported", "100rel") || hasToken(request, "Require", "100rel");
  }

  /** Starts the repeats of a reliable response; gives it its RSeq first. */
  start(pending: PendingServer, response: SipResponse, send: () => void): void {
    const rseq = (pending.rseq ?? Math.floor(Math.random() * 0x3fffffff)) + 1;
    pending.rseq = rseq;
    setHeader(response, "RSeq", String(rseq));
    send();
    this.stop(pending);
    pending.reliable = {
      rseq,
      response,
      // Repeats of provisionals double without bound (RFC 3262 §3).
      repeat: this.context.repeat(pending.transaction, response, TIMEOUT),
      deadline: this.context.after(TIMEOUT, () => {
        pending.reliable = undefined;
        this.context.refuse(pending.transaction, 504);
      }),
    };
  }

  stop(pending: PendingServer): void {
    pending.reliable?.repeat.cancel();
    pending.reliable?.deadline.cancel();
    pending.reliable = undefined;
  }

  /** True when the PRACK names the response that waits for it. */
  prack(dialog: Dialog, prack: SipRequest): boolean {
    const rack = parseRAck(header(prack, "RAck") ?? "");
    const pending = dialog.inviteIn && this.context.serverOf.get(dialog.inviteIn);
    if (!rack || !pending?.reliable || rack.method !== "INVITE") return false;
    if (rack.rseq !== pending.reliable.rseq || rack.cseq !== cseqOf(pending.request).number) return false;
    this.stop(pending);
    return true;
  }
}
