/** The stateful proxy between transactions and apps (RFC 3261 §16). */

import { parseAppMessage } from "../agent-protocol/index.ts";
import { namesUs } from "../dialog/build.ts";
import type { CoreContext } from "../dialog/context.ts";
import type { AppPort, Hop, PendingServer } from "../dialog/model.ts";
import type { CallRecord } from "../dialog/records.ts";
import { literalHop } from "../dialog/routing.ts";
import { getHeader, getList, shiftHeader } from "../message/headers.ts";
import type { InboundMessage, SipRequest } from "../message/model.ts";
import { unsupportedExtensions } from "../message/validate.ts";
import { type ServerTransaction, uriOf } from "../transaction/index.ts";
import { Challengers } from "./challengers.ts";
import { forward, isLoop, ownRoutes } from "./forward.ts";
import { type ProxyOrder, parseOrder } from "./order.ts";
import { mayForward, ProxySession, type Reporter, type Target } from "./session.ts";

const INSIDE: ProxyOrder = {
  record: false,
  redirects: false,
  parallel: false,
  provisionalMs: 0,
  finalMs: 0,
  destinations: [],
  headers: [],
};

export class ProxyCore {
  private readonly sessions = new Map<ServerTransaction, ProxySession>();
  private readonly challengers = new Challengers();

  constructor(
    private readonly context: CoreContext,
    /** Takes a request out of the hands of the user agent core. */
    private readonly release: (pending: PendingServer) => void,
  ) {}

  get size(): number {
    return this.sessions.size;
  }

  /** `proxy|…` of an app. */
  command(client: AppPort, messageId: string, fields: readonly string[], bytes: Uint8Array): void {
    const [txnId = "", ...rest] = fields;
    const pending = this.context.servers.get(txnId);
    if (!pending || pending.client !== client || !pending.transaction.open || pending.dialog) {
      client.reply(messageId, "NOK|unable to proxy unknown transaction");
      return;
    }
    const order = parseOrder(rest, parseAppMessage(bytes)?.headers ?? []);
    if (!order) {
      client.reply(messageId, "NOK|no usable destination");
      return;
    }
    const { transaction } = pending;
    this.release(pending);
    transaction.forwarded = true;
    this.context.proxying.add(client);
    const refusal = this.refusal(transaction.request);
    if (refusal) {
      const refused = this.context.refuse(transaction, refusal.status, refusal.extra);
      pending.call?.stop("application", "call-rejected", refused);
      client.reply(messageId, "OK|done");
      return;
    }
    const local = namesUs(this.context.transport.listening, transaction.request.uri);
    const now = this.context.layer.wheel.now();
    const destinations = this.challengers.order(transaction.request, order.destinations, now);
    const targets = destinations.map((uri) => ({ uri, replace: local }));
    const route = getList(transaction.request, "Route")[0];
    const preloaded = route !== undefined && namesUs(this.context.transport.listening, uriOf(route)) ? 1 : 0;
    this.begin(transaction, order, preloaded, targets, { client, messageId }, pending.call);
  }

  /** A request whose top Route is ours: goes on without an app. False when it is not such a one. */
  routed(transaction: ServerTransaction): boolean {
    const { request } = transaction;
    const own = ownRoutes(this.context, request);
    if (own.count === 0) return false;
    const refusal = this.refusal(request);
    if (refusal) this.context.refuse(transaction, refusal.status, refusal.extra);
    else this.begin(transaction, INSIDE, own.count, [this.onward(request, own)], undefined);
    return true;
  }

  /** The ACK of a 2xx on its way through: sent on without state (RFC 3261 §16.11). */
  ack(inbound: InboundMessage): boolean {
    const { message } = inbound;
    if (message.kind !== "request") return false;
    const own = ownRoutes(this.context, message);
    if (own.count === 0 || !mayForward(message)) return false;
    const target = this.onward(message, own);
    const send = (hop: Hop | undefined) => {
      if (!hop) return;
      const options = { record: false, headers: [], ownRoutes: own.count, from: inbound.peer };
      const copy = forward(this.context, message, message.uri, hop, options);
      if (copy) this.context.layer.transmit(copy.request, hop.target);
    };
    const direct = target.hop ?? literalHop(target.uri);
    if (direct) send(direct);
    else
      this.context.options.resolve(target.uri).then(
        (hops) => send(hops[0]),
        () => {},
      );
    return true;
  }

  /** A CANCEL for a proxied INVITE; false when the INVITE is not proxied. */
  cancel(invite: ServerTransaction): boolean {
    const session = this.sessions.get(invite);
    session?.cancel();
    return session !== undefined;
  }

  private begin(
    transaction: ServerTransaction,
    order: ProxyOrder,
    ownCount: number,
    targets: readonly Target[],
    reporter: Reporter | undefined,
    call?: CallRecord,
  ): void {
    const over = () => {
      this.sessions.delete(transaction);
      const { challenger } = session;
      if (challenger !== undefined)
        this.challengers.note(transaction.request, challenger, this.context.layer.wheel.now());
    };
    const session = new ProxySession(
      this.context,
      transaction,
      order,
      ownCount,
      targets,
      reporter,
      over,
      call,
    );
    this.sessions.set(transaction, session);
    session.start();
  }

  /** Next hop behind our own routes. */
  private onward(request: SipRequest, own: { count: number; flow?: string }): Target {
    const rest = { headers: request.headers.map((entry) => ({ ...entry })) };
    for (let left = own.count; left > 0; left--) shiftHeader(rest, "Route");
    const next = getList(rest, "Route")[0];
    const uri = next === undefined ? request.uri : uriOf(next);
    const flow = own.flow === undefined ? undefined : this.context.transport.flowPeer(own.flow);
    if (!flow) return { uri, replace: false };
    return {
      uri,
      replace: false,
      hop: { target: { by: "flow", flow: flow.flow }, destination: flow },
    };
  }

  private refusal(
    request: SipRequest,
  ): { status: number; extra?: { name: string; value: string }[] } | undefined {
    if (!mayForward(request)) return { status: 483 };
    if (isLoop(request)) return { status: 482 };
    if (getHeader(request, "Proxy-Require") === undefined) return undefined;
    const unknown = unsupportedExtensions(request, new Set(), "Proxy-Require");
    return { status: 420, extra: [{ name: "Unsupported", value: unknown.join(", ") }] };
  }
}
