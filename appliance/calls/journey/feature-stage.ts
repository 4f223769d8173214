/** A feature code from a phone (W-3.6.7): sign in and out, pause, idle, own number, echo. */
import type { LegEvent, MediaEvent, PlayItem } from "../../../sip/index.ts";
import { UseCaseError } from "../../kernel.ts";
import { agentAtExtension, type Feature } from "../../routing/index.ts";
import type { Journey } from "./journey.ts";
import type { Stage } from "./model.ts";
import { promptItems, spokenDigits } from "./sounds.ts";

/** Longest wait for the PIN's next key, ms. */
const PIN_WAIT_MS = 8000;
const PIN_MAX = 32;
const PIN_TRIES = 3;

export class FeatureStage implements Stage {
  readonly name = "ivr";
  readonly at: string;
  readonly #journey: Journey;
  readonly #feature: Feature;
  readonly #code: string;
  readonly #argument: string;
  #pin = "";
  #asking = false;
  #tries = 0;
  #cancel: () => void = () => {};
  #lastWords: string | null = null;
  #result = "left";

  constructor(
    journey: Journey,
    feature: { readonly feature: Feature; readonly code: string; readonly argument: string },
  ) {
    this.#journey = journey;
    this.#feature = feature.feature;
    this.#code = feature.code;
    this.#argument = feature.argument;
    this.at = feature.code;
  }

  enter(): void {
    const { caller, services } = this.#journey;
    if (!caller) return;
    if (caller.answered) this.#start();
    else void services.legs.answer(caller.leg).catch(() => {});
  }

  #start(): void {
    const { services, caller } = this.#journey;
    if (!caller) return;
    if (this.#feature === "echo") {
      services.media.hear(caller.leg, [caller.leg]);
      this.#result = "echo";
      return;
    }
    if (this.#feature === "announce-number") {
      this.#result = "announced";
      return this.#say([
        ...promptItems(services.office().prompts, ["own-number"]),
        ...spokenDigits(services.office().prompts, caller.number),
      ]);
    }
    const agent =
      caller.extensionId === null ? undefined : agentAtExtension(services.office(), caller.extensionId);
    if (!agent) return this.#finish("not-allowed", "not an agent");
    if (!agent.enabled) return this.#finish("disabled", "disabled");
    if (this.#feature === "sign-in" && agent.phonePinHash !== "") return this.#askPin();
    this.#carryOut(agent.id);
  }

  #askPin(): void {
    this.#asking = true;
    this.#pin = "";
    const { services, caller } = this.#journey;
    if (!caller) return;
    const items = promptItems(services.office().prompts, [this.#tries === 0 ? "pin" : "pin-wrong"]);
    const beep: PlayItem[] = [{ kind: "tone", hz: [425], ms: 200 }];
    services.media.play({
      play: services.newId(),
      leg: caller.leg,
      items: items.length > 0 ? items : beep,
      stopOnDigit: true,
    });
    this.#wait();
  }

  #wait(): void {
    this.#cancel();
    this.#cancel = this.#journey.services.after(PIN_WAIT_MS, () =>
      this.#journey.step(() => this.#checkPin()),
    );
  }

  #checkPin(): void {
    this.#cancel();
    if (!this.#asking) return;
    this.#asking = false;
    const { services, caller } = this.#journey;
    const agent =
      caller?.extensionId == null ? undefined : agentAtExtension(services.office(), caller.extensionId);
    if (!agent) return this.#finish("not-allowed", "not an agent");
    void services.verifyPin(agent.id, this.#pin).then(
      (right) =>
        this.#journey.step(() => {
          if (this.#journey.ending || this.#journey.stage !== this) return;
          if (right) return this.#carryOut(agent.id);
          this.#tries++;
          if (this.#tries < PIN_TRIES) this.#askPin();
          else this.#finish("goodbye", "wrong PIN");
        }),
      (error: unknown) => this.#journey.crash(error),
    );
  }

  #carryOut(agentId: number): void {
    const { services } = this.#journey;
    const { board } = services;
    const office = services.office();
    try {
      switch (this.#feature) {
        case "sign-in":
          board.signIn(agentId, [], "phone", services.deskOpen(agentId));
          return this.#finish("signed-in", "signed in");
        case "sign-out":
          board.signOut(agentId, [], "phone");
          return this.#finish("signed-out", "signed out");
        case "idle":
          board.setIdle(agentId, "phone");
          return this.#finish("idle", "idle");
        case "pause": {
          const reasons = [...office.pauseReasons];
          const chosen = this.#argument === "" ? undefined : reasons[Number(this.#argument) - 1];
          board.pause(agentId, chosen?.[1] ?? "", chosen?.[0] ?? null, "phone");
          return this.#finish("paused", "paused");
        }
        default:
          return this.#finish("not-allowed", "unknown feature");
      }
    } catch (error) {
      if (!(error instanceof UseCaseError)) throw error;
      this.#finish(error.code === "error.agent-disabled" ? "disabled" : "not-allowed", error.code);
    }
  }

  #finish(prompt: string, result: string): void {
    this.#result = result;
    this.#say(promptItems(this.#journey.services.office().prompts, [prompt]));
  }

  /** Last words, then the end. Without the prompt a tone says that it was heard. */
  #say(items: readonly PlayItem[]): void {
    const { services, caller } = this.#journey;
    if (!caller) return;
    this.#lastWords = services.newId();
    const fallback: PlayItem[] = [{ kind: "tone", hz: [880], ms: 300 }];
    services.media.play({
      play: this.#lastWords,
      leg: caller.leg,
      items: items.length > 0 ? items : fallback,
    });
  }

  onLeg(event: LegEvent): void {
    if (event.leg !== this.#journey.caller?.leg) return;
    if (event.type === "answered") this.#start();
    else if (event.type === "ended") this.#journey.end({ cause: "normal", by: "caller" });
    else if (event.type === "digit" && this.#asking) {
      if (event.digit === "#") return this.#checkPin();
      this.#pin += event.digit;
      if (this.#pin.length >= PIN_MAX) this.#checkPin();
      else this.#wait();
    }
  }

  onMedia(event: MediaEvent): void {
    if (event.type !== "play-finished" || event.play !== this.#lastWords) return;
    this.#journey.end({ cause: "normal", by: "system" });
  }

  leave(): void {
    this.#cancel();
    const { caller } = this.#journey;
    this.#journey.fact("feature.used", caller?.leg ?? null, {
      code: this.#code,
      ...(caller?.agentId == null ? {} : { agentId: caller.agentId }),
      result: this.#result,
    });
  }
}
