/** What incoming and outgoing legs share: one end, and what a party does in an answered call. */
import type { MediaLegs } from "../media/model.ts";
import type { DialogEnd, DialogName, IncomingRequest, Reply, SipDialog, SipHeaders } from "../srf/model.ts";
import { refusalFor } from "./causes.ts";
import { DigitMerge, infoBody, infoDigit } from "./dtmf.ts";
import { warningHeader } from "./media-choice.ts";
import type { LegEndCause, LegEvent, LegId } from "./model.ts";
import { isNamed, parseReferTo, type ReplacesTarget, referNotify } from "./transfer.ts";

export interface LegParts {
  readonly id: LegId;
  readonly media: MediaLegs;
  readonly now: () => number;
  readonly emit: (event: LegEvent) => void;
  /** Called once, before the "ended" event goes out. */
  readonly onEnd: (leg: Leg) => void;
  /** The leg of ours with this dialog; a call to us may still ring. */
  readonly findDialog: (target: ReplacesTarget) => FoundLeg | undefined;
  /** A phone of the office, which may transfer; who is outside must not have us call others at our cost. */
  readonly ours: boolean;
}

/** A leg that a Replaces names; `early`: it has not been answered yet. */
export interface FoundLeg {
  readonly leg: LegId;
  readonly early: boolean;
}

export type LegState = "incoming" | "dialling" | "ringing" | "answered";
type EndedBy = "remote" | "local" | "system";

export abstract class Leg {
  readonly id: LegId;
  protected readonly parts: LegParts;
  protected state: LegState;
  protected ended = false;
  protected localSdp = "";
  /** Keys go out by INFO. */
  protected keysByInfo = false;
  #since: number;
  #dialog: SipDialog | undefined;
  #held = false;
  #digits = new DigitMerge();
  #hasMedia = false;
  /** Codec of the 2xx that was sent or heard, "" when not known yet; undefined before there is one. */
  protected agreed: string | undefined;
  #asking = false;
  /** A REFER of the phone whose outcome it has not been told yet. */
  #referring = false;
  readonly #early: { readonly request: IncomingRequest; readonly run: () => void }[] = [];
  /** Takes the answer to an offer of ours that a re-INVITE asked for. */
  #answering: ((answer: string) => Promise<void>) | undefined;
  #infos: Promise<unknown> = Promise.resolve();

  constructor(parts: LegParts, state: LegState) {
    this.id = parts.id;
    this.parts = parts;
    this.state = state;
    this.#since = parts.now();
  }

  get isEnded(): boolean {
    return this.ended;
  }

  get dialog(): SipDialog | undefined {
    return this.#dialog;
  }

