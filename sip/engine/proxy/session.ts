/** One proxied request with all its branches (RFC 3261 §16.6–16.10). */

import { metaText } from "../agent-protocol/index.ts";
import { type CoreContext, fabricate, metaOf } from "../dialog/context.ts";
import type { AppPort, Hop } from "../dialog/model.ts";
import type { CallRecord } from "../dialog/records.ts";
import { literalHop, personOf } from "../dialog/routing.ts";
import { getHeader, getList } from "../message/headers.ts";
import type { InboundMessage, SipRequest, SipResponse } from "../message/model.ts";
import { reasonPhrase } from "../message/names.ts";
import { serializeMessage } from "../message/serialize.ts";
import { replyTo, type ServerTransaction, uriOf } from "../transaction/index.ts";
import { Branch } from "./branch.ts";
import { isChallenge } from "./challengers.ts";
import { bestOf, MAX_TARGETS, otherChallenges, type ProxyOrder } from "./order.ts";

/** Who hears about the results; none for requests inside a proxied dialog. */
export interface Reporter {
  readonly client: AppPort;
  readonly messageId: string;
}

/** A destination still to be tried. */
export interface Target {
  /** Where to send; becomes the Request-URI too when `replace` is set. */
  readonly uri: string;
  readonly replace: boolean;
  /** Known way, when no look-up is wanted. */
  readonly hop?: Hop;
}

export class ProxySession {
  readonly request: SipRequest;
  private readonly branches: Branch[] = [];
  private readonly finals: SipResponse[] = [];
  private readonly tried = new Set<string>();
  private waiting: Target[];
  private answered = false;
  private cancelled = false;
  private noMoreTargets = false;
  private over = false;
  private asked: string | undefined;

  constructor(
    readonly context: CoreContext,
    readonly transaction: ServerTransaction,
    readonly order: ProxyOrder,
    readonly ownRoutes: number,
    targets: readonly Target[],
    private readonly reporter: Reporter | undefined,
    private readonly onOver: () => void,
    /** The caller's side in the records of calls. */
    private readonly call: CallRecord | undefined,
  ) {
    this.request = transaction.request;
    this.waiting = targets.slice(0, MAX_TARGETS);
  }

  /** The first destination whose challenge went back to the caller. */
  challenger: string | undefined;

  start(): void {
    if (this.order.parallel) while (this.waiting.length > 0) this.startNext();
    else this.startNext();
  }

  /** The caller gave up: every branch is cancelled, their answers end the request. */
  cancel(): void {
    if (this.cancelled || this.answered) return;
    this.cancelled = true;
    this.noMoreTargets = true;
    this.call?.stop("network", "call-canceled", this.request);
    this.cancelOthers(undefined);
    this.settle();
  }

  /** A response on a branch. 100 is absorbed there. */
  response(branch: Branch, response: SipResponse, inbound: InboundMessage): void {
    const { status } = response;
    if (status < 200) {
      if (!this.answered && this.transaction.open) this.transaction.respond(branch.passed(response));
      return;
    }
    if (status < 300) {
      this.success(branch, response, inbound);
      return;
    }
    this.final(branch, response, inbound);
  }

  /** No answer from a branch: time-out or transport failure of its last way. */
  failed(branch: Branch, cause: "timeout" | "transport"): void {
    const status = this.cancelled && this.transaction.invite ? 487 : undefined;
    const fake =
      status === undefined
        ? fabricate(this.context.chance, this.request, cause)
        : replyTo(this.request, status, reasonPhrase(status), "zj");
    this.final(branch, fake, undefined);
  }

  private success(branch: Branch, response: SipResponse, inbound: InboundMessage): void {
    const passed = branch.passed(response);
    // Each 2xx to an INVITE goes back at once, further ones too: the caller decides (RFC 3261 §16.7 step 5).
    if (this.transaction.open) this.transaction.respond(passed);
    else if (this.transaction.invite) this.transaction.again(passed);
    if (this.answered) {
      // The last of several may be the one that was waited for.
      this.settle();
      return;
    }
    this.answered = true;
    this.noMoreTargets = true;
    branch.call?.start("network", "proxy-uac", response);
    this.call?.start("application", "proxy-uas", passed);
    this.released(response);
    this.report(response, inbound, branch);
    this.done();
    this.cancelOthers(branch);
    this.settle();
  }

