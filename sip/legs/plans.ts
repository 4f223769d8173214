/** Whom an outgoing leg rings, how it is addressed and what voice it is offered. */
import type { RegistrationRow } from "../directory.ts";
import type { OfferOptions } from "../media/model.ts";
import { deviceHop, deviceTo } from "../srf/network.ts";
import { extensionFrom } from "../trunks/identity.ts";
import type { Trunk } from "../trunks/trunk.ts";
import { deviceOffers, type Protection, trunkMedia } from "./media-choice.ts";
import type { DialSpec } from "./model.ts";
import type { OutgoingPlan } from "./outgoing-leg.ts";

/** Headers on which phones answer by themselves (RFC 3261 §20.9 "answer-after", Alert-Info as most makers read it). */
const AUTO_ANSWER = {
  "Call-Info": "<sip:localhost>;answer-after=0",
  "Alert-Info": "<http://localhost>;info=alert-autoanswer;delay=0",
};

/** What devices took at their last call, by Contact; the oldest are forgotten. */
export class ProvenMedia {
  readonly #taken = new Map<string, Protection>();

  get(contact: string): Protection | undefined {
    return this.#taken.get(contact);
  }

  set(contact: string, taken: Protection): void {
    this.#taken.delete(contact);
    this.#taken.set(contact, taken);
    if (this.#taken.size <= 2000) return;
    const oldest = this.#taken.keys().next().value;
    if (oldest !== undefined) this.#taken.delete(oldest);
  }
}

/** Rings every device of an extension. */
export function extensionPlan(
  spec: DialSpec,
  devices: readonly RegistrationRow[],
  proven: ProvenMedia,
): OutgoingPlan {
  const from = extensionFrom({ number: spec.callerNumber, name: spec.callerName ?? "" }, "localhost");
  return {
    earlyMedia: false,
    silentCause: "unreachable",
    timeoutMs: spec.timeoutMs,
    forks: devices.map((row) => {
      const { headers: route, ...hop } = deviceHop(row);
      return {
        offers: deviceOffers(row, proven.get(row.contact)),
        onTaken: ({ security }: OfferOptions) => proven.set(row.contact, security ?? "none"),
        request: {
          uri: row.contact,
          ...hop,
          headers: {
            ...route,
            From: from,
            To: deviceTo(row),
            ...(spec.autoAnswer === true ? AUTO_ANSWER : {}),
            ...spec.headers,
          },
        },
      };
    }),
  };
}

/** Calls a number through a trunk. */
export function trunkPlan(spec: DialSpec, trunk: Trunk): OutgoingPlan {
  const { config, credentials } = trunk;
  const { headers, ...invite } = trunk.invite(spec.target.number, {
    number: spec.callerNumber,
    name: spec.callerName ?? "",
    ...(spec.forwardedFor === undefined ? {} : { forwardedFor: spec.forwardedFor }),
  });
  const media = trunkMedia(config, trunk.family);
  return {
    earlyMedia: media.earlyMedia,
    keysByInfo: media.limits.dtmf === "info",
    silentCause: "timeout",
    timeoutMs: spec.timeoutMs,
    onTraffic: (answered) => trunk.traffic(answered),
    forks: [
      {
        offers: media.offers,
        request: {
          ...invite,
          ...(credentials === undefined ? {} : { credentials }),
          headers: {
            ...headers,
            ...spec.headers,
          },
        },
      },
    ],
  };
}
