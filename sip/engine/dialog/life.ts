import { getHeader, getHeaders, getList, removeHeader, setHeader } from "../message/headers.ts";
import type { SipHeader, SipRequest, SipResponse } from "../message/model.ts";
import {
  type ClientTransaction,
  contactTarget,
  cseqOf,
  hostPortOf,
  T1,
  TIMEOUT,
  uriOf,
} from "../transaction/index.ts";
import { dialogRequest, isPrivate, namesAddress } from "./build.ts";
import { type CoreContext, NOTHING } from "./context.ts";
import type { AnsweredInvite, Dialog, HeldOffer, Hop, PendingClient } from "./model.ts";
import { endOf } from "./records.ts";
import { literalHop, personOf } from "./routing.ts";

/** Making, refreshing and ending dialogs: what both roles share. */
export class DialogLife {
  /** Requests of the engine's own that have no answer yet, and who waits for them. */
  private readonly alone = new Set<SipRequest>();
  private waiters: (() => void)[] = [];

  constructor(private readonly context: CoreContext) {}

  /** Next hop of a dialog: the fixed one, else its first route or target. */
  async hopOf(dialog: Dialog, request: SipRequest): Promise<readonly Hop[]> {
    const direct = this.directHop(dialog, request);
    if (direct) return [direct];
    return this.context.options.resolve(nextUri(request));
  }

  /** The hop when it needs no look-up. */
  directHop(dialog: Dialog, request: SipRequest): Hop | undefined {
    const present = this.presentHop(dialog);
    if (present) return present;
    const literal = literalHop(nextUri(request));
    return (
      literal && (this.mayTake(dialog.hop, request, literal) ? certified(literal, dialog.hop) : dialog.hop)
    );
  }

  /**
   * The fixed hop while it is there. A device whose connection broke in the call and that registered anew is reached over
   * the new one (RFC 5626 §5.3), everybody else by the Contact (RFC 3261 §12.2.1.1): then there is none. One that nobody
   * can open a connection to keeps the broken one, over which the request fails at once.
   */
  private presentHop(dialog: Dialog): Hop | undefined {
    const { hop, remote, remoteTarget } = dialog;
    if (!hop || this.stands(hop)) return hop;
    const anew = this.context.flows.find(remoteTarget, personOf(remote), this.context.layer.wheel.now());
    if (anew && this.stands(anew)) return anew;
    return reachable(remoteTarget, hop.destination) ? undefined : hop;
  }

  /** False for a connection that is gone. */
  private stands({ target }: Hop): boolean {
    return target.by !== "flow" || this.context.transport.flowPeer(target.flow) !== undefined;
  }

  /** Whether a request of a dialog whose connection broke may take that other way. */
  private mayTake(broken: Hop | undefined, request: SipRequest, { destination }: Hop): boolean {
    if (!broken) return true;
    if (!this.context.local(destination.protocol, destination.address)) return false;
    // Keys of the voice that were exchanged under TLS do not go out in the clear.
    return (
      request.body.length === 0 || broken.destination.protocol !== "tls" || destination.protocol === "tls"
    );
  }

  /**
   * Sends a request or an ACK in the dialog. Calls `sent` with the way taken, at once when no name needs a look-up;
   * `failed` when there is none.
   */
  withHop(
    dialog: Dialog,
    request: SipRequest,
    sent: (hop: Hop, spare: readonly Hop[]) => void,
    failed: () => void,
  ): void {
    const direct = this.directHop(dialog, request);
    if (direct) {
      sent(direct, []);
      return;
    }
    const broken = dialog.hop;
    // Over the broken connection the request fails, and the call ends as with a peer that is gone.
    const lost = () => (broken ? sent(broken, []) : failed());
    this.context.options.resolve(nextUri(request)).then((found) => {
      const hops = found.filter((hop) => this.mayTake(broken, request, hop));
      const [first, ...spare] = this.context.ways.order(hops, this.context.layer.wheel.now(), dialog.peer);
      if (first) sent(first, spare);
      else lost();
    }, lost);
  }

  /** The engine's own BYE; `text` is shown to the app in an unsolicited BYE, none is shown when it is left out. */
  bye(dialog: Dialog, text?: string): void {
    if (dialog.state === "ended") return;
    dialog.localSeq++;
    const extra: SipHeader[] = text ? [{ name: "Reason", value: `SIP;cause=200;text="${text}"` }] : [];
    const bye = dialogRequest(dialog, "BYE", dialog.localSeq, extra, NOTHING);
    if (text !== undefined) {
      removeHeader(bye, "Reason");
      this.context.unsolicited(dialog, bye, text);
      setHeader(bye, "Reason", `SIP;cause=200;text="${text}"`);
    }
    dialog.call?.stop("application", endOf(text), bye);
    this.end(dialog);
    this.sendAlone(dialog, bye);
  }

