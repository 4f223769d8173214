import type { AppResponse } from "../agent-protocol/index.ts";
import { getHeader, getHeaders, getList } from "../message/headers.ts";
import type { SipResponse } from "../message/model.ts";
import { reasonPhrase } from "../message/names.ts";
import { callIdOf, cseqOf, replyTo, tagOf, uriOf, userOf } from "../transaction/index.ts";
import { completeContentType, contactFor, contentLast, newTag, responseHeaders } from "./build.ts";
import type { CoreContext } from "./context.ts";
import { contactUri, type Incoming } from "./incoming.ts";
import { type DialogLife, natHop } from "./life.ts";
import type { AppPort, Dialog, PendingServer } from "./model.ts";
import type { Reliable } from "./reliable.ts";
import { personOf } from "./routing.ts";
import type { SessionTimers } from "./session.ts";
import { dialogName } from "./store.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Responses of the app to requests of the network. */
export class Answers {
  constructor(
    private readonly context: CoreContext,
    private readonly life: DialogLife,
    private readonly incoming: Incoming,
    private readonly reliable: Reliable,
    private readonly sessions: SessionTimers,
    private readonly subscriptions: Subscriptions,
  ) {}

  /** `sip|TXN|…` with a response. */
  send(client: AppPort, messageId: string, txnId: string, app: AppResponse): void {
    const pending = this.context.servers.get(txnId);
    const known =
      pending &&
      this.context.absences.same(pending.client, client) &&
      pending.transaction.open &&
      !pending.heldFinal;
    if (!pending || !known) {
      client.reply(messageId, "NOK|Response not sent due to unknown transaction");
      return;
    }
    const response = this.build(pending, app);
    if (!completeContentType(response)) {
      client.reply(messageId, "NOK|missing content-type");
      return;
    }
    const asked = pending.transaction.invite && this.reliable.asked(response);
    if (asked && !this.reliable.possible(pending.request)) {
      client.reply(messageId, "NOK|Remote endpoint does not support 100rel");
      return;
    }
    const demanded = pending.transaction.invite && this.reliable.demanded(pending.request, response);
    if (demanded && !asked) response.headers.push({ name: "Require", value: "100rel" });
    const reliably = asked || demanded;
    this.updateDialog(pending, response);
    contentLast(response);
    const dialog = pending.dialog;
    if (dialog && response.body.length > 0) {
      dialog.localSdp = response.body;
      // A reliable body answers their offer, or makes one when they made none (RFC 3262 §5).
      if (reliably) dialog.offer = dialog.offer === "theirs" ? undefined : "ours";
    }
    const send = () => {
      if (response.status >= 200) this.incoming.finish(pending);
      pending.transaction.respond(response);
    };
    const success = response.status >= 200 && response.status < 300;
    const held = pending.transaction.invite && success && this.reliable.owed(pending);
    if (reliably) this.reliable.start(pending, response, !asked, send);
    else if (held) {
      pending.heldFinal = () => {
        pending.heldFinal = undefined;
        send();
        this.afterwards(pending, response);
      };
    } else send();
    this.context.echo(
      client,
      messageId,
      pending.transaction.arrival.peer,
      response,
      txnId,
      dialog?.dlg ?? "",
      pending.transaction.bytesOf(response),
    );
    if (!held) this.afterwards(pending, response);
  }

  private build(pending: PendingServer, app: AppResponse): SipResponse {
    const { request } = pending;
    if (pending.localTag === undefined) {
      const given = app.headers.find((entry) => entry.name === "To")?.value;
      pending.localTag = tagOf(getHeader(request, "To")) ?? tagOf(given) ?? newTag(this.context.chance);
    }
    const tag = app.status === 100 ? undefined : pending.localTag;
    const reason = app.reason === "" ? reasonPhrase(app.status) : app.reason;
    const response = replyTo(request, app.status, reason, tag);
    const peer = pending.transaction.arrival.peer;
    const local = this.context.local(peer.protocol, peer.address);
    const makesDialog = request.method === "INVITE" || request.method === "SUBSCRIBE";
    if (makesDialog && app.status > 100 && app.status < 300) {
      for (const value of getHeaders(request, "Record-Route")) {
        response.headers.push({ name: "Record-Route", value });
      }
    }
    if (local) response.headers.push(...responseHeaders(app.headers, local));
    response.body = app.body;
    const wantsContact = (makesDialog || request.method === "UPDATE") && app.status > 100 && app.status < 300;
    if (wantsContact && getHeader(response, "Contact") === undefined && local) {
      response.headers.push({
        name: "Contact",
        value: pending.dialog?.contact ?? contactFor(local, userOf(request.uri)),
      });
    }
    return response;
  }

