import { getHeader, getList, hasToken } from "../message/headers.ts";
import type { InboundMessage, SipRequest, SipResponse } from "../message/model.ts";
import { reasonPhrase } from "../message/names.ts";
import { topVia } from "../message/via.ts";
import {
  type ClientTransaction,
  type ClientUser,
  callIdOf,
  contactTarget,
  cseqOf,
  replyTo,
  TIMEOUT,
  tagOf,
} from "../transaction/index.ts";
import { isTerminated } from "./answers.ts";
import { type CoreContext, fabricate, metaOf, NOTHING } from "./context.ts";
import { Failover } from "./failover.ts";
import { type DialogLife, natHop } from "./life.ts";
import type { Dialog, PendingClient } from "./model.ts";
import { Retries } from "./retry.ts";
import type { SessionTimers } from "./session.ts";
import { dialogName } from "./store.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** The app is given this long to acknowledge a call it cancelled too late, ms. */
const LATE_ACK_MS = 2_000;

/** Early dialogs of one INVITE; a peer that makes up more To tags is not listened to. */
const MAX_FORKS = 32;

/** Responses of the network to requests of the app. */
export class NetworkAnswers {
  readonly retries: Retries;
  readonly failover: Failover;

  constructor(
    private readonly context: CoreContext,
    private readonly life: DialogLife,
    readonly sessions: SessionTimers,
    private readonly subscriptions: Subscriptions,
  ) {
    this.retries = new Retries(context, life, this);
    this.failover = new Failover(context, life, this);
  }

  /** The transaction user of one request. */
  userOf(pending: PendingClient): ClientUser {
    return {
      onResponse: (response, inbound, transaction) => {
        if (this.failover.stale(pending, response, inbound, transaction)) return;
        this.response(pending, response, inbound, transaction);
      },
      onFailure: (cause, transaction) => {
        if (pending.passed?.includes(transaction)) return;
        if (cause === "timeout" && pending.cancelled) this.fabricated(pending, 487);
        else if (this.failover.next(pending)) return;
        else
          this.final(
            pending,
            fabricate(this.context.chance, pending.request, lost(pending, cause), transaction.failure),
            undefined,
          );
      },
    };
  }

  /** Answers a request of the app without the network. */
  fabricated(pending: PendingClient, status: number): void {
    const phrase = reasonPhrase(status);
    this.final(pending, replyTo(pending.request, status, phrase, "zj"), undefined);
  }

  /** Sends a CANCEL in its own transaction, on the way its INVITE took. */
  launchCancel(pending: PendingClient, cancel: SipRequest): void {
    pending.heldCancel = undefined;
    const via = topVia(pending.request);
    if (!via) return;
    const { target, destination } = pending.hop;
    this.context.layer.request(cancel, via.params.get("branch") ?? "", target, destination, {
      onResponse() {},
      onFailure() {},
    });
    pending.transaction?.expectEnd();
  }

  private response(
    pending: PendingClient,
    response: SipResponse,
    inbound: InboundMessage,
    transaction: ClientTransaction,
  ): void {
    pending.transaction ??= transaction;
    const invite = pending.request.method === "INVITE";
    if (response.status < 200) {
      if (pending.heldCancel) this.launchCancel(pending, pending.heldCancel);
      if (response.status === 100 || !this.context.clients.has(pending.id)) return;
      const dialog = this.dialogOf(pending, response, inbound);
      if (!dialog && this.tooManyForks(pending, response)) return;
      if (dialog && !this.inOrder(pending, dialog, response)) return;
      // Serial forks: the name means the peer that was heard last.
      if (dialog?.state === "early") this.context.dialogs.promote(dialog);
      this.pass(pending, response, inbound);
      return;
    }
    if (invite && response.status < 300) this.answered(pending, response, inbound);
    else if (response.status === 503 && this.failover.next(pending)) return;
    else if (this.retries.take(pending, response)) return;
    else this.final(pending, response, inbound);
  }

