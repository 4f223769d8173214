/** The caller in a menu: runs `decideMenu` and does what it says. */
import type { LegEvent, MediaEvent } from "../../../sip/index.ts";
import {
  decideMenu,
  internalDestination,
  type MenuEvent,
  type MenuFlow,
  newMenu,
} from "../../routing/index.ts";
import type { Journey } from "./journey.ts";
import type { Stage } from "./model.ts";

export class MenuStage implements Stage {
  readonly name = "ivr";
  readonly at: string;
  readonly #journey: Journey;
  readonly #flow: MenuFlow;
  #state;
  #cancel: () => void = () => {};
  #play: { readonly id: string; readonly mediaId: number } | null = null;
  #left = false;

  constructor(journey: Journey, flow: MenuFlow) {
    this.#journey = journey;
    this.#flow = flow;
    this.at = flow.name;
    this.#state = newMenu(flow);
  }

  enter(): void {
    const { caller, services } = this.#journey;
    this.#journey.fact("flow.entered", caller?.leg ?? null, { flowId: this.#flow.id, name: this.#flow.name });
    if (!this.#journey.prefixedBy.has(this.#flow.id)) {
      this.#journey.prefixedBy.add(this.#flow.id);
      this.#journey.shownNumber = this.#flow.callerNumberPrefix + this.#journey.shownNumber;
      this.#journey.shownName = this.#flow.callerNamePrefix + this.#journey.shownName;
    }
    if (!caller || caller.answered) return this.#do({ type: "start" });
    void services.legs.answer(caller.leg).catch(() => {});
  }

  onLeg(event: LegEvent): void {
    if (event.leg !== this.#journey.caller?.leg) return;
    if (event.type === "answered") this.#do({ type: "start" });
    else if (event.type === "digit") this.#do({ type: "digit", digit: event.digit });
    else if (event.type === "ended") {
      this.#leaveFlow("hangup");
      this.#journey.end({ cause: "caller-hung-up-early", by: "caller" });
    }
  }

  onMedia(event: MediaEvent): void {
    if (event.type !== "play-finished" || event.play !== this.#play?.id) return;
    const { mediaId } = this.#play;
    this.#play = null;
    const outcome =
      event.outcome === "completed" ? "completed" : event.outcome === "failed" ? "failed" : "interrupted";
    this.#journey.fact("prompt.played", event.leg, {
      play: event.play,
      media: String(mediaId),
      outcome,
      ms: event.ms,
    });
    if (outcome !== "interrupted") this.#do({ type: "played" });
  }

  leave(): void {
    this.#cancel();
    this.#stopPlay();
    this.#leaveFlow("hangup");
  }

  #leaveFlow(outcome: "matched" | "timeout" | "no-match" | "direct-dial" | "hangup" | "failed"): void {
    if (this.#left) return;
    this.#left = true;
    this.#journey.fact("flow.left", this.#journey.caller?.leg ?? null, { flowId: this.#flow.id, outcome });
  }

  #stopPlay(): void {
    const { caller, services } = this.#journey;
    if (this.#play && caller) services.media.stopPlay(caller.leg, this.#play.id);
  }

  #do(event: MenuEvent): void {
    const { services, caller } = this.#journey;
    const office = services.office();
    const decision = decideMenu(this.#state, event, {
      flow: this.#flow,
      dial: (number) => {
        const found = internalDestination(office, number);
        return found && (found.type === "agent" || found.type === "extension") ? found : null;
      },
      dialPrefix: (digits) =>
        [...office.extensions.values()].some(
          (e) => e.enabled && e.number.length > digits.length && e.number.startsWith(digits),
        ),
    });
    this.#state = decision.state;
    for (const command of decision.commands) {
      switch (command.type) {
        case "play": {
          const path = office.media.get(command.mediaId);
          const id = services.newId();
          if (!caller) break;
          if (!path) {
            // A prompt that is gone must not strand the caller.
            services.alarm("prompt-missing", String(command.mediaId), this.#flow.name);
            this.#do({ type: "played" });
            break;
          }
          this.#play = { id, mediaId: command.mediaId };
          services.media.play({ play: id, leg: caller.leg, items: [{ kind: "file", path }] });
          break;
        }
        case "stop":
          this.#stopPlay();
          break;
        case "wait":
          this.#cancel();
          this.#cancel = services.after(command.ms, () =>
            this.#journey.step(() => this.#do({ type: "timer" })),
          );
          break;
        case "cancel-wait":
          this.#cancel();
          this.#cancel = () => {};
          break;
        case "keys":
          this.#journey.fact("keys.pressed", caller?.leg ?? null, {
            digits: command.digits,
            flowId: this.#flow.id,
            matched: command.matched,
          });
          break;
        case "done":
          this.#leaveFlow(command.outcome);
          if (command.destination) this.#journey.flow.goTo(this.#journey, command.destination);
          else this.#journey.end({ cause: "normal", by: "system" });
          break;
      }
    }
  }
}
