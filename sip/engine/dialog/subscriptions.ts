/** The time of SUBSCRIBE dialogs (RFC 6665): nobody else watches it, and a lost last NOTIFY would leave them for ever. */
import { getHeader } from "../message/headers.ts";
import type { SipMessage } from "../message/model.ts";
import { parameter, TIMEOUT } from "../transaction/index.ts";
import { dialogRequest } from "./build.ts";
import { type CoreContext, NOTHING } from "./context.ts";
import type { DialogLife } from "./life.ts";
import type { Dialog } from "./model.ts";

/** When neither side names a time, s. */
const DEFAULT_EXPIRES = 3_600;
/** Beyond this nobody means it, s. */
const MAX_EXPIRES = 7 * 86_400;
/** The app ends its subscriptions itself in time; this long after the end the engine does, ms (timer N is as long). */
const MARGIN = TIMEOUT;

export class Subscriptions {
  constructor(
    private readonly context: CoreContext,
    private readonly life: DialogLife,
  ) {}

  /** A SUBSCRIBE was accepted: its time runs anew. */
  granted(dialog: Dialog, request: SipMessage, response: SipMessage): void {
    if (dialog.kind !== "SUBSCRIBE") return;
    dialog.event ??= getHeader(request, "Event");
    const seconds = secondsOf(getHeader(response, "Expires") ?? getHeader(request, "Expires"));
    // A notifier that never notifies has not taken the subscription (timer N, RFC 6665 §4.1.2.4).
    const silent = dialog.role === "uac" && dialog.notified !== true;
    this.arm(dialog, silent ? 0 : seconds);
    if (silent) dialog.grantedSeconds = seconds;
  }

  /** A NOTIFY arrived; its Subscription-State may shorten or lengthen the time. */
  notified(dialog: Dialog, notify: SipMessage): void {
    if (dialog.kind !== "SUBSCRIBE") return;
    dialog.notified = true;
    dialog.event ??= getHeader(notify, "Event");
    const left = parameter(getHeader(notify, "Subscription-State") ?? "", "expires");
    if (left !== undefined) this.arm(dialog, secondsOf(left));
    else if (dialog.grantedSeconds !== undefined) this.arm(dialog, dialog.grantedSeconds);
    dialog.grantedSeconds = undefined;
  }

  private arm(dialog: Dialog, seconds: number): void {
    dialog.expiry?.cancel();
    if (dialog.state === "ended") return;
    dialog.expiry = this.context.after(seconds * 1_000 + MARGIN, () => this.expire(dialog));
  }

  /** The time is over: the subscriber is told as notifier (RFC 6665 §4.2.2), the app in either role. */
  private expire(dialog: Dialog): void {
    if (dialog.state === "ended") return;
    dialog.localSeq++;
    const lines = [
      { name: "Event", value: dialog.event ?? "" },
      { name: "Subscription-State", value: "terminated;reason=timeout" },
      { name: "Contact", value: dialog.contact },
    ];
    const notify = dialogRequest(dialog, "NOTIFY", dialog.localSeq, lines, NOTHING);
    // For the app a NOTIFY to whom the SUBSCRIBE was sent, by which drachtio-srf finds its subscription.
    const [from, to] = dialog.role === "uas" ? [dialog.remote, dialog.local] : [dialog.local, dialog.remote];
    const shown = {
      ...notify,
      headers: notify.headers.map((entry) => {
        if (entry.name === "From") return { name: "From", value: from };
        return entry.name === "To" ? { name: "To", value: to } : { ...entry };
      }),
    };
    this.life.end(dialog);
    this.context.unsolicited(dialog, shown);
    if (dialog.role === "uas") this.life.sendAlone(dialog, notify);
  }
}

function secondsOf(text: string | undefined): number {
  const match = /^\s*(\d{1,10})/.exec(text ?? "");
  return match ? Math.min(Number(match[1]), MAX_EXPIRES) : DEFAULT_EXPIRES;
}
