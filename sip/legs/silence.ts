/** Gives up calls through a carrier that has gone silent, long before the 32 s that SIP allows an INVITE. */
import { type After, after } from "../trunks/timer.ts";
import type { Trunk } from "../trunks/trunk.ts";

/** Without a word for this long the carrier is asked whether it is there, ms; and this long it has to say so. */
const PATIENCE_MS = 4000;

export interface SilenceParts {
  readonly trunk: Pick<Trunk, "hears" | "traffic">;
  /** Called once at most, never after `stop`. */
  readonly giveUp: () => void;
  /** Whether the carrier sent anything at all about this call, a 100 included; true when nobody knows. */
  readonly heard: () => Promise<boolean>;
  readonly after?: After;
}

export class SilenceWatch {
  readonly #parts: SilenceParts;
  readonly #after: After;
  #over = false;
  #cancel: () => void;

  constructor(parts: SilenceParts) {
    this.#parts = parts;
    this.#after = parts.after ?? after;
    this.#cancel = this.#after(PATIENCE_MS, () => void this.#ask());
  }

  /** Something was heard, or the call is over. */
  stop(): void {
    this.#over = true;
    this.#cancel();
  }

  async #ask(): Promise<void> {
    const verdict = await this.#parts.trunk.hears(PATIENCE_MS);
    if (this.#over || verdict === "answers") return;
    if (verdict === "silent") return this.#parts.giveUp();
    // Nothing it is known to answer: its silence about the call itself has to tell.
    this.#cancel = this.#after(PATIENCE_MS, () => void this.#listen());
  }

  async #listen(): Promise<void> {
    if ((await this.#parts.heard()) || this.#over) return;
    this.#parts.trunk.traffic(false);
    this.#parts.giveUp();
  }
}