  /** A request of the engine whose answer nobody waits for. */
  sendAlone(dialog: Dialog, request: SipRequest): void {
    this.withHop(
      dialog,
      request,
      (hop, spare) => this.sendAlong(request, hop, spare),
      () => {},
    );
  }

  private sendAlong(request: SipRequest, hop: Hop, spare: readonly Hop[]): void {
    const branch = this.context.stamp(request, hop);
    if (!branch) return;
    const over = () => {
      if (!this.alone.delete(request) || this.alone.size > 0) return;
      const waiters = this.waiters;
      this.waiters = [];
      for (const tell of waiters) tell();
    };
    this.alone.add(request);
    this.context.layer.request(request, branch, hop.target, hop.destination, {
      onResponse: (response) => {
        if (response.status >= 200) over();
      },
      onFailure: () => {
        this.context.ways.failed(hop, this.context.layer.wheel.now());
        const [next, ...rest] = spare;
        if (next) {
          this.alone.delete(request);
          this.sendAlong({ ...request, headers: request.headers.slice(1) }, next, rest);
        } else over();
      },
      onTerminated: over,
    });
  }

  /** Resolves when every request sent alone has its answer, after `waitMs` at the latest. */
  quiet(waitMs: number): Promise<void> {
    if (this.alone.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = this.context.after(waitMs, () => {
        this.alone.clear();
        resolve();
      });
      this.waiters.push(() => {
        limit.cancel();
        resolve();
      });
    });
  }

  /** Ends the dialog and everything that runs for it; what is on its way still gets its answers. */
  end(dialog: Dialog): void {
    if (dialog.state === "ended") return;
    dialog.state = "ended";
    this.stopUnacked(dialog);
    dialog.answered?.deadline?.cancel();
    dialog.session?.timer?.cancel();
    dialog.session = undefined;
    dialog.expiry?.cancel();
    dialog.inviteOut?.expectEnd();
    this.context.dialogs.remove(dialog);
    this.releaseHeld(dialog);
    this.settled(dialog);
  }

  /** Sends what waited for the ACK. */
  releaseHeld(dialog: Dialog): void {
    const held = dialog.afterAck ?? [];
    dialog.afterAck = undefined;
    for (const send of held) send();
  }

  /** Holds an offer back until another exchange of the dialog is over; `giveUp` when that takes 64·T1. */
  holdOffer(dialog: Dialog, run: () => void, giveUp: () => void): void {
    const held: HeldOffer = {
      run,
      deadline: this.context.after(TIMEOUT, () => {
        dialog.heldOffers = dialog.heldOffers?.filter((one) => one !== held);
        giveUp();
      }),
    };
    dialog.heldOffers = [...(dialog.heldOffers ?? []), held];
  }

  /** An exchange of offer and answer is over: what waited has its turn, and looks itself whether the way is free. */
  settled(dialog: Dialog): void {
    const held = dialog.heldOffers ?? [];
    dialog.heldOffers = undefined;
    for (const { run, deadline } of held) {
      deadline.cancel();
      run();
    }
  }

  /** Notes an offer of ours that is on its way. */
  enter(dialog: Dialog, transaction: ClientTransaction, request: SipRequest): void {
    if (request.method === "INVITE") dialog.inviteOut = transaction;
    else if (request.method === "UPDATE" && request.body.length > 0) dialog.updateOut = transaction;
    if (request.body.length > 0) dialog.localSdp = request.body;
  }

  /** Takes the note back: the request has its answer. */
  leave(dialog: Dialog, { transaction }: Pick<PendingClient, "transaction">): void {
    if (transaction && dialog.inviteOut === transaction) dialog.inviteOut = undefined;
    if (transaction && dialog.updateOut === transaction) dialog.updateOut = undefined;
  }

  stopUnacked(dialog: Dialog): void {
    dialog.unacked?.repeat.cancel();
    dialog.unacked?.deadline.cancel();
    dialog.unacked = undefined;
  }

  /** Sends the ACK of a 2xx and keeps it for repeats of the 2xx. */
  acknowledge(
    dialog: Dialog,
    answered: AnsweredInvite,
    extra: readonly SipHeader[],
    body: Uint8Array,
  ): SipRequest {
    const ack = dialogRequest(dialog, "ACK", answered.cseq, extra, body);
    // Credentials of the INVITE are good for its ACK too (RFC 3261 §22.1).
    for (const name of ["Authorization", "Proxy-Authorization"]) {
      if (getHeader(ack, name) !== undefined) continue;
      for (const value of getHeaders(answered.invite, name)) ack.headers.push({ name, value });
    }
    answered.ack = ack;
    answered.deadline?.cancel();
    answered.deadline = this.context.after(TIMEOUT, () => {
      if (dialog.answered === answered) dialog.answered = undefined;
    });
    this.sendAck(dialog, answered, ack);
    this.settled(dialog);
    return ack;
  }

  private sendAck(dialog: Dialog, answered: AnsweredInvite, ack: SipRequest): void {
    this.withHop(
      dialog,
      ack,
      (hop, spare) => {
        answered.hop = hop;
        answered.spare = spare;
        if (this.context.stamp(ack, hop)) this.context.layer.transmit(ack, hop.target);
      },
      () => {},
    );
  }

  /** Another copy of a 2xx we have acknowledged. */
  acknowledgeAgain(dialog: Dialog, answered: AnsweredInvite): void {
    if (answered.ack && answered.hop && !this.stands(answered.hop)) {
      answered.ack = { ...answered.ack, headers: answered.ack.headers.slice(1) };
      this.sendAck(dialog, answered, answered.ack);
      return;
    }
    const [next, ...rest] = answered.spare ?? [];
    if (next && answered.hop) {
      this.context.ways.failed(answered.hop, this.context.layer.wheel.now());
      answered.hop = next;
      answered.spare = rest;
    }
    if (answered.ack && answered.hop) this.context.layer.transmit(answered.ack, answered.hop.target);
  }

  /** A 2xx of ours goes out until its ACK comes; after 64·T1 the call is given up (RFC 3261 §13.3.1.4). */
  awaitAck(dialog: Dialog, txnId: string, invite: SipRequest, response: SipResponse): void {
    const transaction = dialog.inviteIn;
    if (!transaction) return;
    this.stopUnacked(dialog);
    dialog.unacked = {
      cseq: cseqOf(invite).number,
      txnId,
      transaction,
      response,
      repeat: this.context.repeat(transaction, response, 8 * T1),
      deadline: this.context.after(TIMEOUT, () => {
        // A BYE of the app that waits for the ACK says it all.
        if (dialog.afterAck) this.end(dialog);
        else this.bye(dialog, "ACK timeout");
      }),
    };
  }

  /** Target refresh (RFC 3261 §12.2.2, RFC 3311 §5). */
  refreshTarget(dialog: Dialog, message: SipRequest | SipResponse): void {
    dialog.remoteTarget = contactTarget(message, dialog.remoteTarget);
  }
}

