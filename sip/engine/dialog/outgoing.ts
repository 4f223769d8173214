import type { AppRequest } from "../agent-protocol/index.ts";
import { parseRAck } from "../message/fields.ts";
import { getHeader } from "../message/headers.ts";
import type { SipHeader, SipRequest } from "../message/model.ts";
import { isTokenText } from "../message/tokens.ts";
import { cseqOf, tagOf, uriOf } from "../transaction/index.ts";
import {
  completeContentType,
  contactFor,
  contentLast,
  dialogRequest,
  localAuthority,
  namesUs,
  newBranch,
  newTag,
  protocolOf,
  requestHeaders,
  viaFor,
  withLocal,
} from "./build.ts";
import type { CoreContext } from "./context.ts";
import type { DialogLife } from "./life.ts";
import type { AppPort, Dialog, Hop, PendingClient } from "./model.ts";
import type { NetworkAnswers } from "./network-answers.ts";
import { mustWait } from "./offers.ts";
import { flowFor, literalHop } from "./routing.ts";

const FLOW_METHODS = new Set(["INVITE", "OPTIONS", "NOTIFY", "MESSAGE", "SUBSCRIBE", "REFER"]);
const NO_DIALOG = "NOK|Server error: unable to find dialog for dialog id provided";

/** Requests of the app. */
export class Outgoing {
  constructor(
    private readonly context: CoreContext,
    private readonly life: DialogLife,
    private readonly answers: NetworkAnswers,
  ) {}

  /** `sip|TXN|DLG|PROXY` with a request. */
  send(client: AppPort, messageId: string, fields: readonly string[], app: AppRequest): void {
    const [txnId = "", dlg = "", proxy = ""] = fields;
    if (app.method === "CANCEL") this.cancel(client, messageId, txnId, app);
    else if (dlg !== "" || app.method === "ACK" || app.method === "PRACK") {
      const dialog = app.method === "PRACK" ? this.forkOf(dlg, app) : this.context.dialogs.named(dlg);
      if (!dialog) client.reply(messageId, NO_DIALOG);
      else if (app.method === "ACK") this.ack(client, messageId, dialog, app);
      else this.inDialog(client, messageId, dialog, app);
    } else {
      const dialog = this.meant(client, app);
      if (dialog) this.inDialog(client, messageId, dialog, app);
      else this.outside(client, messageId, proxy, app);
    }
  }

  /**
   * The app's live dialog whose Call-ID and tags it wrote itself (RFC 3261 §12.2.1.1). The Call-ID alone names none: both
   * sides of a call, its forks and a repetition with credentials may share it.
   */
  private meant(client: AppPort, app: AppRequest): Dialog | undefined {
    const [callId, from, to] = ["Call-ID", "From", "To"].map((name) => getHeader(app, name));
    const [local, remote] = [tagOf(from), tagOf(to)];
    if (callId === undefined || local === undefined || remote === undefined) return undefined;
    const dialog = this.context.dialogs.find(callId, local, remote);
    return dialog && this.context.absences.same(dialog.client, client) ? dialog : undefined;
  }

  /** The early dialog a PRACK is for: peers of a fork share the app's name, their RSeq tells them apart. */
  private forkOf(dlg: string, prack: AppRequest): Dialog | undefined {
    const named = this.context.dialogs.named(dlg);
    const invite = named && this.context.clients.get(named.txnId);
    const rseq = parseRAck(getHeader(prack, "RAck") ?? "")?.rseq;
    const due = invite?.unpracked?.find((one) => one.rseq === rseq);
    if (!invite || !due) return named;
    invite.unpracked = invite.unpracked?.filter((one) => one !== due);
    return invite.forks.get(due.tag) ?? named;
  }