  private updateDialog(pending: PendingServer, response: SipResponse): void {
    const { request, transaction } = pending;
    const status = response.status;
    const makesDialog = request.method === "INVITE" || request.method === "SUBSCRIBE";
    if (!pending.dialog && makesDialog) {
      const forms =
        request.method === "INVITE" ? status > 100 && status < 300 : status >= 200 && status < 300;
      if (forms) pending.dialog = this.create(pending, response);
    }
    const dialog = pending.dialog;
    if (!dialog) return;
    const contact = getList(response, "Contact")[0];
    if (status < 300 && contact) dialog.contact = contact;
    if (makesDialog && status >= 200 && status < 300 && dialog.state === "early") {
      dialog.state = "confirmed";
      dialog.offer = undefined;
    }
    if (request.method === "INVITE") {
      if (status >= 200 && status < 300) this.sessions.accept(dialog, request, response);
      if (status >= 300 && dialog.state === "early" && dialog.inviteIn === transaction) this.life.end(dialog);
    } else if (request.method === "UPDATE" && status >= 200 && status < 300) {
      this.sessions.accept(dialog, request, response);
    }
  }

  private create(pending: PendingServer, response: SipResponse): Dialog {
    const { request, transaction } = pending;
    const remoteTag = tagOf(getHeader(request, "From")) ?? "";
    const callId = callIdOf(request);
    const dialog: Dialog = {
      dlg: dialogName(callId, remoteTag),
      role: "uas",
      kind: request.method === "INVITE" ? "INVITE" : "SUBSCRIBE",
      callId,
      localTag: pending.localTag ?? newTag(this.context.chance),
      remoteTag,
      local: getHeader(response, "To") ?? "",
      remote: getHeader(request, "From") ?? "",
      client: pending.client,
      txnId: pending.id,
      protocol: transaction.arrival.peer.protocol,
      contact: getHeader(response, "Contact") ?? "",
      state: response.status < 200 ? "early" : "confirmed",
      localSeq: Math.floor(this.context.chance.number() * 100_000),
      remoteSeq: cseqOf(request).number,
      remoteTarget: contactUri(request),
      routes: getList(request, "Record-Route"),
      hop: natHop(request, transaction.arrival.peer, true),
      peer: transaction.arrival.peer,
      inviteIn: request.method === "INVITE" ? transaction : undefined,
      call: pending.call,
      offer: response.status < 200 && request.body.length > 0 ? "theirs" : undefined,
    };
    this.context.dialogs.add(dialog);
    return dialog;
  }

  private afterwards(pending: PendingServer, response: SipResponse): void {
    const { request, dialog } = pending;
    const status = response.status;
    if (status < 200) return;
    if (request.method === "INVITE") {
      if (status < 300 && dialog) {
        this.life.awaitAck(dialog, pending.id, request, response);
        pending.call?.start("application", "uas", response);
      } else if (dialog) {
        dialog.inviteIn = undefined;
        this.life.settled(dialog);
      }
      if (status >= 300) pending.call?.stop("application", "call-rejected", response);
    }
    if (request.method === "UPDATE" && dialog) {
      dialog.updateIn = undefined;
      this.life.settled(dialog);
    }
    if (request.method === "SUBSCRIBE" && dialog && status < 300) {
      this.subscriptions.granted(dialog, request, response);
    }
    if (request.method === "NOTIFY" && dialog?.kind === "SUBSCRIBE" && isTerminated(request))
      this.life.end(dialog);
    if (request.method === "REGISTER" && status < 300) this.keepFlows(pending, response);
  }

  /** Remembers the connection of a device that registered over a stream. */
  private keepFlows(pending: PendingServer, response: SipResponse): void {
    const peer = pending.transaction.arrival.peer;
    if (peer.protocol === "udp") return;
    const seconds = Number(getHeader(response, "Expires") ?? getHeader(pending.request, "Expires") ?? 3600);
    const hop = { target: { by: "flow" as const, flow: peer.flow }, destination: peer };
    const person = personOf(getHeader(pending.request, "To"));
    for (const contact of getList(pending.request, "Contact")) {
      const own = /;\s*expires=(\d+)/i.exec(contact)?.[1];
      const lasts = own === undefined ? seconds : Number(own);
      this.context.flows.keep(uriOf(contact), person, hop, lasts, this.context.layer.wheel.now());
    }
  }
}

export function isTerminated(message: { headers: SipResponse["headers"] }): boolean {
  return /^\s*terminated/i.test(getHeader(message, "Subscription-State") ?? "");
}