  alive(): { leg: LegId; state: LegState; since: number } {
    return { leg: this.id, state: this.state, since: this.#since };
  }

  /** Ends what is there on the SIP side without an answer yet: refusal or CANCEL. */
  protected abstract abandon(cause: LegEndCause): Promise<unknown>;

  /** The leg is over at once; resolves when the party has been told. */
  async hangup(
    cause: LegEndCause = "normal",
    by: EndedBy = "local",
    sip?: { status?: number; reason?: string },
  ): Promise<void> {
    if (this.ended) return;
    const dialog = this.#dialog;
    const told = dialog === undefined ? this.abandon(cause) : dialog.bye();
    this.end(cause, by, sip);
    await told;
  }

  /** A key by RFC 4733 (from the media port) or INFO. */
  digit(digit: string, via: "rfc4733" | "info", at = this.parts.now()): void {
    if (this.ended || !this.#digits.accept(digit, via, at)) return;
    this.parts.emit({ type: "digit", leg: this.id, digit, via, at });
  }

  /**
   * Presses keys towards the party: by the media port, or one INFO after another where the party wants that
   * (application/dtmf-relay).
   */
  sendDigits(digits: string): void {
    if (this.ended) return;
    if (!this.keysByInfo) return this.parts.media.sendDigits(this.id, digits);
    for (const digit of digits.toUpperCase()) {
      const body = infoBody(digit);
      if (body === undefined) continue;
      const headers = { "Content-Type": "application/dtmf-relay" };
      this.#infos = this.#infos.then(() => this.#dialog?.request({ method: "INFO", headers, body }));
    }
  }

  /**
   * No voice comes: asks in the dialog whether the party is still there. One that does not answer, or knows nothing of
   * the call, has gone without a word; silence alone ends no call (a muted phone may send nothing).
   */
  async askIfThere(): Promise<void> {
    const dialog = this.#dialog;
    if (this.ended || this.#asking || this.state !== "answered" || !dialog?.alive) return;
    this.#asking = true;
    const reply = await dialog.request({ method: "OPTIONS" });
    this.#asking = false;
    const gone = reply.origin === "local" || reply.status === 481 || reply.status === 408;
    if (gone) await this.hangup("lost", "system");
  }

  transferResult(status: number, reason: string): void {
    if (status >= 200) this.#referring = false;
    const dialog = this.#dialog;
    if (dialog?.alive) void dialog.request({ method: "NOTIFY", ...referNotify(status, reason) });
  }

  /** Dialogs of before the answer. */
  protected abstract earlyDialogs(): readonly DialogName[];

  /** Whether a Replaces names a dialog of this leg. */
  isNamed(target: ReplacesTarget): FoundLeg | undefined {
    const early = this.#dialog === undefined;
    const own = this.#dialog === undefined ? this.earlyDialogs() : [this.#dialog];
    return own.some((dialog) => isNamed(target, dialog)) ? { leg: this.id, early } : undefined;
  }

  /** From here on the media side holds something for this leg. */
  protected usesMedia(): void {
    this.#hasMedia = true;
  }

  protected setState(state: LegState): void {
    if (this.state === state) return;
    this.state = state;
    this.#since = this.parts.now();
  }

  protected answered(codec: string, device?: string): void {
    if (this.ended || this.state === "answered") return;
    this.setState("answered");
    const at = this.parts.now();
    this.parts.emit({
      type: "answered",
      leg: this.id,
      codec,
      ...(device === undefined ? {} : { device }),
      at,
    });
    for (const { run } of this.#early.splice(0)) run();
  }

  /** A phone may send keys, hold or REFER on the heels of its ACK: nobody hears of them before the answer. */
  #onceAnswered(request: IncomingRequest, run: () => void): void {
    if (this.ended) void request.respond(481);
    else if (this.state === "answered") run();
    else this.#early.push({ request, run });
  }

  /** Takes the confirmed dialog; `onAck` hears the ACK's body. */
  protected takeDialog(dialog: SipDialog, onAck?: (body: string) => void): void {
    this.#dialog = dialog;
    dialog.attach({
      onEnd: (end) => this.#onDialogEnd(end),
      onReoffer: (request) => this.#onceAnswered(request, () => void this.#onReoffer(request)),
      onRefresh: (headers) => this.#refreshSession(dialog, headers),
      onInfo: (request) => this.#onceAnswered(request, () => this.#onInfo(request)),
      onRefer: (request) => this.#onceAnswered(request, () => this.#onRefer(request)),
      onAck: (body) => void this.#onAck(body, onAck),
    });
  }

  /** The one "ended" event. */
  protected end(cause: LegEndCause, by: EndedBy, sip?: { status?: number; reason?: string }): void {
    if (this.ended) return;
    // A BYE on the heels of the 200 overtakes our work: the call had been answered all the same.
    if (by === "remote" && cause === "normal" && this.agreed !== undefined) this.answered(this.agreed);
    this.ended = true;
    this.parts.onEnd(this);
    for (const { request } of this.#early.splice(0)) void request.respond(481);
    if (this.#hasMedia) void this.parts.media.release(this.id).catch(() => {});
    this.parts.emit({
      type: "ended",
      leg: this.id,
      cause,
      by,
      ...(sip?.status === undefined ? {} : { sipStatus: sip.status }),
      ...(sip?.reason === undefined || sip.reason === "" ? {} : { sipReason: sip.reason }),
      at: this.parts.now(),
    });
  }

  #onDialogEnd(end: DialogEnd): void {
    if (end.by === "remote") this.end("normal", "remote", { reason: end.reason });
    else this.end(end.lost ? "lost" : "timeout", "system", { reason: end.reason });
  }

  async #onReoffer(request: IncomingRequest): Promise<void> {
    try {
      if (request.body === "") return await this.#offerAsked(request);
      const { answer, direction } = await this.parts.media.reoffer(this.id, request.body);
      this.localSdp = answer;
      await request.respond(200, { body: answer });
      this.#hold(direction === "sendonly" || direction === "inactive");
    } catch (error) {
      void request.respond(refusalFor("unsupported-media").status, { headers: warningHeader(error) });
    }
  }

  /** A re-INVITE without a description: our 200 offers, the ACK answers (RFC 3261 §14.2, RFC 3264 §8). */
  async #offerAsked(request: IncomingRequest): Promise<void> {
    const offer = await this.parts.media.makeOffer(this.id);
    this.localSdp = offer;
    this.#answering = (answer) => this.#takeAnswer(answer);
    await request.respond(200, { body: offer });
  }

  async #takeAnswer(answer: string): Promise<void> {
    const { direction } = await this.parts.media.acceptAnswer(this.id, answer);
    this.#hold(direction === "sendonly" || direction === "inactive");
  }

  /** Says once more what we said last (RFC 4028 §7.4). An answer of no use leaves the voice as it was. */
  async #refreshSession(dialog: SipDialog, headers: SipHeaders): Promise<Reply | undefined> {
    if (this.ended || this.state !== "answered") return undefined;
    try {
      const reply = await dialog.request({ method: "INVITE", headers, body: this.localSdp });
      if (reply.status < 300 && !this.ended) await this.#takeAnswer(reply.body).catch(() => {});
      return reply;
    } catch {
      return undefined;
    }
  }

