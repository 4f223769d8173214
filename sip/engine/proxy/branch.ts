/** One destination of a proxied request: its ways, its timers, its CANCEL. */
import { cancelOf } from "../dialog/build.ts";
import type { Hop } from "../dialog/model.ts";
import type { CallRecord } from "../dialog/records.ts";
import type { InboundMessage, SipRequest, SipResponse } from "../message/model.ts";
import type { ClientTransaction, Timer } from "../transaction/index.ts";
import { forward, withoutTopVia } from "./forward.ts";
import type { ProxySession, Target } from "./session.ts";

/** Timer C (RFC 3261 §16.6 step 11): longer than three minutes, ms. */
export const TIMER_C = 185_000;

export class Branch {
  ended = false;
  hop: Hop | undefined;
  private ways: readonly Hop[] = [];
  private sent: SipRequest | undefined;
  /** This side in the records of calls. */
  call: CallRecord | undefined;
  private transaction: ClientTransaction | undefined;
  private provisional = false;
  private cancelled = false;
  private cancelSent = false;
  private timedOut = false;
  private readonly timers = new Map<"c" | "provisional" | "final", Timer>();

  constructor(
    private readonly session: ProxySession,
    readonly target: Target,
  ) {}

  /** Sends the request on the first way; further ways are for failures (RFC 3263 §4.3). */
  start(ways: readonly Hop[]): void {
    if (this.ended) return;
    this.ways = ways;
    const { order, context } = this.session;
    if (order.finalMs > 0)
      this.timers.set(
        "final",
        context.after(order.finalMs, () => this.giveUp("timeout")),
      );
    this.tryNext();
  }

  private tryNext(): void {
    const { context, request, order, ownRoutes, transaction } = this.session;
    const [hop, ...rest] = this.ways;
    this.ways = rest;
    if (!hop) {
      this.end();
      this.session.failed(this, "transport");
      return;
    }
    const uri = this.target.replace ? this.target.uri : request.uri;
    const { record, headers } = order;
    const copy = forward(context, request, uri, hop, {
      record,
      headers,
      ownRoutes,
      from: transaction.arrival.peer,
    });
    if (!copy) {
      this.tryNext();
      return;
    }
    this.hop = hop;
    this.sent = copy.request;
    this.call ??= this.session.attempt(copy.request);
    this.provisional = false;
    this.arm("provisional", order.provisionalMs);
    this.armC();
    const attempt = context.layer.request(copy.request, copy.branch, hop.target, hop.destination, {
      onResponse: (response, inbound) => this.response(response, inbound),
      onFailure: (cause) => this.failure(cause),
    });
    this.transaction = attempt;
  }

  private arm(name: "provisional" | "final", ms: number): void {
    this.timers.get(name)?.cancel();
    if (ms > 0)
      this.timers.set(
        name,
        this.session.context.after(ms, () => this.giveUp("timeout")),
      );
  }

  private armC(): void {
    this.timers.get("c")?.cancel();
    if (!this.session.transaction.invite || this.cancelled) return;
    const ring = () => {
      // The destination is cancelled and keeps its turn until it says so: an answer may be crossing (RFC 3261 §16.8).
      this.timedOut = true;
      if (this.provisional) this.cancel();
      else this.giveUp("timeout");
    };
    this.timers.set("c", this.session.context.after(TIMER_C, ring));
  }

  private response(response: SipResponse, inbound: InboundMessage): void {
    if (response.status < 200) {
      this.provisional = true;
      this.timers.get("provisional")?.cancel();
      if (this.cancelled) this.sendCancel();
      if (this.ended) return;
      if (response.status === 100) return;
      // 100 says only that the next hop is there; it moves no timer (RFC 3261 §16.7 step 2).
      this.armC();
      this.session.response(this, response, inbound);
      return;
    }
    if (response.status < 300) {
      // Also after the end: repeats, forks, and answers that crossed our CANCEL.
      this.end();
      this.session.response(this, response, inbound);
      return;
    }
    if (this.ended) return;
    if (response.status === 503 && this.ways.length > 0 && !this.cancelled) {
      this.tryNext();
      return;
    }
    this.end();
    this.call?.stop("network", "call-rejected", response);
    // Its 487 is the echo of our own CANCEL: to the caller it did not answer in time.
    if (this.timedOut && response.status === 487) this.session.failed(this, "timeout");
    else this.session.response(this, response, inbound);
  }

  private failure(cause: "timeout" | "transport"): void {
    if (this.ended) return;
    if (this.ways.length > 0 && !this.cancelled && !this.provisional) {
      this.tryNext();
      return;
    }
    this.end();
    if (this.sent) this.call?.stop("network", "call-rejected", this.sent);
    this.session.failed(this, cause);
  }

  /** Too late for this destination: it is cancelled and counts as 408. */
  private giveUp(cause: "timeout"): void {
    if (this.ended) return;
    this.cancel();
    if (this.ended) return;
    this.end();
    this.session.failed(this, cause);
  }

  /** Ends an open INVITE branch with CANCEL, as soon as a provisional allows it; other methods just run out. */
  cancel(): void {
    if (this.ended || this.cancelled) return;
    this.cancelled = true;
    if (!this.sent) {
      this.end();
      return;
    }
    this.call?.stop("application", "call-canceled", this.sent);
    if (this.session.transaction.invite && this.provisional) this.sendCancel();
  }

  private sendCancel(): void {
    if (this.cancelSent || !this.sent || !this.hop || !this.session.transaction.invite) return;
    this.cancelSent = true;
    const cancel = cancelOf(this.sent);
    const branch = /;branch=([^;]+)/.exec(this.sent.headers[0]?.value ?? "")?.[1] ?? "";
    const { target, destination } = this.hop;
    this.session.context.layer.request(cancel, branch, target, destination, {
      onResponse() {},
      onFailure() {},
    });
    this.transaction?.expectEnd();
  }

  private end(): void {
    this.ended = true;
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  /** A response as the caller's side gets it. */
  passed(response: SipResponse): SipResponse {
    return withoutTopVia(response);
  }
}
