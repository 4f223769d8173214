import { getHeader } from "../message/headers.ts";
import type { InboundMessage, SipRequest } from "../message/model.ts";
import { unsupportedExtensions } from "../message/validate.ts";
import {
  callIdOf,
  contactTarget,
  cseqOf,
  replyTo,
  type ServerTransaction,
  TIMEOUT,
  tagOf,
} from "../transaction/index.ts";
import { formFault, type Refusal } from "./acceptance.ts";
import { dialogRequest } from "./build.ts";
import { type CoreContext, metaOf, metaOfArrival, NOTHING } from "./context.ts";
import type { DialogLife } from "./life.ts";
import type { AppPort, Dialog, PendingServer } from "./model.ts";
import { overlapOf, retryLater } from "./offers.ts";
import type { CallRecord } from "./records.ts";
import type { Reliable } from "./reliable.ts";
import { judgeReplaces } from "./replaces.ts";
import type { SessionTimers } from "./session.ts";
import type { Subscriptions } from "./subscriptions.ts";

const KNOWN =
  "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, INFO, NOTIFY, SUBSCRIBE, PUBLISH, UPDATE, PRACK, REFER";
const KNOWN_SET = new Set(KNOWN.split(", "));
const DIALOG_ONLY = new Set(["BYE", "UPDATE", "PRACK"]);
const SUPPORTED = new Set([
  "100rel",
  "timer",
  "replaces",
  "path",
  "outbound",
  "gruu",
  "norefersub",
  "eventlist",
  "from-change",
  "histinfo",
  "tdialog",
]);
/** Methods that end here whatever the number of hops left. */
const ANSWERED_HERE = new Set(["OPTIONS", "REGISTER"]);
/** An INVITE that rings this long is given up, ms. */
const RING_LIMIT = 15 * 60_000;

/** What the proxy takes over; true when it did. */
export interface PassingThrough {
  routed(transaction: ServerTransaction): boolean;
  ack(inbound: InboundMessage): boolean;
  cancel(invite: ServerTransaction): boolean;
}

/** Requests from the network: to the right app, or an answer of our own (RFC 3261 §8.2, §12.2.2). */
export class Incoming {
  constructor(
    private readonly context: CoreContext,
    private readonly life: DialogLife,
    private readonly reliable: Reliable,
    private readonly sessions: SessionTimers,
    private readonly subscriptions: Subscriptions,
  ) {
    reliable.giveUp = (pending) => this.giveUp(pending, 504, "PRACK timeout");
  }

  /** Set by the core: requests that only pass through. */
  proxy: PassingThrough | undefined;

  request(transaction: ServerTransaction): void {
    const request = transaction.request;
    const toTag = tagOf(getHeader(request, "To"));
    if (toTag !== undefined) this.inside(transaction, toTag);
    else this.outside(transaction);
  }

  private outside(transaction: ServerTransaction): void {
    const request = transaction.request;
    const method = request.method;
    if (this.proxy?.routed(transaction)) return;
    if (DIALOG_ONLY.has(method)) {
      this.context.refuse(transaction, 481);
      return;
    }
    // What apps make of a request is mostly a new one: without this check two of them could play ball (RFC 7332 §4).
    if (Number(getHeader(request, "Max-Forwards") ?? 70) === 0 && !ANSWERED_HERE.has(method)) {
      this.context.refuse(transaction, 483);
      return;
    }
    const replaces = judgeReplaces(this.context.dialogs, request);
    if (replaces.kind === "refuse") {
      this.context.refuse(transaction, replaces.status);
      return;
    }
    if (this.context.closing) {
      this.context.refuse(transaction, 503);
      return;
    }
    const owner =
      replaces.kind === "match" ? this.context.absences.portOf(replaces.dialog.client) : undefined;
    const client = owner?.connected ? owner : this.context.options.pick(method.toLowerCase());
    if (replaces.kind === "foreign" && !(client && this.context.proxying.has(client))) {
      this.context.refuse(transaction, 481);
      return;
    }
    if (!KNOWN_SET.has(method) && !client) {
      this.context.refuse(transaction, 501, [{ name: "Allow", value: KNOWN }]);
      return;
    }
    const makesDialog = method === "INVITE" || method === "SUBSCRIBE";
    if (makesDialog && getHeader(request, "Contact") === undefined) {
      this.context.refuse(transaction, 400, [], "Missing Contact Header");
      return;
    }
    if (this.requiresUnknown(transaction)) return;
    if (method === "INVITE") {
      transaction.respond(replyTo(request, 100, "Trying"));
    }
    const call = method === "INVITE" ? this.context.attempt("network", request) : undefined;
    const fault = this.refusalOf(request, client);
    if (fault || !client) {
      const { status, extra, reason }: Refusal = fault ?? { status: 503 };
      const refused = this.context.refuse(transaction, status, extra, reason);
      call?.stop("application", "call-rejected", refused);
      return;
    }
    const { localAddress, localPort } = transaction.arrival;
    this.pass(transaction, client, undefined, `${localAddress}|${localPort}|`, call);
  }

