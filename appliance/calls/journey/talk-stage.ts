/** Two parties talk: bridge, recording, hold by the phone, transfer, the end from either side. */
import type { LegEvent, MediaEvent } from "../../../sip/index.ts";
import { decideDialled, type Group, internalDestination } from "../../routing/index.ts";
import { answeredEnding } from "./causes.ts";
import type { Journey } from "./journey.ts";
import type { Party, Stage } from "./model.ts";
import { RingStage, type RingTarget } from "./ring-stage.ts";

export interface TalkOptions {
  /** The group whose queue brought the parties together. */
  readonly group: Group | null;
}

export class TalkStage implements Stage {
  readonly at: string;
  readonly groupId: number | null;
  readonly agentId: number | null;
  readonly #journey: Journey;
  readonly #other: Party;
  readonly #group: Group | null;
  readonly #held = new Map<string, { readonly play: string; readonly listener: string }>();
  #bridged = false;
  #transferring = false;

  constructor(journey: Journey, other: Party, options: TalkOptions) {
    this.#journey = journey;
    this.#other = other;
    this.#group = options.group;
    this.at = other.name === "" ? other.number : `${other.number} ${other.name}`;
    this.groupId = options.group?.id ?? null;
    this.agentId = other.agentId ?? journey.caller?.agentId ?? null;
  }

  get name(): "talking" | "held" {
    return this.#held.size > 0 ? "held" : "talking";
  }