  private tooManyForks(pending: PendingClient, response: SipResponse): boolean {
    return pending.forks.size >= MAX_FORKS && tagOf(getHeader(response, "To")) !== undefined;
  }

  /** Reliable provisionals: repeats are dropped, gaps wait for the repeat (RFC 3262 §4). */
  private inOrder(pending: PendingClient, dialog: Dialog, response: SipResponse): boolean {
    const rseq = getHeader(response, "RSeq");
    if (rseq === undefined || !hasToken(response, "Require", "100rel")) return true;
    const number = Number(rseq);
    const last = pending.rseqs.get(dialog.remoteTag);
    if (!Number.isSafeInteger(number) || (last !== undefined && number !== last + 1)) return false;
    pending.rseqs.set(dialog.remoteTag, number);
    pending.unpracked = [...(pending.unpracked ?? []), { tag: dialog.remoteTag, rseq: number }];
    // A reliable body answers our offer, or makes one when we made none (RFC 3262 §5).
    if (response.body.length > 0) dialog.offer = dialog.offer === "ours" ? undefined : "theirs";
    return true;
  }

  /** 2xx to an INVITE: the first makes the call; repeats get the ACK again; further peers are released. */
  private answered(pending: PendingClient, response: SipResponse, inbound: InboundMessage): void {
    const tag = tagOf(getHeader(response, "To")) ?? "";
    const open = this.context.clients.has(pending.id);
    if (!open) {
      const known = pending.dialog ?? pending.forks.get(tag);
      if (known?.answered && known.answered.cseq === cseqOf(response).number) {
        this.life.acknowledgeAgain(known, known.answered);
        return;
      }
      if (!known) this.releaseExtra(pending, response, inbound);
      return;
    }
    const dialog = this.dialogOf(pending, response, inbound);
    if (!dialog) return;
    if (dialog.state === "ended") {
      this.answeredTooLate(pending, dialog, response, inbound);
      return;
    }
    this.context.clients.delete(pending.id);
    for (const [other, early] of pending.forks) {
      if (early === dialog) continue;
      this.life.end(early);
      pending.forks.delete(other);
      // Should that peer answer too, the BYE for it must count on from its PRACKs.
      pending.reached ??= new Map();
      pending.reached.set(other, early.localSeq);
    }
    dialog.state = "confirmed";
    dialog.inviteOut = undefined;
    dialog.offer = undefined;
    this.context.dialogs.promote(dialog);
    this.refreshFrom(dialog, response, inbound, pending);
    dialog.answered?.deadline?.cancel();
    const late = pending.cancelled;
    dialog.answered = { cseq: cseqOf(response).number, invite: pending.request, byeAfterAck: late };
    dialog.answered.deadline = this.context.after(late ? LATE_ACK_MS : TIMEOUT, () =>
      this.noAck(dialog, late),
    );
    this.sessions.answered(dialog, response);
    if (pending.call) {
      dialog.call = pending.call;
      pending.call.start("network", "uac", response);
    }
    if (this.context.absences.reachable(pending.client)) this.pass(pending, response, inbound);
    else this.noAck(dialog, false);
  }

  /** An address that was passed over for its silence answers: it gets ACK and BYE like a second phone of a fork. */
  answeredLate(pending: PendingClient, response: SipResponse, inbound: InboundMessage): void {
    const known = pending.forks.get(tagOf(getHeader(response, "To")) ?? "");
    if (known?.answered) this.life.acknowledgeAgain(known, known.answered);
    else if (!known) this.releaseExtra(pending, response, inbound);
  }

  /** The call has ended meanwhile: the peer gets its ACK (and its BYE), the app hears that there is no call. */
  private answeredTooLate(
    pending: PendingClient,
    dialog: Dialog,
    response: SipResponse,
    inbound: InboundMessage,
  ): void {
    if (pending.dialog) {
      dialog.answered?.deadline?.cancel();
      dialog.answered = { cseq: cseqOf(response).number, invite: pending.request, byeAfterAck: false };
      this.life.acknowledge(dialog, dialog.answered, [], NOTHING);
    } else {
      pending.reached ??= new Map();
      pending.reached.set(dialog.remoteTag, dialog.localSeq);
      this.releaseExtra(pending, response, inbound);
    }
    this.fabricated(pending, pending.dialog ? 481 : 487);
  }