  /** Why a request outside of dialogs does not reach its app. */
  private refusalOf(request: SipRequest, client: AppPort | undefined): Refusal | undefined {
    if (request.method === "INVITE") {
      const minimum = this.sessions.tooShort(request);
      if (minimum !== undefined) return { status: 422, extra: [{ name: "Min-SE", value: String(minimum) }] };
      if (this.context.dialogs.size >= this.context.options.dialogLimit)
        return { status: 503, extra: [{ name: "Retry-After", value: "10" }] };
    }
    if (client) return this.context.proxying.has(client) ? undefined : formFault(request);
    return request.method === "REFER"
      ? { status: 405, extra: [{ name: "Allow", value: KNOWN }] }
      : { status: 503 };
  }

  private inside(transaction: ServerTransaction, toTag: string): void {
    const request = transaction.request;
    const fromTag = tagOf(getHeader(request, "From")) ?? "";
    const dialog = this.dialogFor(request, toTag, fromTag);
    if (!dialog) {
      if (!this.proxy?.routed(transaction)) this.context.refuse(transaction, 481);
      return;
    }
    const cseq = cseqOf(request).number;
    if (cseq <= dialog.remoteSeq) {
      this.context.refuse(transaction, 500, [{ name: "Retry-After", value: "0" }], "CSeq Out Of Order");
      return;
    }
    dialog.remoteSeq = cseq;
    if (this.requiresUnknown(transaction)) return;
    if (!this.context.absences.portOf(dialog.client).connected) {
      if (request.method === "BYE") {
        this.byeMeanwhile(transaction, dialog);
        return;
      }
      if (!this.context.absences.away(dialog.client)) {
        this.context.refuse(transaction, 481);
        return;
      }
    }
    if (this.overlaps(transaction, dialog)) return;
    switch (request.method) {
      case "BYE":
        this.byeArrived(transaction, dialog);
        return;
      case "PRACK":
        if (this.prackEnds(transaction, dialog)) return;
        break;
      case "INVITE":
      case "UPDATE": {
        const minimum = this.sessions.tooShort(request);
        if (minimum !== undefined) {
          this.context.refuse(transaction, 422, [{ name: "Min-SE", value: String(minimum) }]);
          return;
        }
        this.life.refreshTarget(dialog, request);
        if (request.method === "INVITE") {
          transaction.respond(replyTo(request, 100, "Trying"));
          dialog.inviteIn = transaction;
        } else dialog.updateIn = transaction;
        break;
      }
      case "SUBSCRIBE":
      case "NOTIFY":
        this.life.refreshTarget(dialog, request);
        if (request.method === "NOTIFY") this.subscriptions.notified(dialog, request);
        break;
    }
    this.pass(transaction, dialog.client, dialog, "");
  }

  /** 420 for an extension nobody here knows (RFC 3261 §8.2.2.3); CANCEL and ACK never come this way. */
  private requiresUnknown(transaction: ServerTransaction): boolean {
    const { request } = transaction;
    const unknown =
      getHeader(request, "Require") === undefined ? [] : unsupportedExtensions(request, SUPPORTED);
    if (unknown.length === 0) return false;
    this.context.refuse(transaction, 420, [{ name: "Unsupported", value: unknown.join(", ") }]);
    return true;
  }

  private dialogFor(request: SipRequest, toTag: string, fromTag: string): Dialog | undefined {
    const callId = callIdOf(request);
    return this.context.dialogs.find(callId, toTag, fromTag) ?? this.adopt(request, callId, toTag, fromTag);
  }

