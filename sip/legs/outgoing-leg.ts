/** A call that we place: to all devices of an extension at once, or through a trunk (RFC 3261 §13.2, §16.7). */

import { tagOf } from "../engine/message/address.ts";
import type { OfferOptions } from "../media/model.ts";
import type {
  DialogName,
  IncomingRequest,
  OutgoingInvite,
  Reply,
  RequestOptions,
  SipDialog,
  SipStack,
} from "../srf/model.ts";
import { formatSource } from "../srf/network.ts";
import { causeOfStatus, mostTelling } from "./causes.ts";
import { Leg, type LegParts } from "./leg.ts";
import { refusesMedia, warningHeader } from "./media-choice.ts";
import type { LegEndCause } from "./model.ts";

export interface ForkPlan {
  readonly request: Omit<RequestOptions, "method" | "body">;
  /** How voice is offered; the next one when the device refuses the one before for its media. */
  readonly offers: readonly OfferOptions[];
  /** Told which of `offers` was taken. */
  readonly onTaken?: (offer: OfferOptions) => void;
}

export interface OutgoingPlan {
  /** One INVITE each; empty = nobody to ring. */
  readonly forks: readonly ForkPlan[];
  /** Media in a 183 or 180 is heard (trunks). */
  readonly earlyMedia: boolean;
  /** Keys go out by SIP INFO. */
  readonly keysByInfo?: boolean;
  readonly timeoutMs: number;
  /** What it means when nothing at all comes back: a phone is gone, a carrier timed out. */
  readonly silentCause: "unreachable" | "timeout";
  /** An answer of any kind came, or none at all. */
  readonly onTraffic?: (answered: boolean, reason: string) => void;
}

interface Offer {
  readonly branch: string;
  readonly sdp: string;
}

interface Fork {
  readonly plan: ForkPlan;
  /** Which of the plan's offers is out. */
  attempt: number;
  offer: Offer;
  invite: OutgoingInvite | undefined;
  heard: boolean;
  /** Dialogs of its provisional answers. */
  early: readonly DialogName[];
  /** The SDP of provisional answers, heard or not, by To tag: a proxy may fork. */
  described: Map<string, string>;
  failure: { cause: LegEndCause; status: number; reason: string } | undefined;
}

const ELSEWHERE = { Reason: 'SIP;cause=200;text="Call completed elsewhere"' };

export class OutgoingLeg extends Leg {
  readonly #stack: SipStack;
  readonly #plan: OutgoingPlan;
  readonly #forks: Fork[] = [];
  /** Offers in the clear that devices share. */
  readonly #shared = new Map<string, Promise<Offer>>();
  #branches = 0;
  #winner: Fork | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #callIds = new Set<string>();
  #rang = false;
  /** The answer before the answer; `moved`: what the party offered since is in force, whatever its 200 repeats. */
  #early: { readonly sdp: string; readonly codec: string; readonly moved?: boolean } | undefined;

  constructor(parts: LegParts, stack: SipStack, plan: OutgoingPlan) {
    super(parts, "dialling");
    this.#stack = stack;
    this.#plan = plan;
    this.keysByInfo = plan.keysByInfo === true;
  }

  /** Call-IDs of the INVITEs that have left. */
  get sipCallIds(): readonly string[] {
    return [...this.#callIds];
  }

  /** Starts; what goes wrong comes as the "ended" event. */
  async start(): Promise<void> {
    this.usesMedia();
    let offers: Offer[];
    try {
      offers = await Promise.all(this.#plan.forks.map((plan) => this.#offer(plan.offers[0] ?? {})));
    } catch {
      this.end("media", "system");
      return;
    }
    if (this.ended) return void this.parts.media.release(this.id).catch(() => {});
    this.#timer = setTimeout(() => void this.hangup("no-answer", "system"), this.#plan.timeoutMs);
    this.#plan.forks.forEach((plan, index) => {
      const offer = offers[index];
      if (offer !== undefined) this.#launch(plan, offer);
    });
  }

  /** Ends a leg that was never sent out. */
  fail(cause: LegEndCause, reason: string): void {
    this.end(cause, "system", { reason });
  }

  protected override earlyDialogs(): readonly DialogName[] {
    return this.#forks.flatMap((fork) => (fork.failure === undefined ? fork.early : []));
  }

  protected override abandon(): Promise<unknown> {
    const open = this.#forks.filter((fork) => fork !== this.#winner && fork.failure === undefined);
    for (const fork of open) fork.invite?.cancel();
    return Promise.all(open.map((fork) => fork.invite?.final));
  }

  protected override end(
    cause: LegEndCause,
    by: "remote" | "local" | "system",
    sip?: { status?: number; reason?: string },
  ): void {
    clearTimeout(this.#timer);
    super.end(cause, by, sip);
  }

  /**
   * An offer as a device wants it. Devices that are offered plain voice share one; keys and fingerprints are for one
   * device alone.
   */
  #offer(options: OfferOptions): Promise<Offer> {
    const secure = options.security !== undefined && options.security !== "none";
    const key = JSON.stringify(options);
    const known = secure ? undefined : this.#shared.get(key);
    if (known !== undefined) return known;
    const branch = this.#branches === 0 ? "" : String(this.#branches);
    this.#branches++;
    const made = this.parts.media.makeOffer(this.id, options, branch).then((sdp) => ({ branch, sdp }));
    if (!secure) this.#shared.set(key, made);
    return made;
  }