  private outside(client: AppPort, messageId: string, proxy: string, app: AppRequest): void {
    if (!completeContentType(app)) {
      client.reply(messageId, "NOK|missing content-type");
      return;
    }
    if (!isTokenText(app.method) || !/^(sips?|tel):/i.test(app.uri)) {
      client.reply(messageId, "NOK|invalid request-uri");
      return;
    }
    const route = app.headers.find((entry) => entry.name === "Route")?.value;
    const next = route !== undefined ? uriOf(route) : proxy !== "" ? proxyUri(proxy) : app.uri;
    const to = app.headers.find((entry) => entry.name === "To")?.value;
    const flow = FLOW_METHODS.has(app.method)
      ? flowFor(this.context.flows, next, to, app.uri, this.context.layer.wheel.now())
      : undefined;
    // A connection known leads elsewhere, though the device's private address may be one of ours too.
    const points = this.context.transport.listening.filter(({ protocol }) => protocol === protocolOf(next));
    if (!flow && proxy === "" && namesUs(points, next)) {
      client.reply(messageId, "NOK|can not send request to myself");
      return;
    }
    const hop = flow ?? literalHop(next);
    if (hop) {
      this.launch(client, messageId, app, proxy, [hop]);
      return;
    }
    this.context.options.resolve(next).then(
      (hops) => {
        const ordered = this.context.ways.order(hops, this.context.layer.wheel.now());
        this.launch(client, messageId, app, proxy, ordered);
      },
      () => this.launch(client, messageId, app, proxy, []),
    );
  }

  private launch(
    client: AppPort,
    messageId: string,
    app: AppRequest,
    proxy: string,
    hops: readonly Hop[],
  ): void {
    const [hop, ...spare] = hops.filter((one) =>
      this.context.local(one.destination.protocol, one.destination.address),
    );
    if (!hop) {
      client.reply(
        messageId,
        hops.length > 0
          ? "NOK|requested protocol/transport not available"
          : "NOK|unable to resolve destination",
      );
      return;
    }
    const local = this.context.local(hop.destination.protocol, hop.destination.address);
    if (!local) return;
    const { chance } = this.context;
    const find = (name: string) => app.headers.find((entry) => entry.name === name)?.value;
    const branch = newBranch(this.context.chance);
    const lines: SipHeader[] = [{ name: "Via", value: viaFor(local, branch) }];
    if (proxy !== "" && /;lr\b/i.test(proxy) && find("Route") === undefined) {
      lines.push({ name: "Route", value: `<${proxyUri(proxy)}>` });
    }
    if (find("Max-Forwards") === undefined) lines.push({ name: "Max-Forwards", value: "70" });
    let from = withLocal(find("From") ?? `<sip:${localAuthority(local)}>`, local);
    if (tagOf(from) === undefined) from = `${from};tag=${newTag(chance)}`;
    lines.push({ name: "From", value: from });
    lines.push({ name: "To", value: withLocal(find("To") ?? `<${app.uri}>`, local) });
    lines.push({ name: "Call-ID", value: find("Call-ID") ?? chance.id() });
    const given = /^\s*(\d{1,10})/.exec(find("CSeq") ?? "")?.[1];
    lines.push({
      name: "CSeq",
      value: `${given ?? 1 + Math.floor(chance.number() * 1_000_000)} ${app.method}`,
    });
    lines.push(...requestHeaders(app.headers, local, false));
    const request: SipRequest = {
      kind: "request",
      method: app.method,
      uri: app.uri,
      headers: lines,
      body: app.body,
    };
    if ((app.method === "INVITE" || app.method === "SUBSCRIBE") && find("Contact") === undefined) {
      request.headers.push({ name: "Contact", value: contactFor(local) });
    }
    contentLast(request);
    const pending: PendingClient = {
      id: this.context.chance.id(),
      client,
      request,
      hop,
      spare,
      forks: new Map(),
      cancelled: false,
      rseqs: new Map(),
      call: app.method === "INVITE" ? this.context.attempt("application", request) : undefined,
    };
    this.context.clients.set(pending.id, pending);
    this.context.echo(client, messageId, hop.destination, request, pending.id);
    this.answers.failover.begin(pending, branch);
  }