  /** A NOTIFY may come before the 2xx of its SUBSCRIBE and then makes the dialog (RFC 6665 §4.4.1). */
  private adopt(request: SipRequest, callId: string, toTag: string, fromTag: string): Dialog | undefined {
    if (request.method !== "NOTIFY") return undefined;
    for (const pending of this.context.clients.values()) {
      if (pending.request.method !== "SUBSCRIBE" || callIdOf(pending.request) !== callId) continue;
      if (tagOf(getHeader(pending.request, "From")) !== toTag) continue;
      return this.adoptInto?.(pending.id, request, fromTag);
    }
    return undefined;
  }

  /** Set by the core: makes the SUBSCRIBE dialog from a NOTIFY. */
  adoptInto: ((txnId: string, notify: SipRequest, remoteTag: string) => Dialog | undefined) | undefined;

  /** Overlapping offers (RFC 3261 §14.2, RFC 3311 §5.2). True when answered here. */
  private overlaps(transaction: ServerTransaction, dialog: Dialog): boolean {
    const overlap = overlapOf(dialog, transaction.request);
    if (overlap === "ours") this.context.refuse(transaction, 491);
    else if (overlap === "theirs") {
      this.context.refuse(transaction, 500, [
        { name: "Retry-After", value: retryLater(this.context.chance.number()) },
      ]);
    }
    return overlap !== "none";
  }

  private byeArrived(transaction: ServerTransaction, dialog: Dialog): void {
    dialog.call?.stop("network", "normal-release", transaction.request);
    if (dialog.inviteIn?.open) {
      // BYE in an early dialog or across a re-INVITE: the INVITE ends too (RFC 3261 §15.1.2).
      const invite = this.context.serverOf.get(dialog.inviteIn);
      this.context.refuse(dialog.inviteIn, 487);
      if (invite) this.finish(invite);
    }
    this.life.end(dialog);
    this.pass(transaction, dialog.client, dialog, "");
  }

  /** BYE while the app is away: the call is over all the same, and the app hears of it when it returns. */
  private byeMeanwhile(transaction: ServerTransaction, dialog: Dialog): void {
    transaction.respond(replyTo(transaction.request, 200, "OK"));
    dialog.call?.stop("network", "normal-release", transaction.request);
    this.life.end(dialog);
    this.context.unsolicited(dialog, transaction.request, "normal release");
  }

  private pass(
    transaction: ServerTransaction,
    client: AppPort,
    dialog: Dialog | undefined,
    tail: string,
    call?: CallRecord,
  ): void {
    const id = this.context.chance.id();
    const pending: PendingServer = { id, transaction, client, request: transaction.request, dialog, call };
    this.context.servers.set(id, pending);
    this.context.serverOf.set(transaction, pending);
    if (transaction.invite) this.guardInvite(pending);
    else pending.guard = this.context.after(TIMEOUT - 2_000, () => this.unanswered(pending));
    const meta = metaOfArrival(transaction.arrival);
    this.context.up(client, meta, id, dialog?.dlg ?? "", transaction.request, tail);
  }

  /** The app is silent: better an answer than none. */
  private unanswered(pending: PendingServer): void {
    this.context.refuse(pending.transaction, pending.request.method === "BYE" ? 200 : 500);
    this.finish(pending);
  }

  private guardInvite(pending: PendingServer): void {
    const started = this.context.layer.wheel.now();
    const look = () => {
      if (!pending.transaction.open) return;
      const silent = pending.dialog === undefined;
      if (silent || this.context.layer.wheel.now() - started > RING_LIMIT) {
        this.giveUp(pending, silent ? 500 : 408, "No answer");
        return;
      }
      pending.guard = this.context.after(2 * TIMEOUT, look);
    };
    pending.guard = this.context.after(2 * TIMEOUT, look);
  }

