import { type AppMessage, parseAppMessage } from "../agent-protocol/index.ts";
import type { InboundMessage } from "../message/model.ts";
import { ProxyCore } from "../proxy/index.ts";
import { cseqOf, type ServerTransaction, type TransactionUser } from "../transaction/index.ts";
import { Answers } from "./answers.ts";
import { dialogRequest } from "./build.ts";
import { CoreContext, type CoreOptions, NOTHING } from "./context.ts";
import { Incoming } from "./incoming.ts";
import { DialogLife } from "./life.ts";
import type { AppPort, Dialog } from "./model.ts";
import { NetworkAnswers } from "./network-answers.ts";
import { glareWait } from "./offers.ts";
import { Outgoing } from "./outgoing.ts";
import { Reliable } from "./reliable.ts";
import { SessionTimers } from "./session.ts";
import { Subscriptions } from "./subscriptions.ts";

/** The user agent core between transactions and apps (RFC 3261 §8, §12–15). */
export class Core implements TransactionUser {
  readonly context: CoreContext;
  private readonly life: DialogLife;
  private readonly incoming: Incoming;
  private readonly answers: Answers;
  private readonly outgoing: Outgoing;
  private readonly sessions: SessionTimers;
  private readonly proxy: ProxyCore;

  constructor(options: CoreOptions) {
    this.context = new CoreContext(options);
    this.life = new DialogLife(this.context);
    const reliable = new Reliable(this.context);
    this.sessions = new SessionTimers(this.context, this.life);
    const subscriptions = new Subscriptions(this.context, this.life);
    this.incoming = new Incoming(this.context, this.life, reliable, this.sessions, subscriptions);
    this.answers = new Answers(
      this.context,
      this.life,
      this.incoming,
      reliable,
      this.sessions,
      subscriptions,
    );
    const network = new NetworkAnswers(this.context, this.life, this.sessions, subscriptions);
    this.outgoing = new Outgoing(this.context, this.life, network);
    this.incoming.adoptInto = (txnId, notify, tag) => network.adopt(txnId, notify, tag);
    this.sessions.refresh = (dialog) => this.refreshSession(dialog);
    this.proxy = new ProxyCore(this.context, (pending) => this.incoming.finish(pending));
    this.incoming.proxy = this.proxy;
    options.layer.attach(this);
  }

  onRequest(transaction: ServerTransaction): void {
    this.incoming.request(transaction);
  }

  onCancel(cancel: ServerTransaction, invite: ServerTransaction): void {
    this.incoming.cancel(cancel, invite);
  }

  onAck(inbound: InboundMessage): void {
    this.incoming.ack(inbound);
  }

  onStrayResponse(): void {
    // Late copies after a transaction has ended are nobody's (RFC 3261 §18.1.2).
  }

  /** `sip|…` of an app. */
  onSip(client: AppPort, messageId: string, fields: readonly string[], bytes: Uint8Array): void {
    const message: AppMessage | undefined = parseAppMessage(bytes);
    if (!message) client.reply(messageId, "NOK|unable to parse message");
    else if (message.kind === "response") this.answers.send(client, messageId, fields[0] ?? "", message);
    else this.outgoing.send(client, messageId, fields, message);
  }

  /** `proxy|…` of an app. */
  onProxy(client: AppPort, messageId: string, fields: readonly string[], bytes: Uint8Array): void {
    this.proxy.command(client, messageId, fields, bytes);
  }

  /** Requests on their way through the proxy. */
  get proxied(): number {
    return this.proxy.size;
  }

  /** An app has shown the secret: perhaps one that was here before. */
  onReady(client: AppPort): void {
    this.context.absences.arrive(client);
  }

  /**
   * An app's connection ended: its open requests are answered, its calls released after the grace time, unless it was
   * known by its tags and is back by then.
   */
  onGone(client: AppPort): void {
    this.context.absences.leave(client);
    this.answerFor(client);
    for (const pending of [...this.context.clients.values()]) {
      if (!this.context.absences.same(pending.client, client)) continue;
      if (pending.request.method === "INVITE" && !pending.dialog) this.outgoing.sendCancel(pending, []);
    }
    this.context.after(this.context.options.graceMs, () => {
      if (!this.context.absences.over(client)) return;
      this.answerFor(client);
      const theirs = (app: AppPort) => this.context.absences.portOf(app) === client;
      for (const dialog of this.context.dialogs.of(theirs)) this.release(dialog, "application gone");
    });
  }

