/** Two parties talk: bridge, recording, hold by the phone, transfer, the end from either side. */
import type { LegEvent, LegId, MediaEvent } from "../../../sip/index.ts";
import type { Group } from "../../routing/index.ts";
import { answeredEnding } from "./causes.ts";
import type { Journey } from "./journey.ts";
import type { Party, Stage, TalkOptions } from "./model.ts";
import { spokenDigits } from "./sounds.ts";
import { transfer } from "./transfer.ts";

export class TalkStage implements Stage {
  readonly at: string;
  readonly groupId: number | null;
  readonly agentId: number | null;
  readonly #journey: Journey;
  /** The party the other one serves; stays the same while the journey's caller changes in a transfer. */
  readonly #one: Party | null;
  readonly #other: Party;
  readonly #group: Group | null;
  readonly #announced: boolean;
  readonly #held = new Map<LegId, { readonly play: string; readonly listener: Party }>();
  #bridged = false;

  constructor(journey: Journey, other: Party, options: TalkOptions) {
    this.#journey = journey;
    this.#one = journey.caller;
    this.#other = other;
    this.#group = options.group;
    this.#announced = options.announce === true;
    this.at = other.name === "" ? other.number : `${other.number} ${other.name}`;
    this.groupId = options.group?.id ?? null;
    this.agentId = other.agentId ?? journey.caller?.agentId ?? null;
  }

  get name(): "talking" | "held" {
    return this.#held.size > 0 ? "held" : "talking";
  }

  enter(): void {
    const one = this.#one;
    const other = this.#other;
    if (!one) return;
    const { media } = this.#journey.services;
    media.hear(one.leg, [other.leg]);
    media.hear(other.leg, [one.leg]);
    this.#bridged = true;
    this.#journey.fact("bridge.joined", other.leg, { legs: [one.leg, other.leg], mode: "talk" });
    this.#phase();
    if (this.#recorded()) this.#journey.recording.begin(one.leg, other.leg);
    if (this.#announced) this.#announce(one);
    // Who came back from a transfer may still have us on hold.
    for (const party of [one, other]) if (party.held) this.#hold(party);
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
  #announce(one: Party): void {
    const { services } = this.#journey;
    const group = this.#group;
    if (!group) return;
    const office = services.office();
    const file = (id: number | null) => {
      const path = id === null ? undefined : office.media.get(id);
      return path ? [{ kind: "file" as const, path }] : [];
    };
    if (group.announceAgentNumber) {
      const items = [
        ...file(group.beforeNumberPromptId),
        ...spokenDigits(office.prompts, this.#other.number),
        ...file(group.afterNumberPromptId),
      ];
      if (items.length > 0) services.media.play({ play: services.newId(), leg: one.leg, items });
    }
    const words = file(group.agentAnnouncementId);
    if (words.length > 0) services.media.play({ play: services.newId(), leg: this.#other.leg, items: words });
  }

  /** Tells the board what the agents are doing. Group work is the work of the group's members only. */
  #phase(): void {
    const { board } = this.#journey.services;
    const phase = this.#held.size > 0 ? "held" : "talking";
    for (const party of [this.#one, this.#other]) {
      if (party?.agentId == null) continue;
      const { agentId } = party;
      const group =
        party === this.#other && this.#group?.members.some((m) => m.agentId === agentId) ? this.#group : null;
      board.leg(agentId, {
        phase,
        journey: this.#journey.id,
        groupId: group?.id ?? null,
        viaOffer: group !== null,
      });
    }
  }

  #peer(party: Party): Party | null {
    return party === this.#other ? this.#one : this.#other;
  }

  partner(leg: LegId): { readonly party: Party; readonly group: Group | null } | null {
    const own = leg === this.#other.leg ? this.#other : leg === this.#one?.leg ? this.#one : null;
    const party = own && this.#bridged ? this.#peer(own) : null;
    return party && { party, group: this.#group };
  }

  onLeg(event: LegEvent): void {
    const party = this.#journey.parties.get(event.leg);
    if (!party || (party !== this.#other && party !== this.#one)) return;
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
      case "transfer-requested": {
        const stays = this.#peer(party);
        const one = this.#one;
        if (stays && one)
          transfer(this.#journey, event, {
            by: party,
            stays,
            pair: { caller: one, other: this.#other },
            group: this.#group,
          });
        return;
      }
      case "ended":
        return this.#over(party, event);
      default:
        return;
    }
  }

  /** The one who is held hears the music and nothing else, whatever the phone goes on sending. */
  #hold(party: Party): void {
    const listener = this.#peer(party);
    if (this.#held.has(party.leg) || !listener) return;
    const { services } = this.#journey;
    const office = services.office();
    const id = this.#group?.holdMusicId ?? office.settings.holdMusicId;
    const path = (id === null ? undefined : office.media.get(id)) ?? office.prompts.get("waiting-music");
    const play = services.newId();
    services.media.hear(listener.leg, []);
    if (path)
      services.media.play({
        play,
        leg: listener.leg,
        items: [{ kind: "file", path }],
        times: "forever",
        resumeKey: "hold",
      });
    this.#held.set(party.leg, { play, listener });
    this.#journey.fact("hold.started", party.leg, { by: "remote", ...(path ? { music: path } : {}) });
    this.#phase();
  }

  #resume(party: Party): void {
    const held = this.#held.get(party.leg);
    if (!held) return;
    this.#unhold(party, held);
    if (this.#bridged) this.#journey.services.media.hear(held.listener.leg, [party.leg]);
    this.#phase();
  }

  #unhold(party: Party, held: { readonly play: string; readonly listener: Party }): void {
    this.#held.delete(party.leg);
    this.#journey.services.media.stopPlay(held.listener.leg, held.play);
    this.#journey.fact("hold.ended", party.leg, { by: "remote" });
  }

  #over(party: Party, event: Extract<LegEvent, { type: "ended" }>): void {
    this.#unbridge();
    this.#journey.end(answeredEnding(event, party === this.#one ? "caller" : "callee"));
  }

  #unbridge(): void {
    const one = this.#one;
    const other = this.#other;
    if (!this.#bridged || !one) return;
    this.#bridged = false;
    for (const party of [one, other]) {
      const held = this.#held.get(party.leg);
      if (held) this.#unhold(party, held);
    }
    const { media } = this.#journey.services;
    media.hear(one.leg, []);
    media.hear(other.leg, []);
    this.#journey.fact("bridge.left", other.leg, { legs: [one.leg, other.leg], mode: "talk" });
  }

  onMedia(_event: MediaEvent): void {}

  leave(): void {
    this.#unbridge();
  }
}