  /** Ends an INVITE without the app: a refusal for the caller, and a word to the app so that it does not go on. */
  private giveUp(pending: PendingServer, status: number, text: string): void {
    const { transaction, dialog, request } = pending;
    this.context.refuse(transaction, status);
    this.finish(pending);
    const end = status === 408 ? "system-initiated-termination" : "system-error-initiated-termination";
    pending.call?.stop("application", end, request);
    if (this.dropHeld(pending, text)) return;
    if (dialog?.state === "early") this.life.end(dialog);
    else if (dialog) {
      dialog.inviteIn = undefined;
      this.life.settled(dialog);
    }
    const cancel = engineCancel(request, text);
    this.context.up(pending.client, metaOfArrival(transaction.arrival), pending.id, "", cancel);
  }

  /** The app has answered already, but its 2xx never left: for the app the call ends with a BYE. */
  private dropHeld(pending: PendingServer, text: string): boolean {
    const { dialog, heldFinal } = pending;
    if (!heldFinal || !dialog) return false;
    pending.heldFinal = undefined;
    if (pending.id !== dialog.txnId) return false;
    const bye = dialogRequest(dialog, "BYE", dialog.localSeq + 1, [], NOTHING);
    this.context.unsolicited(dialog, bye, text);
    this.life.end(dialog);
    return true;
  }

  /** True when a PRACK is answered here; else the app answers it. */
  private prackEnds(transaction: ServerTransaction, dialog: Dialog): boolean {
    if (transaction.request.body.length > 0) dialog.offer = undefined;
    const meant = this.reliable.prack(dialog, transaction.request);
    if (meant === "nobody") this.context.refuse(transaction, 481);
    else if (meant === "engine") transaction.respond(replyTo(transaction.request, 200, "OK"));
    return meant !== "app";
  }

  /** Forgets a request that has its final answer. */
  finish(pending: PendingServer): void {
    pending.guard?.cancel();
    this.reliable.stop(pending);
    this.context.servers.delete(pending.id);
    this.context.serverOf.delete(pending.transaction);
  }

  cancel(cancel: ServerTransaction, invite: ServerTransaction): void {
    const pending = this.context.serverOf.get(invite);
    if (!invite.open || this.proxy?.cancel(invite)) return;
    const tag = pending?.localTag;
    invite.respond(replyTo(invite.request, 487, "Request Terminated", tag ?? "zj"));
    if (!pending) return;
    if (pending.dialog?.state === "early") this.life.end(pending.dialog);
    this.finish(pending);
    pending.call?.stop("network", "call-canceled", cancel.request);
    if (this.dropHeld(pending, "CANCEL after 200 OK")) return;
    if (pending.dialog) this.life.settled(pending.dialog);
    this.context.up(pending.client, metaOfArrival(cancel.arrival), pending.id, "", cancel.request);
  }

  /** The ACK of a 2xx: stops its repeats, lets a held BYE go, and is shown to the app once. */
  ack(inbound: InboundMessage): void {
    const ack = inbound.message;
    if (ack.kind !== "request") return;
    const toTag = tagOf(getHeader(ack, "To")) ?? "";
    const dialog = this.context.dialogs.find(callIdOf(ack), toTag, tagOf(getHeader(ack, "From")) ?? "");
    const unacked = dialog?.unacked;
    if (!dialog) {
      this.proxy?.ack(inbound);
      return;
    }
    if (!unacked || cseqOf(ack).number !== unacked.cseq) return;
    const first = unacked.txnId === dialog.txnId;
    this.life.stopUnacked(dialog);
    dialog.inviteIn = undefined;
    const txnId = first ? unacked.txnId : this.context.chance.id();
    this.context.up(dialog.client, metaOf(inbound), txnId, dialog.dlg, ack);
    this.life.releaseHeld(dialog);
    this.life.settled(dialog);
  }
}

/** A CANCEL the caller never sent, for the app's eyes (RFC 3326 says why). */
function engineCancel(invite: SipRequest, text: string): SipRequest {
  const kept = new Set(["Via", "From", "To", "Call-ID", "Max-Forwards"]);
  const lines = invite.headers.filter((entry) => kept.has(entry.name)).map((entry) => ({ ...entry }));
  lines.push({ name: "CSeq", value: `${cseqOf(invite).number} CANCEL` });
  lines.push({ name: "Reason", value: `SIP;cause=408;text="${text}"` });
  return { kind: "request", method: "CANCEL", uri: invite.uri, headers: lines, body: NOTHING };
}

/** Contact URI of a request, for dialogs. */
export function contactUri(message: SipRequest): string {
  return contactTarget(message, message.uri);
}
