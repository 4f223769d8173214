/** Gives up calls through a carrier that has gone silent, long before the 32 s that SIP allows an INVITE. */
import type { Trunk } from "../trunks/trunk.ts";

/** Without a word for this long the carrier is asked whether it is there, ms; and this long it has to say so. */
const PATIENCE_MS = 4000;

export class SilenceWatch {
  #heard = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `giveUp` is called once at most, never after `stop`. */
  constructor(trunk: Pick<Trunk, "isSilent">, giveUp: () => void, patienceMs = PATIENCE_MS) {
    this.#timer = setTimeout(async () => {
      const silent = await trunk.isSilent(patienceMs);
      if (silent && !this.#heard) giveUp();
    }, patienceMs);
  }

  /** Something was heard, or the call is over. */
  stop(): void {
    this.#heard = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
