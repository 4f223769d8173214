/** A call that we place: to all devices of an extension at once, or through a trunk (RFC 3261 §13.2, §16.7). */
import type { OutgoingInvite, Reply, RequestOptions, SipDialog, SipStack } from "../srf/model.ts";
import { formatSource } from "../srf/network.ts";
import { causeOfStatus, mostTelling } from "./causes.ts";
import { Leg, type LegParts } from "./leg.ts";
import type { LegEndCause } from "./model.ts";

export interface OutgoingPlan {
  /** One INVITE each; empty = nobody to ring. */
  readonly forks: readonly Omit<RequestOptions, "method" | "body">[];
  /** Media in a 183 or 180 is heard (trunks). */
  readonly earlyMedia: boolean;
  readonly timeoutMs: number;
  /** What it means when nothing at all comes back: a phone is gone, a carrier timed out. */
  readonly silentCause: "unreachable" | "timeout";
  /** An answer of any kind came, or none at all. */
  readonly onTraffic?: (answered: boolean, reason: string) => void;
}

interface Fork {
  readonly invite: OutgoingInvite;
  heard: boolean;
  failure: { cause: LegEndCause; status: number; reason: string } | undefined;
}

const ELSEWHERE = { Reason: 'SIP;cause=200;text="Call completed elsewhere"' };

export class OutgoingLeg extends Leg {
  readonly #stack: SipStack;
  readonly #plan: OutgoingPlan;
  readonly #forks: Fork[] = [];
  #winner: Fork | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #callIds = new Set<string>();
  #rang = false;
  #early: { readonly sdp: string; readonly codec: string } | undefined;

  constructor(parts: LegParts, stack: SipStack, plan: OutgoingPlan) {
    super(parts, "dialling");
    this.#stack = stack;
    this.#plan = plan;
  }

  /** Starts; what goes wrong comes as the "ended" event. */
  async start(): Promise<void> {
    this.usesMedia();
    let offer: string;
    try {
      offer = await this.parts.media.makeOffer(this.id);
    } catch {
      this.end("media", "system");
      return;
    }
    if (this.ended) return void this.parts.media.release(this.id).catch(() => {});
    this.localSdp = offer;
    this.#timer = setTimeout(() => void this.hangup("no-answer", "system"), this.#plan.timeoutMs);
    for (const options of this.#plan.forks) this.#launch(options, offer);
  }

  /** Ends a leg that was never sent out. */
  fail(cause: LegEndCause, reason: string): void {
    this.end(cause, "system", { reason });
  }

  protected override abandon(): Promise<unknown> {
    const open = this.#forks.filter((fork) => fork !== this.#winner && fork.failure === undefined);
    for (const fork of open) fork.invite.cancel();
    return Promise.all(open.map((fork) => fork.invite.final));
  }

  protected override end(
    cause: LegEndCause,
    by: "remote" | "local" | "system",
    sip?: { status?: number; reason?: string },
  ): void {
    clearTimeout(this.#timer);
    // A BYE on the heels of the 200 overtakes our media work: the party had answered all the same.
    if (by === "remote" && cause === "normal" && this.#winner !== undefined && this.state !== "answered")
      this.answered(this.#early?.codec ?? "");
    super.end(cause, by, sip);
  }

  #launch(options: Omit<RequestOptions, "method" | "body">, offer: string): void {
    const invite = this.#stack.invite({
      ...options,
      method: "INVITE",
      body: offer,
      onSent: (callId) => this.#onSent(callId),
      onProvisional: (reply) => void this.#onProvisional(fork, reply),
    });
    const fork: Fork = { invite, heard: false, failure: undefined };
    this.#forks.push(fork);
    void invite.dialog.then((dialog) => (dialog === undefined ? undefined : this.#onAnswer(fork, dialog)));
    void invite.final.then((reply) => this.#onFinal(fork, reply));
  }

  #onSent(sipCallId: string): void {
    if (this.#callIds.has(sipCallId) || this.ended) return;
    this.#callIds.add(sipCallId);
    this.parts.emit({ type: "trying", leg: this.id, sipCallId, at: this.parts.now() });
  }

  async #onProvisional(fork: Fork, reply: Reply): Promise<void> {
    fork.heard = true;
    this.#plan.onTraffic?.(true, "");
    if (this.ended || this.#winner !== undefined) return;
    if (this.#plan.earlyMedia && reply.body !== "" && reply.body !== this.#early?.sdp) {
      try {
        const { codec } = await this.parts.media.acceptAnswer(this.id, reply.body);
        this.#early = { sdp: reply.body, codec };
        if (this.ended || this.#winner !== undefined) return;
        this.#ringing(true);
        return;
      } catch {
        // Unusable early media does not end a call that may still be answered.
      }
    }
    if ((reply.status === 180 || reply.status === 183) && !this.#rang) this.#ringing(false);
  }

  #ringing(earlyMedia: boolean): void {
    this.#rang = true;
    this.setState("ringing");
    this.parts.emit({ type: "ringing", leg: this.id, earlyMedia, at: this.parts.now() });
  }

  async #onAnswer(fork: Fork, dialog: SipDialog): Promise<void> {
    this.#plan.onTraffic?.(true, "");
    if (this.ended || this.#winner !== undefined) {
      void dialog.bye();
      return;
    }
    this.#winner = fork;
    clearTimeout(this.#timer);
    for (const other of this.#forks) if (other !== fork) other.invite.cancel(ELSEWHERE);
    this.takeDialog(dialog);
    try {
      const early = this.#early;
      // Some carriers repeat the SDP of their 183 in the 200, some send none there.
      const known = early !== undefined && (dialog.remoteBody === "" || dialog.remoteBody === early.sdp);
      const { codec } = known ? early : await this.parts.media.acceptAnswer(this.id, dialog.remoteBody);
      const { source } = await fork.invite.final;
      this.answered(codec, source.address === "" ? undefined : formatSource(source));
    } catch {
      void this.hangup("unsupported-media", "system");
    }
  }

  #onFinal(fork: Fork, reply: Reply): void {
    if (reply.status < 300) return;
    const silent = !fork.heard && (reply.status === 408 || reply.origin === "local");
    if (!this.ended || !silent) this.#plan.onTraffic?.(!silent, silent ? "No answer to a call" : "");
    if (this.ended || this.#winner !== undefined) return;
    const told = causeOfStatus({ status: reply.status, reasonHeader: reply.header("Reason"), silent });
    const cause = silent && reply.status === 408 ? this.#plan.silentCause : told;
    fork.failure = { cause, status: reply.status, reason: reply.reason };
    // 6xx speaks for all devices (RFC 3261 §16.7 step 5).
    const all = reply.status >= 600 ? [fork] : this.#forks;
    const failures = all.map((one) => one.failure).filter((failure) => failure !== undefined);
    if (failures.length < all.length) return;
    const worst = failures[mostTelling(failures.map((failure) => failure.cause))];
    void this.abandon();
    this.end(worst?.cause ?? "error", silent ? "system" : "remote", worst);
  }
}
