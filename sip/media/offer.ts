/** What of a party's offer we take (RFC 3264 §6), decided from its text alone. */
import { firstCommon, keepPayloads } from "./codecs.ts";
import { UnsupportedMediaError } from "./errors.ts";
import type { OfferOptions } from "./model.ts";
import { type AudioDescription, describeAudio, requireKeys, requireKnownCodec } from "./sdp.ts";

/**
 * The offer cut down to what is taken under `limits`, see `MediaLegs.acceptOffer`.
 * @throws UnsupportedMediaError when nothing is left
 */
export function usableOffer(offer: string, limits: OfferOptions): { party: AudioDescription; kept: string } {
  const { codecs = [], security = "none", dtmf } = limits;
  const all = describeAudio(offer);
  requireKnownCodec(all);
  requireKeys(all);
  if (security !== "none" && all.security === "none")
    throw new UnsupportedMediaError("SRTP is required", 302);
  if (codecs.length === 0 && dtmf !== "inband") return { party: all, kept: offer };
  const chosen = codecs.length === 0 ? undefined : firstCommon(all, codecs);
  if (codecs.length > 0 && chosen === undefined)
    throw new UnsupportedMediaError(`none of ${codecs.join(", ")} is offered`);
  const keep = chosen ? [chosen.payloadType] : all.codecs.map((codec) => codec.payloadType);
  if (all.eventType !== null && dtmf !== "inband") keep.push(all.eventType);
  const kept = keepPayloads(offer, all, keep);
  return { party: describeAudio(kept), kept };
}
