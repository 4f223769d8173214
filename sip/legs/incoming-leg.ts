/** A call that came to us (RFC 3261 §13.3). */
import { tagOf } from "../engine/message/address.ts";
import type { OfferOptions } from "../media/model.ts";
import type { DialogName, IncomingRequest, SipDialog } from "../srf/model.ts";
import { causeOfRefusal, refusalFor } from "./causes.ts";
import { LegGoneError } from "./errors.ts";
import { Leg, type LegParts } from "./leg.ts";
import { type LegMedia, warningHeader } from "./media-choice.ts";
import type { LegEndCause, Refusal } from "./model.ts";

/** How long the ACK with the answer to our offer may take, ms (64·T1). */
const ACK_PATIENCE_MS = 32_000;

export class IncomingLeg extends Leg {
  readonly #invite: IncomingRequest;
  readonly #media: LegMedia;
  #answer: Promise<{ answer: string; codec: string }> | undefined;
  #answering: Promise<void> | undefined;

  constructor(parts: LegParts, invite: IncomingRequest, media: LegMedia) {
    super(parts, "incoming");
    this.#invite = invite;
    this.#media = media;
    this.keysByInfo = media.limits.dtmf === "info";
    invite.onCancel((reason) => this.end("cancelled", "remote", { status: 487, reason: reason ?? "" }));
    invite.onUpdate((update) => void this.#onEarlyUpdate(update));
  }

  async ring(earlyMedia: boolean): Promise<void> {
    if (this.ended || this.state === "answered" || this.#answering !== undefined) return;
    const early = earlyMedia && this.#media.earlyMedia && this.#invite.body !== "";
    const body = early ? await this.#negotiate() : undefined;
    if (this.ended || this.#answering !== undefined) return;
    const sent = await (body === undefined
      ? this.#invite.respond(180)
      : this.#invite.respond(183, { body: body.answer }));
    if (sent && !this.ended && this.state === "incoming") this.setState("ringing");
  }

  answer(): Promise<void> {
    this.#answering ??= this.#doAnswer();
    return this.#answering;
  }

  refuse(refusal: Refusal): void {
    if (this.ended || this.dialog !== undefined) return;
    void this.#invite.respond(refusal.status, refusal.reason === undefined ? {} : { reason: refusal.reason });
    const { status, reason = "" } = refusal;
    this.end(causeOfRefusal(status), "local", { status, reason });
  }

  protected override earlyDialogs(): readonly DialogName[] {
    const { callId, localTag } = this.#invite;
    const remoteTag = tagOf(this.#invite.header("From") ?? "");
    return localTag === undefined || remoteTag === undefined ? [] : [{ callId, localTag, remoteTag }];
  }

  protected override abandon(cause: LegEndCause): Promise<unknown> {
    return this.#invite.respond(refusalFor(cause).status);
  }

  async #doAnswer(): Promise<void> {
    if (this.ended) throw new LegGoneError(this.id);
    if (this.#invite.body === "") return this.#answerWithOffer();
    const { answer, codec } = await this.#negotiate();
    if (this.ended) throw new LegGoneError(this.id);
    const dialog = await this.#invite.accept({ body: answer });
    if (dialog === undefined) return this.#notAccepted();
    this.agreed = codec;
    this.takeDialog(dialog);
    if (this.ended) {
      void dialog.bye();
      throw new LegGoneError(this.id);
    }
    this.answered(codec);
  }

  /** The INVITE had no SDP: our 200 offers, the ACK answers (RFC 3264, RFC 3261 §13.2.1). */
  async #answerWithOffer(): Promise<void> {
    this.usesMedia();
    const [offer = {}, ...others] = this.#media.offers;
    this.localSdp = await this.parts.media.makeOffer(this.id, offer);
    if (this.ended) throw new LegGoneError(this.id);
    const acked = Promise.withResolvers<string | undefined>();
    const dialog = await this.#invite.accept({ body: this.localSdp });
    if (dialog === undefined) return this.#notAccepted();
    this.agreed = "";
    this.takeDialog(dialog, (body) => acked.resolve(body));
    const timer = setTimeout(() => acked.resolve(undefined), ACK_PATIENCE_MS);
    const sdp = await acked.promise;
    clearTimeout(timer);
    if (this.ended) throw new LegGoneError(this.id);
    try {
      const codec = await this.#taken(offer, sdp ?? "").catch((error: unknown) => {
        if (sdp === undefined || !unsupported(error)) throw error;
        return this.#offerAgain(dialog, others, error);
      });
      this.answered(codec);
    } catch (error) {
      const reason = error instanceof Error ? error.message : "";
      void this.hangup("unsupported-media", "system", { status: 488, reason });
      throw error;
    }
  }

  /** The party took `offer` with the answer `sdp`; gives the codec. */
  async #taken(offer: OfferOptions, sdp: string, branch?: string): Promise<string> {
    const { codec } = await this.parts.media.acceptAnswer(this.id, sdp, branch);
    this.#media.onTaken?.(offer);
    return codec;
  }

  /** The answer in the ACK was of no use: the party gets the next kind of voice by re-INVITE. Throws `refused` at the end. */
  async #offerAgain(
    dialog: SipDialog,
    [offer, ...others]: readonly OfferOptions[],
    refused: unknown,
  ): Promise<string> {
    if (offer === undefined || this.ended) throw refused;
    const branch = `again${others.length}`;
    this.localSdp = await this.parts.media.makeOffer(this.id, { ...offer, instead: "" }, branch);
    const reply = await dialog.request({ method: "INVITE", body: this.localSdp });
    if (this.ended) throw new LegGoneError(this.id);
    if (reply.status < 300) {
      try {
        return await this.#taken(offer, reply.body, branch);
      } catch (error) {
        if (!unsupported(error)) throw error;
      }
    }
    return this.#offerAgain(dialog, others, refused);
  }

  /** The 200 could not be sent: cancelled in this moment, or the transaction is gone. */
  #notAccepted(): never {
    this.end("cancelled", "remote", { status: 487 });
    throw new LegGoneError(this.id);
  }

  #negotiate(): Promise<{ answer: string; codec: string }> {
    this.usesMedia();
    this.#answer ??= this.parts.media.acceptOffer(this.id, this.#invite.body, this.#media.limits).then(
      (result) => {
        this.localSdp = result.answer;
        return result;
      },
      (error: unknown) => {
        const status = unsupported(error) ? 488 : 503;
        if (!this.ended) void this.#invite.respond(status, { headers: warningHeader(error) });
        this.end(unsupported(error) ? "unsupported-media" : "media", "system", { status });
        throw error;
      },
    );
    return this.#answer;
  }

  async #onEarlyUpdate(update: IncomingRequest): Promise<void> {
    if (update.body === "") return void update.respond(200);
    try {
      const { answer } = await this.parts.media.reoffer(this.id, update.body);
      this.localSdp = answer;
      void update.respond(200, { body: answer });
    } catch (error) {
      void update.respond(488, { headers: warningHeader(error) });
    }
  }
}

/** Whether the media side said that the offer has nothing we can use. */
function unsupported(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === "UnsupportedMediaError" || ("code" in error && error.code === "unsupported-media"))
  );
}