  private inDialog(client: AppPort, messageId: string, dialog: Dialog, app: AppRequest): void {
    if (!completeContentType(app)) {
      client.reply(messageId, "NOK|missing content-type");
      return;
    }
    const given = Number(/^\s*(\d{1,10})/.exec(getHeader(app, "CSeq") ?? "")?.[1] ?? 0);
    dialog.localSeq = Math.max(dialog.localSeq + 1, given);
    const draft = dialogRequest(dialog, app.method, dialog.localSeq, [], app.body);
    this.life.withHop(
      dialog,
      draft,
      (hop, spare) => this.launchInDialog(client, messageId, dialog, app, draft, hop, spare),
      () => client.reply(messageId, "NOK|unable to resolve destination"),
    );
  }

  private launchInDialog(
    client: AppPort,
    messageId: string,
    dialog: Dialog,
    app: AppRequest,
    request: SipRequest,
    hop: Hop,
    spare: readonly Hop[],
  ): void {
    const local = this.context.local(hop.destination.protocol, hop.destination.address);
    if (!local) {
      client.reply(messageId, "NOK|requested protocol/transport not available");
      return;
    }
    const known = request.headers.length;
    request.headers.push(...requestHeaders(app.headers, local, true));
    const offersContact = ["INVITE", "SUBSCRIBE", "REFER", "UPDATE", "NOTIFY"].includes(app.method);
    if (offersContact && getHeader(request, "Contact") === undefined) {
      request.headers.push({ name: "Contact", value: dialog.contact });
    }
    if (app.method === "INVITE" || app.method === "UPDATE") {
      request.headers.push(...this.answers.sessions.keep(dialog, request.headers));
    }
    const own = request.headers.slice(known);
    contentLast(request);
    const branch = newBranch(this.context.chance);
    request.headers.unshift({ name: "Via", value: viaFor(local, branch) });
    const pending: PendingClient = {
      id: this.context.chance.id(),
      client,
      request,
      hop,
      dialog,
      spare,
      own,
      forks: new Map(),
      cancelled: false,
      rseqs: new Map(),
    };
    this.context.clients.set(pending.id, pending);
    this.context.echo(client, messageId, hop.destination, request, pending.id);
    const user = this.answers.userOf(pending);
    const begin = () => {
      pending.transaction = this.context.layer.request(request, branch, hop.target, hop.destination, user);
      this.life.enter(dialog, pending.transaction, request);
    };
    if (app.method === "INVITE" || (app.method === "UPDATE" && app.body.length > 0)) {
      this.offer(dialog, pending, begin);
      return;
    }
    // The answer to an offer that came in a reliable provisional (RFC 3262 §5).
    if (app.method === "PRACK" && app.body.length > 0) dialog.offer = undefined;
    if (app.method === "BYE") {
      dialog.call?.stop("application", "normal-release", request);
      dialog.leaving = true;
      dialog.session?.timer?.cancel();
      this.cancelReinvite(dialog);
      const held = dialog.inviteIn && this.context.serverOf.get(dialog.inviteIn)?.heldFinal;
      if (dialog.role === "uas" && (dialog.unacked || held)) {
        // The callee must not send BYE before the ACK (RFC 3261 §15).
        hold(dialog, begin);
        return;
      }
    }
    begin();
  }

  /** Sends an offer in its turn: one exchange at a time (RFC 3261 §14.1, RFC 3311 §5.1). */
  private offer(dialog: Dialog, pending: PendingClient, begin: () => void): void {
    if (dialog.state === "ended" || dialog.leaving) this.answers.fabricated(pending, 481);
    else if (pending.cancelled) this.answers.fabricated(pending, 487);
    else if (mustWait(dialog, pending.request.method)) {
      this.life.holdOffer(
        dialog,
        () => this.offer(dialog, pending, begin),
        () => this.answers.fabricated(pending, 491),
      );
    } else begin();
  }

