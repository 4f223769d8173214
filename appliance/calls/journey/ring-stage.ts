/** One number rings for the caller: an extension (all its devices) or somebody outside through a trunk. */
import type { LegEvent, LegId, MediaEvent } from "../../../sip/index.ts";
import { followingTrunk, lineFailed } from "../../routing/index.ts";
import { unansweredEnding } from "./causes.ts";
import type { Journey } from "./journey.ts";
import type { Party, RingingParty, RingOptions, RingTarget, Stage } from "./model.ts";
import { ringbackItems } from "./sounds.ts";

export class RingStage implements Stage {
  readonly name = "ringing";
  readonly at: string;
  readonly agentId: number | null;
  readonly groupId: number | null;
  readonly #journey: Journey;
  readonly #target: RingTarget;
  readonly #options: RingOptions;
  #callee: Party | null = null;
  #calleeAnswered = false;
  #play: string | null = null;
  #left = false;
  /** Trunks dialled, in order. */
  readonly #tried: number[] = [];
  #rang = false;
  #earlyMedia = false;

  constructor(journey: Journey, target: RingTarget, options: RingOptions = {}) {
    this.#journey = journey;
    this.#target = target;
    this.#options = options;
    this.at = target.number;
    this.agentId = target.kind === "extension" ? target.agentId : null;
    this.groupId = options.group?.id ?? null;
  }