  #launch(plan: ForkPlan, offer: Offer): void {
    const fork: Fork = {
      plan,
      attempt: 0,
      offer,
      invite: undefined,
      heard: false,
      early: [],
      described: new Map(),
      failure: undefined,
    };
    this.#forks.push(fork);
    this.#send(fork);
  }

  #send(fork: Fork): void {
    const invite = this.#stack.invite({
      ...fork.plan.request,
      method: "INVITE",
      body: fork.offer.sdp,
      onSent: (callId) => this.#onSent(callId),
      onProvisional: (reply) => void this.#onProvisional(fork, reply),
      onEarlyOffer: (update) => void this.#onEarlyOffer(update),
    });
    fork.invite = invite;
    void invite.dialog.then((dialog) => (dialog === undefined ? undefined : this.#onAnswer(fork, dialog)));
    void invite.final.then((reply) => this.#onFinal(fork, reply));
  }

  /** The device refused what was offered: it gets the next kind, if there is one. */
  async #again(fork: Fork, options: OfferOptions): Promise<boolean> {
    fork.attempt++;
    fork.early = [];
    fork.described = new Map();
    try {
      fork.offer = await this.#offer(options);
    } catch {
      return false;
    }
    if (this.ended || this.#winner !== undefined) return true;
    this.#send(fork);
    return true;
  }

  #onSent(sipCallId: string): void {
    if (this.#callIds.has(sipCallId) || this.ended) return;
    this.#callIds.add(sipCallId);
    this.parts.emit({ type: "trying", leg: this.id, sipCallId, at: this.parts.now() });
  }

  async #onProvisional(fork: Fork, reply: Reply): Promise<void> {
    fork.heard = true;
    noteEarly(fork, reply);
    noteDescription(fork, reply);
    this.#plan.onTraffic?.(true, "");
    if (this.ended || this.#winner !== undefined) return;
    if (this.#plan.earlyMedia && isSdp(reply.body) && reply.body !== this.#early?.sdp) {
      try {
        const { codec } = await this.parts.media.acceptAnswer(this.id, reply.body, fork.offer.branch);
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

  /** Ring-back of a carrier's own gives way to the called party's, before the answer (RFC 3311 §5.2). */
  async #onEarlyOffer(update: IncomingRequest): Promise<void> {
    const early = this.#early;
    if (early === undefined || this.ended) return void update.respond(488);
    try {
      const { answer } = await this.parts.media.reoffer(this.id, update.body);
      this.#early = { ...early, moved: true };
      this.localSdp = answer;
      void update.respond(200, { body: answer });
    } catch (error) {
      void update.respond(488, { headers: warningHeader(error) });
    }
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
    for (const other of this.#forks) if (other !== fork) other.invite?.cancel(ELSEWHERE);
    if (this.#early?.moved !== true) this.localSdp = fork.offer.sdp;
    this.agreed = this.#early?.codec ?? "";
    this.takeDialog(dialog);
    try {
      const codec = await this.#agree(fork, dialog);
      fork.plan.onTaken?.(fork.plan.offers[fork.attempt] ?? {});
      const source = (await fork.invite?.final)?.source;
      this.answered(codec, source === undefined || source.address === "" ? undefined : formatSource(source));
    } catch (error) {
      const reason = error instanceof Error ? error.message : "";
      void this.hangup("unsupported-media", "system", { status: 488, reason });
    }
  }

  /** Takes the answer in the 200, or before it: some carriers repeat the SDP of their 183 there, some send none. */
  async #agree(fork: Fork, { remoteBody, remoteTag }: SipDialog): Promise<string> {
    const early = this.#early;
    const before = fork.described.get(remoteTag) ?? early?.sdp ?? [...fork.described.values()].at(-1) ?? "";
    const sdp = remoteBody === "" ? before : remoteBody;
    if (early !== undefined && (early.moved === true || sdp === early.sdp)) return early.codec;
    try {
      return (await this.parts.media.acceptAnswer(this.id, sdp, fork.offer.branch)).codec;
    } catch (error) {
      if (remoteBody !== "" || early === undefined) throw error;
      return early.codec;
    }
  }

  async #onFinal(fork: Fork, reply: Reply): Promise<void> {
    if (reply.status < 300) return;
    const next = refusesMedia(reply.status) ? fork.plan.offers[fork.attempt + 1] : undefined;
    if (next !== undefined && !this.ended && this.#winner === undefined && (await this.#again(fork, next)))
      return;
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

/** Early dialogs kept of one INVITE: proxies behind it may fork. */
const MOST_EARLY = 8;

function isSdp(body: string): boolean {
  return body.startsWith("v=0");
}

function noteDescription(fork: Fork, reply: Reply): void {
  const tag = tagOf(reply.header("To") ?? "") ?? "";
  if (!isSdp(reply.body) || (fork.described.size >= MOST_EARLY && !fork.described.has(tag))) return;
  fork.described.set(tag, reply.body);
}

function noteEarly(fork: Fork, reply: Reply): void {
  const callId = reply.header("Call-ID");
  const [localTag, remoteTag] = [tagOf(reply.header("From") ?? ""), tagOf(reply.header("To") ?? "")];
  if (callId === undefined || localTag === undefined || remoteTag === undefined) return;
  if (fork.early.length >= MOST_EARLY || fork.early.some((known) => known.remoteTag === remoteTag)) return;
  fork.early = [...fork.early, { callId, localTag, remoteTag }];
}