  enter(): void {
    const { services, caller } = this.#journey;
    if (!caller) return;
    services.media.hear(caller.leg, [this.#other.leg]);
    services.media.hear(this.#other.leg, [caller.leg]);
    this.#bridged = true;
    this.#journey.fact("bridge.joined", this.#other.leg, {
      legs: [caller.leg, this.#other.leg],
      mode: "talk",
    });
    this.#phase("talking");
    if (this.#recorded()) this.#journey.recording.begin(caller.leg, this.#other.leg);
    this.#announce();
  }

  #recorded(): boolean {
    const { settings } = this.#journey.services.office();
    if (this.#group) return this.#group.record;
    switch (this.#journey.start.direction) {
      case "inbound":
        return settings.recordInbound;
      case "internal":
        return settings.recordInternal;
      default:
        return settings.recordOutbound;
    }
  }

  /** Agent number to the caller (W-3.1.3.27–29), agent announcement to the agent (W-3.1.3.43). */
  #announce(): void {
    const { services, caller } = this.#journey;
    const group = this.#group;
    if (!group || !caller) return;
    const office = services.office();
    const file = (id: number | null) => {
      const path = id === null ? undefined : office.media.get(id);
      return path ? [{ kind: "file" as const, path }] : [];
    };
    if (group.announceAgentNumber) {
      const digits = [...this.#other.number].flatMap((digit) => {
        const path = office.prompts.get(`digit-${digit}`);
        return path ? [{ kind: "file" as const, path }] : [];
      });
      const items = [...file(group.beforeNumberPromptId), ...digits, ...file(group.afterNumberPromptId)];
      if (items.length > 0) services.media.play({ play: services.newId(), leg: caller.leg, items });
    }
    const words = file(group.agentAnnouncementId);
    if (words.length > 0) services.media.play({ play: services.newId(), leg: this.#other.leg, items: words });
  }

  #phase(phase: "talking" | "held"): void {
    const { board } = this.#journey.services;
    for (const party of [this.#journey.caller, this.#other]) {
      if (party?.agentId == null) continue;
      board.leg(party.agentId, {
        phase,
        journey: this.#journey.id,
        groupId: party === this.#other ? (this.#group?.id ?? null) : null,
        viaOffer: party === this.#other && this.#group !== null,
      });
    }
  }

  #peer(party: Party): Party | null {
    return party === this.#other ? this.#journey.caller : this.#other;
  }

  onLeg(event: LegEvent): void {
    const party = this.#journey.parties.get(event.leg);
    if (!party || (party !== this.#other && party !== this.#journey.caller)) return;
    switch (event.type) {
      case "held":
        return this.#hold(party);
      case "resumed":
        return this.#resume(party);
      case "digit": {
        // Keys reach the other side: an agent may be in somebody else's menu.
        const peer = this.#peer(party);
        if (peer) this.#journey.services.legs.sendDigits(peer.leg, event.digit);
        return;
      }
      case "transfer-requested":
        return this.#transfer(party, event);
      case "ended":
        return this.#over(party, event);
      default:
        return;
    }
  }

  #hold(party: Party): void {
    if (this.#held.has(party.leg)) return;
    const { services } = this.#journey;
    const peer = this.#peer(party);
    if (!peer) return;
    const office = services.office();
    const id = this.#group?.holdMusicId ?? office.settings.holdMusicId;
    const path = (id === null ? undefined : office.media.get(id)) ?? office.prompts.get("waiting-music");
    const play = services.newId();
    if (path)
      services.media.play({
        play,
        leg: peer.leg,
        items: [{ kind: "file", path }],
        times: "forever",
        resumeKey: "hold",
      });
    this.#held.set(party.leg, { play, listener: peer.leg });
    this.#journey.fact("hold.started", party.leg, { by: "remote", ...(path ? { music: path } : {}) });
    this.#phase("held");
  }

  #resume(party: Party): void {
    const held = this.#held.get(party.leg);
    if (!held) return;
    this.#held.delete(party.leg);
    this.#journey.services.media.stopPlay(held.listener, held.play);
    this.#journey.fact("hold.ended", party.leg, { by: "remote" });
    if (this.#held.size === 0) this.#phase("talking");
  }

  /** A phone's REFER: blind to a number. The party that stays is the one who was talked with. */
  #transfer(by: Party, event: Extract<LegEvent, { type: "transfer-requested" }>): void {
    const { services } = this.#journey;
    const stays = this.#peer(by);
    const refuse = (status: number, reason: string) =>
      services.legs.transferResult(by.leg, { status, reason });
    if (!stays || this.#transferring) return refuse(491, "Request Pending");
    this.#journey.fact("transfer.requested", by.leg, {
      kind: event.replaces ? "attended" : "blind",
      to: event.to,
      ...(by.agentId === null ? {} : { byAgentId: by.agentId }),
    });
    const target = event.replaces ? null : this.#transferTarget(by, event.to);
    if (!target) {
      this.#journey.fact("transfer.failed", by.leg, { to: event.to, cause: "not-found" });
      return refuse(404, "Not Found");
    }
    if (target.kind === "extension" && !services.extensionOnline(target.extensionId)) {
      this.#journey.fact("transfer.failed", by.leg, { to: event.to, cause: "unreachable" });
      return refuse(480, "Temporarily Unavailable");
    }
    this.#transferring = true;
    services.legs.transferResult(by.leg, { status: 200, reason: "OK" });
    this.#unbridge();
    // From here on the party that stays is whom the others ring for.
    this.#journey.caller = stays;
    services.legs.hangup(by.leg, "normal");
    this.#journey.fact("transfer.completed", by.leg, { to: event.to });
    this.#journey.enter(new RingStage(this.#journey, target, {}));
  }

  #transferTarget(by: Party, to: string): RingTarget | null {
    const office = this.#journey.services.office();
    const destination = internalDestination(office, to);
    if (destination?.type === "agent" || destination?.type === "extension") {
      const agent = destination.type === "agent" ? office.agents.get(destination.id) : undefined;
      const extension = office.extensions.get(agent?.extensionId ?? destination.id);
      if (!extension) return null;
      return {
        kind: "extension",
        extensionId: extension.id,
        number: extension.number,
        name: agent?.name ?? extension.name,
        agentId: agent?.id ?? null,
      };
    }
    const from = by.extensionId === null ? undefined : office.extensions.get(by.extensionId);
    const decided = decideDialled(office, from, to);
    if (decided.action !== "outbound") return null;
    return {
      kind: "trunk",
      trunkId: decided.trunkId,
      number: decided.number,
      shown: decided.displayedNumber,
    };
  }

  #over(party: Party, event: Extract<LegEvent, { type: "ended" }>): void {
    this.#unbridge();
    this.#journey.end(answeredEnding(event, party === this.#journey.caller ? "caller" : "callee"));
  }

  #unbridge(): void {
    const { services, caller } = this.#journey;
    if (!this.#bridged || !caller) return;
    this.#bridged = false;
    for (const leg of [...this.#held.keys()]) {
      const held = this.#journey.parties.get(leg);
      if (held) this.#resume(held);
    }
    services.media.hear(caller.leg, []);
    services.media.hear(this.#other.leg, []);
    this.#journey.fact("bridge.left", this.#other.leg, { legs: [caller.leg, this.#other.leg], mode: "talk" });
  }

  onMedia(_event: MediaEvent): void {}

  leave(): void {
    this.#unbridge();
  }
}