  /** The app does not acknowledge: the engine does and releases the call. */
  private noAck(dialog: Dialog, late: boolean): void {
    const answered = dialog.answered;
    if (!answered || answered.ack) return;
    this.life.acknowledge(dialog, answered, [], NOTHING);
    this.life.bye(dialog, late ? "ACK-BYE due to cancel race condition" : "ACK timeout");
    answered.deadline?.cancel();
  }

  /** A second phone behind a forking proxy answered too: ACK and BYE, the app has no name for it. */
  private releaseExtra(pending: PendingClient, response: SipResponse, inbound: InboundMessage): void {
    const extra = this.create(pending, response, inbound);
    extra.localSeq = pending.reached?.get(extra.remoteTag) ?? extra.localSeq;
    pending.forks.set(extra.remoteTag, extra);
    extra.answered = { cseq: cseqOf(response).number, invite: pending.request, byeAfterAck: false };
    this.life.acknowledge(extra, extra.answered, [], NOTHING);
    const answered = extra.answered;
    this.life.bye(extra);
    // The dialog is over, but repeats of its 2xx still want their ACK.
    extra.answered = answered;
    answered.deadline?.cancel();
  }

  private final(pending: PendingClient, response: SipResponse, inbound: InboundMessage | undefined): void {
    if (!this.context.clients.delete(pending.id)) return;
    const { request, dialog } = pending;
    const status = response.status;
    for (const early of pending.forks.values()) if (status >= 300) this.life.end(early);
    if (dialog) this.finalInDialog(pending, dialog, response, inbound);
    else if (request.method === "SUBSCRIBE" && status < 300 && inbound) {
      const made = this.dialogOf(pending, response, inbound);
      if (made && made.state !== "ended") {
        made.state = "confirmed";
        this.subscriptions.granted(made, request, response);
      }
    } else pending.call?.stop("network", "call-rejected", response);
    this.pass(pending, response, inbound);
  }

  private finalInDialog(
    pending: PendingClient,
    dialog: Dialog,
    response: SipResponse,
    inbound: InboundMessage | undefined,
  ): void {
    const { method } = pending.request;
    const status = response.status;
    this.life.leave(dialog, pending);
    if (method === "BYE" && status !== 401 && status !== 407) this.life.end(dialog);
    if (
      method === "NOTIFY" &&
      dialog.kind === "SUBSCRIBE" &&
      (isTerminated(pending.request) || status === 481)
    ) {
      this.life.end(dialog);
    }
    if (method === "SUBSCRIBE" && dialog.kind === "SUBSCRIBE") {
      if (status < 300) this.subscriptions.granted(dialog, pending.request, response);
      else if (status === 481) this.life.end(dialog);
    }
    if (method === "UPDATE" && status < 300 && inbound) {
      this.refreshFrom(dialog, response, inbound, pending);
      this.sessions.answered(dialog, response);
    }
    if (method === "INVITE" || method === "UPDATE") this.life.settled(dialog);
  }

  private refreshFrom(
    dialog: Dialog,
    response: SipResponse,
    inbound: InboundMessage,
    pending: PendingClient,
  ): void {
    this.life.refreshTarget(dialog, response);
    dialog.peer = inbound.peer;
    if (!pending.dialog) {
      // The route set is fixed by the 2xx (RFC 3261 §12.1.2, §13.2.2.4).
      dialog.routes = getList(response, "Record-Route").reverse();
      dialog.hop = natHop(response, inbound.peer, false, pending.hop);
    }
  }

