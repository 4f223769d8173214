/** How voice is offered to each peer: devices by the way they registered, trunks by their settings. */
import type { TrunkConfig } from "../directory.ts";
import { UnsupportedMediaError } from "../media/errors.ts";
import type { OfferOptions } from "../media/model.ts";
import { usableOffer } from "../media/offer.ts";
import { type Family, familyOf } from "../media/sdp.ts";

/** Media of one leg. */
export interface LegMedia {
  /** What we take of the party's offer. */
  readonly limits: OfferOptions;
  /** What we offer when the party leaves that to us, the next one when it refuses the one before. */
  readonly offers: readonly OfferOptions[];
  /** Told which of `offers` was taken. */
  readonly onTaken?: (offer: OfferOptions) => void;
  /** Voice before the answer is heard. */
  readonly earlyMedia: boolean;
}

export type Protection = "none" | "sdes" | "webrtc";

/** Statuses that say "not with this media" (RFC 3261 §21.4.6, §21.4.13, §21.4.26, §21.6.4). */
const NOT_THIS_MEDIA: readonly number[] = [406, 415, 488, 606];

export function refusesMedia(status: number): boolean {
  return NOT_THIS_MEDIA.includes(status);
}

/**
 * What to offer to a device, in this order until it takes one. A browser speaks WebRTC only. A phone that signals
 * over TLS is offered SRTP first, others plain voice first; which a phone insists on it says by refusing the other,
 * and what it took last (`proven`) comes first the next time.
 */
export function deviceOffers(
  device: { readonly source: string; readonly contact: string },
  proven?: Protection,
): readonly OfferOptions[] {
  const transport = transportOf(device);
  const family = familyOf(addressOf(device.source));
  if (transport === "ws" || transport === "wss") return [{ security: "webrtc", family }];
  const secureFirst = proven === undefined ? transport === "tls" : proven === "sdes";
  const order: Protection[] = secureFirst ? ["sdes", "none"] : ["none", "sdes"];
  return order.map((security) => ({ security, family }));
}

/** "udp:[::1]:5060" to "::1". */
function addressOf(source: string): string {
  return source
    .replace(/^\w+:/, "")
    .replace(/:\d+$/, "")
    .replace(/^\[|\]$/g, "");
}

function transportOf({ source, contact }: { source: string; contact: string }): string {
  const flow = source.slice(0, Math.max(0, source.indexOf(":"))).toLowerCase();
  if (flow !== "udp" && flow !== "tcp") return flow;
  const asked = /;transport=(\w+)/i.exec(contact)?.[1]?.toLowerCase();
  if (asked === "ws" || asked === "wss") return asked;
  return flow;
}

/** Media of a trunk's calls, both ways. */
export function trunkMedia(
  config: Pick<TrunkConfig, "codecs" | "srtp" | "dtmf" | "earlyMedia">,
  family: Family = "IP4",
): LegMedia {
  const { codecs, srtp, dtmf, earlyMedia } = config;
  const limits: OfferOptions = { codecs, dtmf, security: srtp === "required" ? "sdes" : "none" };
  return { limits, offers: [{ ...limits, family }], earlyMedia };
}

/** Media of a call that came from a device; one that asks us to offer is offered what it would be when called. */
export function callerMedia(
  device: { readonly source: string; readonly contact: string },
  proven?: Protection,
): LegMedia {
  return { limits: {}, offers: deviceOffers(device, proven), earlyMedia: true };
}

/** The Warning header (RFC 3261 §20.43) that says why media were refused; empty for other errors. */
export function warningHeader(error: unknown): Record<string, string> {
  if (!(error instanceof UnsupportedMediaError)) return {};
  const text = error.message.replace(/[^ -~]/g, " ").replace(/["\\]/g, "'");
  return { Warning: `${error.warning} zongji "${text}"` };
}

/** Why an offer cannot be taken; undefined when it can, and for INVITEs without one. */
export function offerProblem(sdp: string, limits: OfferOptions): UnsupportedMediaError | undefined {
  if (sdp === "") return undefined;
  try {
    usableOffer(sdp, limits);
    return undefined;
  } catch (error) {
    return error instanceof UnsupportedMediaError ? error : new UnsupportedMediaError(String(error));
  }
}