  /** Answers what an app that is gone has left open. */
  private answerFor(client: AppPort): void {
    for (const pending of [...this.context.servers.values()]) {
      if (!this.context.absences.same(pending.client, client)) continue;
      const { dialog, transaction, request } = pending;
      // 503 inside a call would have some phones end it; 500 with a time only defers the request.
      if (dialog?.state === "confirmed" && !pending.heldFinal && request.method !== "BYE")
        this.context.refuse(transaction, 500, [{ name: "Retry-After", value: "5" }]);
      else this.context.refuse(transaction, request.method === "BYE" ? 200 : 503);
      pending.call?.stop("application", "system-error-initiated-termination", request);
      if (dialog && (dialog.state === "early" || pending.heldFinal)) this.life.end(dialog);
      this.incoming.finish(pending);
    }
  }

  private release(dialog: Dialog, text: string): void {
    if (dialog.kind === "INVITE" && dialog.state === "confirmed") this.life.bye(dialog, text);
    else this.life.end(dialog);
  }

  /**
   * For a stop in good order: 503 for callers who still wait, CANCEL for phones that ring, BYE for calls. Resolves when
   * each BYE has its answer, after `waitMs` at the latest.
   */
  releaseAll(waitMs: number): Promise<void> {
    this.context.closing = true;
    for (const pending of [...this.context.servers.values()]) {
      this.context.refuse(pending.transaction, pending.request.method === "BYE" ? 200 : 503);
      pending.call?.stop("application", "system-initiated-termination", pending.request);
      this.incoming.finish(pending);
    }
    for (const pending of [...this.context.clients.values()]) {
      if (pending.request.method === "INVITE" && !pending.dialog) this.outgoing.sendCancel(pending, []);
    }
    for (const dialog of [...this.context.dialogs.values()]) this.release(dialog, "system shutdown");
    return this.life.quiet(waitMs);
  }

  /** Session refresh with the last SDP of ours (RFC 4028 §7.4). */
  private refreshSession(dialog: Dialog): void {
    const session = dialog.session;
    if (!session || dialog.state !== "confirmed") return;
    if (dialog.inviteOut || dialog.inviteIn?.open || dialog.unacked) {
      this.sessions.rearm(dialog, 2_000);
      return;
    }
    dialog.localSeq++;
    const body = dialog.localSdp ?? NOTHING;
    const extra = [
      { name: "Contact", value: dialog.contact },
      { name: "Supported", value: "timer" },
      { name: "Session-Expires", value: `${session.expires};refresher=uac` },
    ];
    if (session.raised) extra.push({ name: "Min-SE", value: String(session.expires) });
    if (body.length > 0) extra.push({ name: "Content-Type", value: "application/sdp" });
    const invite = dialogRequest(dialog, "INVITE", dialog.localSeq, extra, body);
    this.life.withHop(
      dialog,
      invite,
      (hop) => {
        const branch = this.context.stamp(invite, hop);
        if (!branch) return;
        const lost = () => this.life.bye(dialog, "Session timer expired");
        let acknowledged = -1;
        dialog.inviteOut = this.context.layer.request(invite, branch, hop.target, hop.destination, {
          onResponse: (response) => {
            if (response.status < 200) return;
            dialog.inviteOut = undefined;
            if (response.status >= 300) this.life.settled(dialog);
            if (dialog.state === "ended") return;
            if (response.status < 300) {
              if (acknowledged === cseqOf(response).number && dialog.answered) {
                this.life.acknowledgeAgain(dialog, dialog.answered);
                return;
              }
              acknowledged = cseqOf(response).number;
              this.life.refreshTarget(dialog, response);
              dialog.answered?.deadline?.cancel();
              dialog.answered = { cseq: acknowledged, invite, byeAfterAck: false };
              this.life.acknowledge(dialog, dialog.answered, [], NOTHING);
              this.sessions.answered(dialog, response);
            } else if (response.status === 422 && this.sessions.raise(dialog, response)) {
              this.refreshSession(dialog);
            } else if (response.status === 491)
              this.sessions.rearm(dialog, glareWait(dialog.role, this.context.chance.number()));
            else if (response.status === 408 || response.status === 481) lost();
            else this.sessions.refused(dialog);
          },
          onFailure: () => {
            dialog.inviteOut = undefined;
            lost();
          },
        });
      },
      () => {},
    );
  }
}