  /** An ACK: of our answer to the call, or of a later offer of ours. */
  async #onAck(body: string, first: ((body: string) => void) | undefined): Promise<void> {
    const take = this.#answering;
    this.#answering = undefined;
    if (take === undefined) return first?.(body);
    // An answer that is missing or of no use leaves the voice as it was.
    if (body !== "" && !this.ended) await take(body).catch(() => {});
  }

  #hold(held: boolean): void {
    if (this.ended || held === this.#held) return;
    this.#held = held;
    this.parts.emit({ type: held ? "held" : "resumed", leg: this.id, at: this.parts.now() });
  }

  #onInfo(request: IncomingRequest): void {
    const digit = infoDigit(request.header("Content-Type"), request.body);
    void request.respond(digit !== undefined || request.body === "" ? 200 : 415);
    if (digit !== undefined) this.digit(digit, "info");
  }

  #onRefer(request: IncomingRequest): void {
    if (!this.parts.ours) {
      void request.respond(603);
      return;
    }
    const target = parseReferTo(request.header("Refer-To"));
    if (target === undefined) {
      void request.respond(400, { reason: "Bad Refer-To" });
      return;
    }
    this.#referring = true;
    // The outcome may be known before the 202 has left; nothing follows it (RFC 3515 §2.4.7).
    void request.respond(202).then(() => {
      if (this.#referring) this.transferResult(100, "Trying");
    });
    const found = target.replaces === undefined ? undefined : this.parts.findDialog(target.replaces);
    // RFC 3891 §3: it was to be taken only while it rang.
    if (target.replaces?.earlyOnly === true && found?.early === false)
      return this.transferResult(486, "Busy Here");
    const replaces = found?.leg;
    this.parts.emit({
      type: "transfer-requested",
      leg: this.id,
      to: target.to,
      ...(replaces === undefined ? {} : { replaces }),
      at: this.parts.now(),
    });
  }
}
