import { getHeader } from "../message/headers.ts";
import type { InboundMessage, SipMessage, SipPeer, SipRequest, SipResponse } from "../message/model.ts";
import { reasonPhrase } from "../message/names.ts";
import { parseMessage } from "../message/parse.ts";
import { statelessResponse } from "../message/validate.ts";
import { topVia, uniqueBranch } from "../message/via.ts";
import type { SendTarget, TransportLayer } from "../transport/model.ts";
import { ClientTransaction, type Destination } from "./client.ts";
import { callIdOf, cseqOf, replyTo, tagOf } from "./fields.ts";
import type { ClientUser, TransactionUser } from "./model.ts";
import { type Arrival, ServerTransaction } from "./server.ts";
import { type SpentAnswer, SpentStore } from "./spent.ts";
import { TIMEOUT } from "./timers.ts";
import type { TimerWheel } from "./wheel.ts";

export interface TransactionCounters {
  received: number;
  sent: number;
  retransmitted: number;
  absorbed: number;
  merged: number;
  refused: number;
  /** Answered without a transaction. */
  stateless: number;
}

export interface TransactionOptions {
  readonly transport: TransportLayer;
  readonly wheel: TimerWheel;
  /** Most transactions of both kinds at once; new requests beyond are answered 503. */
  readonly limit: number;
  /** Sees every message sent (trace, defence). */
  readonly onSent?: (message: SipMessage, target: SendTarget) => void;
  /** Sees the final status of every request from the network (defence). */
  readonly onFinal?: (request: SipRequest, peer: SipPeer, status: number) => void;
  /** Whether an address is that of somebody known; others may be forged and are told little. Default: all are. */
  readonly knows?: (peer: SipPeer) => boolean;
  /** A final answer that needs no transaction (RFC 3261 §8.2.7), for new requests; undefined for all others. */
  readonly stateless?: (request: SipRequest, peer: SipPeer) => SipResponse | undefined;
}

/** Matches messages to transactions and makes new ones (RFC 3261 §17). */
export class TransactionLayer {
  readonly wheel: TimerWheel;
  readonly counters: TransactionCounters = {
    received: 0,
    sent: 0,
    retransmitted: 0,
    absorbed: 0,
    merged: 0,
    refused: 0,
    stateless: 0,
  };
  private readonly transport: TransportLayer;
  private readonly servers = new Map<string, ServerTransaction>();
  private readonly merges = new Map<string, ServerTransaction>();
  private readonly spent: SpentStore;
  private readonly clients = new Map<string, ClientTransaction>();
  private user: TransactionUser | undefined;
  private closed = false;

  constructor(private readonly options: TransactionOptions) {
    this.transport = options.transport;
    this.wheel = options.wheel;
    this.spent = new SpentStore(options.wheel, TIMEOUT);
    this.transport.onFailure((peer) => this.connectionLost(peer));
  }

  /** Sets what sits on top; before the first message. */
  attach(user: TransactionUser): void {
    this.user = user;
  }

  /** See the option. */
  knows(peer: SipPeer): boolean {
    return this.options.knows?.(peer) ?? true;
  }

  get serverCount(): number {
    return this.servers.size + this.spent.size;
  }

  get clientCount(): number {
    return this.clients.size;
  }

  /** Starts a client transaction for a request that carries its Via with a fresh branch. */
  request(
    request: SipRequest,
    branch: string,
    target: SendTarget,
    destination: Destination,
    user: ClientUser,
  ): ClientTransaction {
    const key = `${branch} ${request.method}`;
    const transaction = new ClientTransaction(this, key, request, target, destination, user);
    this.clients.set(key, transaction);
    transaction.start();
    return transaction;
  }

  /** Sends outside of any transaction (ACK of a 2xx) or on behalf of one. `bytes`: the message, where it is written already. */
  transmit(
    message: SipMessage,
    target: SendTarget,
    onFailure?: (error: unknown) => void,
    bytes?: Buffer,
  ): void {
    if (this.closed) return;
    this.counters.sent++;
    this.options.onSent?.(message, target);
    this.transport.send(message, target, bytes).then(undefined, (error: unknown) => {
      if (!this.closed) onFailure?.(error);
    });
  }

  /** Sends a request once more, unless a connection took it in the meantime (RFC 3261 §18.1.1) or it waits for one. */
  repeat(request: SipRequest, target: SendTarget): void {
    if (this.transport.holds?.(request)) return;
    this.counters.retransmitted++;
    this.transmit(request, target);
  }

  private retransmit(spent: SpentAnswer): void {
    const parsed = parseMessage(spent.bytes);
    if (parsed.ok) this.transmit(parsed.message, spent.target, undefined, spent.bytes);
  }

  /** Every received message goes in here. */
  receive(inbound: InboundMessage): void {
    if (this.closed) return;
    this.counters.received++;
    const message = inbound.message;
    if (message.kind === "request") {
      this.receiveRequest(message, inbound);
      return;
    }
    const branch = topVia(message)?.params.get("branch");
    const client = this.clients.get(`${branch} ${cseqOf(message).method}`);
    if (client) client.receive(message, inbound);
    else this.user?.onStrayResponse(inbound);
  }

  /** Used by server transactions when they answer finally. */
  answered(transaction: ServerTransaction, status: number): void {
    this.options.onFinal?.(transaction.request, transaction.arrival.peer, status);
  }