  enter(): void {
    const { services, caller } = this.#journey;
    const { settings } = services.office();
    const target = this.#target;
    const { taken } = this.#options;
    if (taken) {
      this.#callee = taken.party;
      this.#rang = taken.rang;
      this.#earlyMedia = taken.earlyMedia;
      this.#tried.push(...taken.tried);
      if (taken.earlyMedia && caller?.answered) services.media.hear(caller.leg, [taken.party.leg]);
    } else if (target.kind === "extension") {
      const { extensionId, number, name, agentId } = target;
      if (agentId !== null && services.board.state(agentId).state === "idle")
        services.board.leg(agentId, {
          phase: "ringing",
          journey: this.#journey.id,
          groupId: null,
          viaOffer: false,
        });
      this.#callee = this.#journey.dial(
        { role: agentId === null ? "extension" : "agent", number, name, agentId, extensionId, trunkId: null },
        { kind: "extension", extensionId, number },
        {
          callerNumber: this.#journey.shownNumber,
          callerName: (this.#options.namePrefix ?? "") + this.#journey.shownName,
          timeoutMs: this.#options.timeoutMs ?? settings.extensionRingS * 1000,
        },
      );
    } else this.#dialTrunk(target, target.trunkId);
    if (caller?.answered && !this.#earlyMedia) this.#ringback();
  }

  /** Dials through a trunk; one that is known to be down is passed over while there is another. */
  #dialTrunk(target: Extract<RingTarget, { kind: "trunk" }>, trunkId: number): void {
    const { services, caller } = this.#journey;
    const { settings } = services.office();
    const { number, shown } = target;
    this.#tried.push(trunkId);
    this.#rang = false;
    this.#earlyMedia = false;
    // Who is outside and is sent outside: a forwarded or transferred call, whoever made it.
    const forwarded = caller !== null && caller.trunkId !== null;
    this.#callee = this.#journey.dial(
      { role: "external", number, name: "", agentId: null, extensionId: null, trunkId },
      { kind: "trunk", trunkId, number },
      {
        callerNumber: shown,
        callerName: "",
        timeoutMs: this.#options.timeoutMs ?? settings.outboundRingS * 1000,
        onlyIfUp: this.#nextTrunk() !== null,
        ...(forwarded
          ? {
              forwardedFor: {
                number: caller.number,
                name: caller.name,
                reason: this.#options.diverted ?? "unconditional",
              },
            }
          : {}),
      },
    );
  }

  #nextTrunk(): number | null {
    const office = this.#journey.services.office();
    const emergency = office.settings.emergencyNumbers.includes(this.#target.number);
    return followingTrunk(office, this.#tried, emergency);
  }

  #ringback(): void {
    const { services, caller } = this.#journey;
    if (!caller || this.#play !== null) return;
    this.#play = services.newId();
    services.media.play({ play: this.#play, leg: caller.leg, items: ringbackItems(), times: "forever" });
  }

  #stopRingback(): void {
    const { services, caller } = this.#journey;
    if (this.#play !== null && caller) services.media.stopPlay(caller.leg, this.#play);
    this.#play = null;
  }

  onLeg(event: LegEvent): void {
    const { caller } = this.#journey;
    if (this.#left) return;
    if (event.leg === caller?.leg) return this.#onCaller(event);
    if (event.leg === this.#callee?.leg) this.#onCallee(event);
  }

  #onCaller(event: LegEvent): void {
    if (event.type === "answered" && this.#calleeAnswered) this.#talk();
    else if (event.type === "ended") {
      // A caller lost between the callee's answer and its own is no early hang-up.
      this.#journey.end(
        this.#calleeAnswered
          ? { cause: "normal", by: "caller" }
          : { cause: "caller-hung-up-early", by: event.by === "remote" ? "caller" : "system" },
      );
    }
  }

  #onCallee(event: LegEvent): void {
    const { services, caller } = this.#journey;
    const callee = this.#callee;
    if (!caller || !callee) return;
    if (event.type === "ringing") {
      this.#rang = true;
      if (event.earlyMedia) {
        this.#earlyMedia = true;
        this.#stopRingback();
        services.media.hear(caller.leg, [callee.leg]);
      }
      if (!caller.answered)
        void services.legs
          .ring(caller.leg, event.earlyMedia ? { earlyMedia: true } : {})
          .then(() => {
            // The channel of a caller in early media exists only now.
            if (event.earlyMedia && !this.#left) services.media.hear(caller.leg, [callee.leg]);
          })
          .catch(() => {});
    } else if (event.type === "answered") {
      this.#calleeAnswered = true;
      if (caller.answered) this.#talk();
      else void services.legs.answer(caller.leg).catch(() => {});
    } else if (event.type === "ended") {
      this.#callee = null;
      const target = this.#target;
      if (target.kind === "trunk" && !this.#calleeAnswered && lineFailed({ ...event, rang: this.#rang })) {
        const next = this.#nextTrunk();
        if (next !== null) return this.#dialTrunk(target, next);
      }
      if (this.#options.onFailed && !this.#calleeAnswered) {
        this.#stopRingback();
        this.#options.onFailed(event);
      } else
        this.#journey.end(this.#calleeAnswered ? { cause: "normal", by: "callee" } : unansweredEnding(event));
    }
  }

  #talk(): void {
    const callee = this.#callee;
    if (!callee) return;
    this.#stopRingback();
    this.#options.onAnswered?.();
    this.#journey.flow.talk(this.#journey, callee, { group: this.#options.group ?? null });
  }

  onMedia(_event: MediaEvent): void {}

  giveRinging(leg: LegId): RingingParty | null {
    const { caller } = this.#journey;
    const party = this.#callee;
    // Who transfers this very call onwards while it rings wants its number, with what hangs on it.
    if (this.#left || this.#calleeAnswered || !party || leg !== caller?.leg) return null;
    if (this.#options.onAnswered || this.#options.onFailed || this.#options.onGivenUp) return null;
    this.#left = true;
    this.#stopRingback();
    if (this.#earlyMedia) this.#journey.services.media.hear(leg, []);
    return {
      party,
      target: this.#target,
      rang: this.#rang,
      earlyMedia: this.#earlyMedia,
      tried: this.#tried,
    };
  }

  rings(leg: LegId): boolean {
    return !this.#left && !this.#calleeAnswered && this.#callee?.leg === leg;
  }

  pickUp(leg: LegId, by: Party): boolean {
    const { services, caller } = this.#journey;
    const rung = this.#callee;
    if (!this.rings(leg) || !rung || !caller) return false;
    this.#callee = by;
    this.#calleeAnswered = true;
    rung.released = true;
    services.legs.hangup(rung.leg, "cancelled");
    if (caller.answered) this.#talk();
    else void services.legs.answer(caller.leg).catch(() => {});
    return true;
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#stopRingback();
    if (!this.#callee || this.#calleeAnswered) return;
    this.#journey.services.legs.hangup(this.#callee.leg, "cancelled");
    this.#options.onGivenUp?.();
  }
}
