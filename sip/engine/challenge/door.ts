/**
 * The first answer to a REGISTER without credentials, given by the engine itself where the application has told it the
 * realm and the key of the nonces. It is stateless, as RFC 3261 §8.2.7 asks of challenges: floods of them cost neither
 * memory nor the application's time.
 */
import { getHeader } from "../message/headers.ts";
import type { SipPeer, SipRequest, SipResponse } from "../message/model.ts";
import { statelessResponse } from "../message/validate.ts";
import { tagOf } from "../transaction/fields.ts";
import { type ChallengeAlgorithm, Challenger } from "./challenger.ts";

/** Plain data, so that it can cross into a Worker. */
export interface DoorConfig {
  readonly realm: string;
  readonly algorithms: readonly ChallengeAlgorithm[];
  /** Hex. */
  readonly secret: string;
}

export class Door {
  readonly #challenger: Challenger;

  constructor(config: DoorConfig) {
    this.#challenger = new Challenger({ ...config, secret: Buffer.from(config.secret, "hex") });
  }

  /** The 401, or undefined when the request is the application's to judge. `now` in UTC ms. */
  answer(request: SipRequest, peer: SipPeer, now: number): SipResponse | undefined {
    if (request.method !== "REGISTER") return undefined;
    const agent = {
      method: "REGISTER",
      sourceAddress: peer.address,
      userAgent: getHeader(request, "User-Agent"),
    };
    if (getHeader(request, "Authorization") !== undefined) {
      this.#challenger.understood(agent);
      return undefined;
    }
    if (getHeader(request, "Route") !== undefined || tagOf(getHeader(request, "To")) !== undefined)
      return undefined;
    const response = statelessResponse(request, 401);
    for (const value of this.#challenger.first(agent, now)) {
      response.headers.push({ name: "WWW-Authenticate", value });
    }
    return response;
  }
}