  /** The dialog a response belongs to, made when it is new. */
  private dialogOf(
    pending: PendingClient,
    response: SipResponse,
    inbound: InboundMessage,
  ): Dialog | undefined {
    if (pending.dialog) return pending.dialog;
    const { method } = pending.request;
    if (method !== "INVITE" && method !== "SUBSCRIBE") return undefined;
    const tag = tagOf(getHeader(response, "To"));
    if (tag === undefined && response.status < 200) return undefined;
    const known = pending.forks.get(tag ?? "");
    if (known) return known;
    if (pending.forks.size >= MAX_FORKS && response.status < 200) return undefined;
    const dialog = this.create(pending, response, inbound);
    pending.forks.set(dialog.remoteTag, dialog);
    this.context.dialogs.add(dialog);
    return dialog;
  }

  private create(pending: PendingClient, response: SipResponse, inbound: InboundMessage): Dialog {
    return this.make(pending, {
      remoteTag: tagOf(getHeader(response, "To")) ?? "",
      remote: getHeader(response, "To") ?? "",
      target: contactTarget(response, pending.request.uri),
      routes: getList(response, "Record-Route").reverse(),
      hop: natHop(response, inbound.peer, false, pending.hop),
      remoteSeq: -1,
    });
  }

  private make(
    pending: PendingClient,
    peer: Pick<Dialog, "remoteTag" | "remote" | "routes" | "hop" | "remoteSeq"> & { target: string },
  ): Dialog {
    const { request } = pending;
    const callId = callIdOf(request);
    const localTag = tagOf(getHeader(request, "From")) ?? "";
    return {
      dlg: dialogName(callId, localTag),
      role: "uac",
      kind: request.method === "INVITE" ? "INVITE" : "SUBSCRIBE",
      callId,
      localTag,
      remoteTag: peer.remoteTag,
      local: getHeader(request, "From") ?? "",
      remote: peer.remote,
      client: pending.client,
      txnId: pending.id,
      protocol: pending.hop.destination.protocol,
      contact: getHeader(request, "Contact") ?? "",
      state: "early",
      localSeq: cseqOf(request).number,
      remoteSeq: peer.remoteSeq,
      remoteTarget: peer.target,
      routes: peer.routes,
      hop: peer.hop,
      localSdp: request.body.length > 0 ? request.body : undefined,
      offer: request.method === "INVITE" && request.body.length > 0 ? "ours" : undefined,
    };
  }

  /** A NOTIFY that overtook the 2xx of its SUBSCRIBE makes the dialog. */
  adopt(txnId: string, notify: SipRequest, remoteTag: string): Dialog | undefined {
    const pending = this.context.clients.get(txnId);
    if (!pending) return undefined;
    const dialog = this.make(pending, {
      remoteTag,
      remote: getHeader(notify, "From") ?? "",
      target: contactTarget(notify, pending.request.uri),
      routes: getList(notify, "Record-Route"),
      hop: undefined,
      remoteSeq: -1,
    });
    pending.forks.set(remoteTag, dialog);
    this.context.dialogs.add(dialog);
    return dialog;
  }

  private pass(pending: PendingClient, response: SipResponse, inbound: InboundMessage | undefined): void {
    const { method } = pending.request;
    const makesDialog = method === "INVITE" || method === "SUBSCRIBE";
    const callId = callIdOf(pending.request);
    const own = dialogName(callId, tagOf(getHeader(pending.request, "From")) ?? "");
    const dlg = pending.dialog?.dlg ?? (makesDialog ? own : "");
    const { protocol, address, port } = pending.hop.destination;
    // A fabricated 503 names no peer: nobody was reached.
    const silent =
      response.status === 503
        ? { source: "network" as const, bytes: 0, protocol, address: "", port: "" as const }
        : { source: "network" as const, bytes: 0, protocol, address, port };
    this.context.up(pending.client, inbound ? metaOf(inbound) : silent, pending.id, dlg, response);
  }
}

/** A device that is reached by its own connection cannot be reached at all when that is gone. */
function lost(pending: PendingClient, cause: "timeout" | "transport"): "timeout" | "transport" | "flow" {
  const { hop, dialog } = pending;
  const bound = !dialog && hop.target.by === "flow" && hop.destination.protocol !== "udp";
  return bound && cause === "transport" ? "flow" : cause;
}