  /**
   * A request other than INVITE has its final answer: from now until timer J only copies of it can come, so nothing is
   * kept but the answer as it went out (RFC 3261 §17.2.2).
   */
  retire(transaction: ServerTransaction, bytes: Buffer): void {
    // What a proxy passed on may come back over another path or changed (RFC 3261 §16.3).
    this.spent.keep(transaction.key, transaction.forwarded ? "" : transaction.mergeKey, {
      bytes,
      target: transaction.target,
    });
    transaction.terminate();
  }

  /** Used by the transactions when they end. */
  forgetServer(transaction: ServerTransaction): void {
    this.servers.delete(transaction.key);
    if (this.merges.get(transaction.mergeKey) === transaction) this.merges.delete(transaction.mergeKey);
  }

  forgetClient(transaction: ClientTransaction): void {
    this.clients.delete(transaction.key);
  }

  /** Ends every transaction in silence. */
  close(): void {
    this.closed = true;
    for (const transaction of [...this.servers.values()]) transaction.terminate();
    for (const transaction of [...this.clients.values()]) transaction.terminate();
    this.spent.clear();
  }

  private receiveRequest(request: SipRequest, inbound: InboundMessage): void {
    const key = serverKey(request);
    if (request.method === "ACK") {
      if (!this.servers.get(key)?.receiveAck()) this.user?.onAck(inbound);
      return;
    }
    const known = this.servers.get(key);
    if (known) {
      known.receiveCopy();
      return;
    }
    const spent = this.spent.find(key);
    if (spent !== undefined) {
      this.counters.absorbed++;
      this.retransmit(spent);
      return;
    }
    const target = replyTarget(inbound.peer);
    const atOnce = this.options.stateless?.(request, inbound.peer);
    if (atOnce) {
      this.counters.stateless++;
      this.transmit(atOnce, target);
      this.options.onFinal?.(request, inbound.peer, atOnce.status);
      return;
    }
    const arrival: Arrival = {
      peer: inbound.peer,
      localAddress: inbound.localAddress,
      localPort: inbound.localPort,
      bytes: inbound.bytes,
    };
    const merge = mergeKey(request);
    const transaction = new ServerTransaction(this, key, merge, request, arrival, target);
    const refusal = this.refusalOf(request, merge);
    if (refusal === 503) {
      // At the limit nothing more is kept, not even this answer; spread over time they come back.
      const busy = statelessResponse(request, 503);
      busy.headers.push({ name: "Retry-After", value: retryAfter() });
      this.transmit(busy, target);
      return;
    }
    this.servers.set(key, transaction);
    if (refusal !== undefined) {
      transaction.respond(replyTo(request, refusal, reasonPhrase(refusal), "zj"));
      return;
    }
    if (request.method === "CANCEL") {
      this.receiveCancel(transaction);
      return;
    }
    this.merges.set(merge, transaction);
    this.user?.onRequest(transaction);
  }

  private refusalOf(request: SipRequest, merge: string): number | undefined {
    if (this.servers.size + this.clients.size >= this.options.limit) {
      this.counters.refused++;
      return 503;
    }
    // The same request over another path: only one copy is served (RFC 3261 §8.2.2.2).
    if (
      request.method !== "CANCEL" &&
      !tagOf(getHeader(request, "To")) &&
      (this.merges.get(merge)?.forwarded === false || this.spent.merged(merge))
    ) {
      this.counters.merged++;
      return 482;
    }
    return undefined;
  }

  private receiveCancel(cancel: ServerTransaction): void {
    const invite = this.servers.get(serverKey({ ...cancel.request, method: "INVITE" }));
    const status = invite ? 200 : 481;
    cancel.respond(replyTo(cancel.request, status, reasonPhrase(status), "zj"));
    if (invite) this.user?.onCancel(cancel, invite);
  }

  private connectionLost(peer: SipPeer): void {
    for (const transaction of [...this.clients.values()]) {
      const to = transaction.destination;
      if (to.port === peer.port && to.address === peer.address && to.protocol === peer.protocol) {
        transaction.connectionLost();
      }
    }
  }
}

/** RFC 3261 §17.2.3; ACK maps to its INVITE. Without a usable branch the fields of RFC 2543 identify the request. */
export function serverKey(request: SipRequest): string {
  const method = request.method === "ACK" ? "INVITE" : request.method;
  const via = topVia(request);
  const branch = via && uniqueBranch(via);
  if (via && branch) return `${branch} ${via.host.toLowerCase()}:${via.port ?? ""} ${method}`;
  const cseq = cseqOf(request).number;
  const from = tagOf(getHeader(request, "From")) ?? "";
  return `${callIdOf(request)} ${cseq} ${from} ${request.uri} ${via?.host ?? ""}:${via?.port ?? ""} ${method}`;
}

function mergeKey(request: SipRequest): string {
  return `${callIdOf(request)} ${tagOf(getHeader(request, "From")) ?? ""} ${getHeader(request, "CSeq") ?? ""}`;
}

/** Seconds of a Retry-After, spread so that not all come back at once. */
export function retryAfter(): string {
  return String(5 + Math.floor(Math.random() * 25));
}

/** The transport hands the same object up for the same peer, as long as it knows it. */
const targets = new WeakMap<SipPeer, SendTarget>();

/** Responses go back to where the request came from: the connection, or the packet's source (RFC 3581, forced). */
export function replyTarget(peer: SipPeer): SendTarget {
  const known = targets.get(peer);
  if (known) return known;
  const { protocol, flow, address, port } = peer;
  const target: SendTarget =
    protocol === "udp" ? { by: "address", protocol, address, port } : { by: "flow", flow };
  targets.set(peer, target);
  return target;
}