  private final(branch: Branch, response: SipResponse, inbound: InboundMessage | undefined): void {
    if (this.answered) {
      this.settle();
      return;
    }
    this.report(response, inbound, branch);
    if (isChallenge(response)) this.asked ??= branch.target.uri;
    const contacts = response.status < 400 ? this.redirects(response) : [];
    if (contacts.length > 0 && !this.noMoreTargets) this.waiting.unshift(...contacts);
    else this.finals.push(inbound ? branch.passed(response) : response);
    if (response.status >= 600) {
      this.noMoreTargets = true;
      this.cancelOthers(branch);
    }
    if (this.order.parallel && contacts.length > 0) this.start();
    this.settle();
  }

  /** Contacts of a 3xx that were not tried yet, best q first. */
  private redirects(response: SipResponse): Target[] {
    if (!this.order.redirects) return [];
    const q = (value: string) => Number(/;\s*q=([\d.]+)/i.exec(value)?.[1] ?? 1);
    return getList(response, "Contact")
      .sort((left, right) => q(right) - q(left))
      .map((value) => uriOf(value))
      .filter((uri) => /^sips?:/i.test(uri) && !this.tried.has(uri))
      .slice(0, Math.max(0, MAX_TARGETS - this.branches.length))
      .map((uri) => ({ uri, replace: true }));
  }

  private startNext(): void {
    const target = this.waiting.shift();
    if (!target || this.noMoreTargets) return;
    if (this.tried.has(target.uri)) {
      this.settle();
      return;
    }
    this.tried.add(target.uri);
    const branch = new Branch(this, target);
    this.branches.push(branch);
    const likely = personOf(getHeader(this.request, "To"));
    const now = this.context.layer.wheel.now();
    const known = target.hop ?? this.context.flows.findAny(target.uri, likely, now);
    const direct = known ?? literalHop(target.uri);
    if (direct) {
      branch.start([direct]);
      return;
    }
    this.context.options.resolve(target.uri).then(
      (hops) => branch.start(hops),
      () => branch.start([]),
    );
  }

  /** Goes on, or answers when every branch has ended. */
  private settle(): void {
    if (this.over) return;
    if (this.branches.some((branch) => !branch.ended)) return;
    if (!this.noMoreTargets && this.waiting.length > 0) {
      this.startNext();
      return;
    }
    this.over = true;
    if (!this.answered) this.answerBest();
    this.onOver();
  }

  private answerBest(): void {
    const fallback = this.cancelled ? 487 : 408;
    const best = bestOf(this.finals) ?? replyTo(this.request, fallback, reasonPhrase(fallback), "zj");
    if (isChallenge(best)) this.challenger = this.asked;
    best.headers.push(...otherChallenges(best, this.finals));
    // A 503 of one destination says nothing about us (RFC 3261 §16.7 step 6).
    if (best.status === 503) {
      best.status = 500;
      best.reason = reasonPhrase(500);
      best.headers = best.headers.filter((entry) => entry.name !== "Retry-After");
    }
    this.call?.stop("application", "call-rejected", best);
    this.released(best);
    if (this.transaction.open) this.transaction.respond(best);
    this.done();
  }

  /** A BYE on its way through ends a call of ours on both sides, unless it has to come again with credentials. */
  private released({ status }: SipResponse): void {
    if (this.request.method !== "BYE" || status === 401 || status === 407) return;
    this.context.cdr("stop", "network", "normal-release", this.request);
    this.context.cdr("stop", "application", "normal-release", this.request);
  }

  /** The record of one destination's side. */
  attempt(request: SipRequest): CallRecord | undefined {
    return this.call && this.context.attempt("application", request);
  }

  private cancelOthers(winner: Branch | undefined): void {
    for (const branch of this.branches) if (branch !== winner) branch.cancel();
  }

  private report(response: SipResponse, inbound: InboundMessage | undefined, branch: Branch): void {
    if (!this.reporter) return;
    const to = branch.hop?.destination;
    const meta = inbound
      ? metaOf(inbound)
      : ({
          source: "network",
          bytes: 0,
          protocol: to?.protocol ?? "udp",
          address: to?.address ?? "",
          port: to?.port ?? "",
        } as const);
    const { client, messageId } = this.reporter;
    client.reply(messageId, `OK|${metaText(meta)}|||continue`, serializeMessage(response));
  }

  private done(): void {
    this.reporter?.client.reply(this.reporter.messageId, "OK|done");
  }
}

/** Whether the request may take one more hop: Max-Forwards is absent or above 0. */
export function mayForward(request: SipRequest): boolean {
  const hops = getHeader(request, "Max-Forwards");
  return hops === undefined || Number(hops) > 0;
}