/** First Route of a request, else its Request-URI (RFC 3261 §8.1.2). */
export function nextUri(request: SipRequest): string {
  const route = getList(request, "Route")[0];
  return route ? uriOf(route) : request.uri;
}

/** Whether a peer whose connection is gone can be reached by its Contact: no browser, no device behind the NAT of that peer. */
function reachable(contact: string, { protocol, address }: Hop["destination"]): boolean {
  if (protocol === "ws" || protocol === "wss") return false;
  return !isPrivate(hostPortOf(contact)?.host ?? "") || isPrivate(address);
}

/** The way to the server we had a TLS connection with: it shows the certificate of the same name again. */
function certified(way: Hop, former: Hop | undefined): Hop {
  const { target, destination } = way;
  const same = former?.destination.protocol === "tls" && former.destination.address === destination.address;
  if (!same || !former.serverName || target.by !== "address" || target.protocol !== "tls") return way;
  return { target: { ...target, serverName: former.serverName }, destination };
}

/**
 * Where in-dialog requests must go instead of the Contact: over the peer's connection on streams, to the source on
 * UDP when the Contact without Record-Route is not where the packet came from (`strict`), or is a private address.
 * `sent`: the way of the request that `message` answers.
 */
export function natHop(
  message: SipRequest | SipResponse,
  peer: { protocol: Hop["destination"]["protocol"]; address: string; port: number; flow: string },
  strict: boolean,
  sent?: Hop,
): Hop | undefined {
  if (getHeader(message, "Record-Route") !== undefined) return undefined;
  const destination = { protocol: peer.protocol, address: peer.address, port: peer.port };
  if (peer.protocol !== "udp") {
    const serverName = sent?.target.by === "address" ? sent.target.serverName : sent?.serverName;
    return { target: { by: "flow", flow: peer.flow }, destination, ...(serverName ? { serverName } : {}) };
  }
  const contact = getList(message, "Contact")[0];
  const uri = contact ? uriOf(contact) : "";
  if (contact && namesAddress(uri, peer.address, peer.port)) return undefined;
  const host = hostPortOf(uri)?.host ?? "";
  if (!strict && contact && !isPrivate(host)) return undefined;
  return {
    target: { by: "address", protocol: "udp", address: peer.address, port: peer.port },
    destination,
  };
}