  private cancelReinvite(dialog: Dialog): void {
    const running: PendingClient[] = [];
    for (const pending of this.context.clients.values()) if (pending.dialog === dialog) running.push(pending);
    for (const pending of running) {
      if (this.answers.retries.stop(pending)) continue;
      if (pending.request.method === "INVITE") this.sendCancel(pending, []);
    }
  }

  private ack(client: AppPort, messageId: string, dialog: Dialog, app: AppRequest): void {
    const answered = dialog.answered;
    if (!answered || answered.ack) {
      client.reply(messageId, "NOK|no INVITE waits for an ACK");
      return;
    }
    if (!completeContentType(app)) {
      client.reply(messageId, "NOK|missing content-type");
      return;
    }
    const local = this.context.local(dialog.protocol, dialog.hop?.destination.address ?? "");
    const extra = local ? requestHeaders(app.headers, local, true) : [];
    const ack = this.life.acknowledge(dialog, answered, extra, app.body);
    const destination = answered.hop?.destination ?? { protocol: dialog.protocol, address: "", port: 0 };
    this.context.echo(client, messageId, destination, ack, this.context.chance.id(), dialog.dlg);
    if (answered.byeAfterAck) this.life.bye(dialog, "ACK-BYE due to cancel race condition");
  }

  private cancel(client: AppPort, messageId: string, txnId: string, app: AppRequest): void {
    const pending = this.context.clients.get(txnId);
    const own = pending && this.context.absences.same(pending.client, client);
    if (!pending || !own || pending.request.method !== "INVITE") {
      client.reply(messageId, `NOK|unable to cancel unknown transaction id: ${txnId}`);
      return;
    }
    const cancel = this.sendCancel(pending, app.headers);
    this.context.echo(client, messageId, pending.hop.destination, cancel, this.context.chance.id());
    this.answers.retries.stop(pending);
  }

  /** CANCEL of an INVITE of ours; waits for the first provisional (RFC 3261 §9.1). */
  sendCancel(pending: PendingClient, headers: readonly SipHeader[]): SipRequest {
    const invite = pending.request;
    const local = this.context.local(pending.hop.destination.protocol, pending.hop.destination.address);
    const lines: SipHeader[] = [];
    const via = invite.headers.find((entry) => entry.name === "Via");
    if (via) lines.push({ ...via });
    for (const entry of invite.headers) if (entry.name === "Route") lines.push({ ...entry });
    for (const name of ["Max-Forwards", "From", "To", "Call-ID"]) {
      const value = getHeader(invite, name);
      if (value !== undefined) lines.push({ name, value });
    }
    lines.push({ name: "CSeq", value: `${cseqOf(invite).number} CANCEL` });
    const barred = new Set(["Contact", "P-Asserted-Identity"]);
    if (local) lines.push(...requestHeaders(headers, local, true).filter((entry) => !barred.has(entry.name)));
    const cancel: SipRequest = {
      kind: "request",
      method: "CANCEL",
      uri: invite.uri,
      headers: lines,
      body: new Uint8Array(0),
    };
    if (pending.cancelled) return cancel;
    pending.cancelled = true;
    pending.call?.stop("application", "call-canceled", cancel);
    if (pending.transaction?.state === "proceeding") this.answers.launchCancel(pending, cancel);
    else pending.heldCancel = cancel;
    return cancel;
  }
}

/** The outbound proxy of an app: parameters of a URI without brackets are the URI's own here (";transport=tcp"). */
function proxyUri(proxy: string): string {
  return proxy.includes("<") ? uriOf(proxy) : proxy.trim();
}

function hold(dialog: Dialog, send: () => void): void {
  dialog.afterAck = [...(dialog.afterAck ?? []), send];
}
