/** The caller in a group's queue (W-3.1.3.16–50): music, announcements, offers to agents, every way out. */

import type { DiversionReason, LegEvent, LegId, MediaEvent, PlayItem } from "../../../sip/index.ts";
import type { Group } from "../../routing/index.ts";
import type { Why } from "../../routing/why.ts";
import type { HangupCause, OfferMissedReason, QueueLeftReason } from "../events.ts";
import type { Journey } from "./journey.ts";
import type { Offer, Party, Stage, WaitingPlace } from "./model.ts";
import type { Waiter } from "./queues.ts";
import { ringbackItems, spokenPosition } from "./sounds.ts";
import { transferIntoPlace } from "./transfer.ts";

export class QueueStage implements Stage {
  readonly name = "queue";
  readonly at: string;
  readonly groupId: number;
  readonly #journey: Journey;
  readonly #group: Group;
  readonly #timers = new Set<() => void>();
  readonly #offers = new Map<string, Offer>();
  readonly #tried = new Set<number>();
  readonly #waiter: Waiter;
  readonly #place: WaitingPlace | null;
  #joinedAt = 0;
  #joined = false;
  /** No more offers: ending the old ones must not lead to new ones. */
  #leaving = false;
  #left = false;
  #playing: { readonly id: string; readonly what: "music" | "announcement" } | null = null;
  #musicFails = false;
  /** Announcements that wait for the one being heard; each kind waits once. */
  readonly #pending = new Map<string, () => readonly PlayItem[]>();

  /** `place`: the one to go on waiting in, instead of a new one at the end. */
  constructor(journey: Journey, group: Group, place: WaitingPlace | null = null) {
    this.#journey = journey;
    this.#group = group;
    this.#place = place;
    for (const agentId of place?.tried ?? []) this.#tried.add(agentId);
    this.at = group.name;
    this.groupId = group.id;
    const offers = this.#offers;
    const stage = this;
    this.#waiter = {
      journey: journey.id,
      priority: 0,
      get joinedAt() {
        return stage.#joinedAt;
      },
      groupId: group.id,
      tried: this.#tried,
      get offering() {
        return offers.size > 0 || !stage.#joined || stage.#leaving;
      },
      offer: (agentIds, why) => journey.step(() => this.#offer(agentIds, why)),
      emptied: (reason) =>
        journey.step(() =>
          this.#overflow(reason, reason === "empty" ? "empty-queue-overflow" : "no-agent-available"),
        ),
    };
  }

  enter(): void {
    const { services, caller } = this.#journey;
    if (!caller) return;
    // Whoever takes a place over was let in when the place was.
    if (this.#place && caller.answered) return this.#join();
    const verdict = this.#group.queueEnabled
      ? services.queues.admission(this.#group)
      : { admit: false as const, reason: "empty" as const };
    if (!verdict.admit) {
      const cause: Record<typeof verdict.reason, HangupCause> = {
        full: "queue-overflow",
        empty: "empty-queue-refused",
        "no-agent": "no-agent-available",
      };
      this.#joinedAt = services.now();
      const data = { groupId: this.#group.id, groupNumber: this.#group.number, priority: 0, position: 0 };
      this.#journey.fact("queue.joined", caller.leg, data, this.#joinedAt);
      return this.#overflow(verdict.reason, cause[verdict.reason]);
    }
    if (caller.answered) return this.#join();
    void services.legs.answer(caller.leg).catch(() => {});
  }

  #join(): void {
    const { services, caller } = this.#journey;
    if (!caller) return;
    const place = this.#place;
    const now = services.now();
    this.#joinedAt = place?.joinedAt ?? now;
    this.#joined = true;
    services.queues.join(this.#waiter);
    const waitedMs = now - this.#joinedAt;
    const data = {
      groupId: this.#group.id,
      groupNumber: this.#group.number,
      priority: 0,
      position: services.queues.position(this.#waiter),
      ...(place ? { kind: "taken-over" as const, waitedMs } : {}),
    };
    this.#journey.fact("queue.joined", caller.leg, data, now);
    for (const offer of place?.offers ?? []) this.#takeOffer(offer);
    const group = this.#group;
    if (group.maxWaitS > 0)
      this.#timer(Math.max(0, group.maxWaitS * 1000 - waitedMs), () =>
        this.#overflow("timeout", "queue-timeout"),
      );
    if (group.announcePosition && group.positionIntervalS > 0)
      this.#every(group.positionIntervalS * 1000, () => this.#announcePosition());
    if (group.periodicPromptId !== null && group.periodicS > 0)
      this.#every(group.periodicS * 1000, () => this.#announce("periodic", group.periodicPromptId));
    this.#music();
    if (group.queueAnnouncementId !== null) this.#announce("announcement", group.queueAnnouncementId);
    else if (group.announcePosition) this.#announcePosition();
    this.#journey.flush();
    services.queues.dispatch();
  }

  #timer(ms: number, run: () => void): void {
    const cancel = this.#journey.services.after(ms, () => {
      this.#timers.delete(cancel);
      this.#journey.step(run);
    });
    this.#timers.add(cancel);
  }

  #every(ms: number, run: () => void): void {
    this.#timer(ms, () => {
      run();
      if (!this.#left) this.#every(ms, run);
    });
  }

  #music(): void {
    const { services, caller } = this.#journey;
    if (!caller || this.#left) return;
    const office = services.office();
    const id = this.#group.waitingMusicId ?? office.settings.waitingMusicId;
    const path = (id === null ? undefined : office.media.get(id)) ?? office.prompts.get("waiting-music");
    const items: PlayItem[] =
      this.#group.playWaitingMusic && path && !this.#musicFails ? [{ kind: "file", path }] : ringbackItems();
    const play = services.newId();
    this.#playing = { id: play, what: "music" };
    services.media.play({ play, leg: caller.leg, items, times: "forever", resumeKey: "waiting" });
  }

  /** One after the other: an announcement is never cut by the next. `make` notes what is said when its turn comes. */
  #say(kind: string, make: () => readonly PlayItem[]): void {
    this.#pending.set(kind, make);
    if (this.#playing?.what !== "announcement") this.#next();
  }

  /** The next announcement, or the music where it stopped. */
  #next(): void {
    const { services, caller } = this.#journey;
    if (!caller || this.#left) return;
    for (const [kind, make] of this.#pending) {
      this.#pending.delete(kind);
      const items = make();
      if (items.length === 0) continue;
      const play = services.newId();
      this.#playing = { id: play, what: "announcement" };
      services.media.play({ play, leg: caller.leg, items });
      return;
    }
    if (this.#playing?.what !== "music") this.#music();
  }

  #announce(what: "announcement" | "periodic", mediaId: number | null): void {
    const path = mediaId === null ? undefined : this.#journey.services.office().media.get(mediaId);
    if (!path) return;
    this.#say(what, () => {
      this.#journey.fact("queue.announced", this.#journey.caller?.leg ?? null, {
        groupId: this.#group.id,
        what,
      });
      return [{ kind: "file", path }];
    });
  }

  #announcePosition(): void {
    this.#say("position", () => this.#positionWords());
  }

  #positionWords(): readonly PlayItem[] {
    const { services, caller } = this.#journey;
    const position = services.queues.position(this.#waiter);
    const items = spokenPosition(services.office().prompts, position);
    if (position < 1 || items.length === 0) return [];
    this.#journey.fact("queue.position", caller?.leg ?? null, { groupId: this.#group.id, position });
    this.#journey.fact("queue.announced", caller?.leg ?? null, {
      groupId: this.#group.id,
      what: "position",
      position,
    });
    return items;
  }

  #offer(agentIds: readonly number[], why: Why): void {
    const { services } = this.#journey;
    const office = services.office();
    for (const agentId of agentIds) {
      const agent = office.agents.get(agentId);
      if (!agent) continue;
      services.board.leg(agentId, {
        phase: "ringing",
        journey: this.#journey.id,
        groupId: this.#group.id,
        viaOffer: true,
      });
      const party = this.#journey.dial(
        {
          role: "agent",
          number: agent.number,
          name: agent.name,
          agentId,
          extensionId: agent.extensionId,
          trunkId: null,
        },
        { kind: "extension", extensionId: agent.extensionId, number: agent.number },
        {
          callerNumber: this.#group.callerNumberPrefix + this.#journey.shownNumber,
          callerName: this.#group.callerNamePrefix + this.#journey.shownName,
          timeoutMs: Math.max(1, this.#group.agentTimeoutS) * 1000,
          autoAnswer: this.#group.autoAnswerQueue,
        },
      );
      this.#offers.set(party.leg, { agentId, party, ringing: false });
      this.#journey.fact("offer.made", party.leg, {
        agentId,
        groupId: this.#group.id,
        strategy: this.#group.strategy,
        why,
      });
    }
  }

  /** A phone that rang for the call before rings on for this one. */
  #takeOffer(offer: Offer): void {
    const { agentId, party, ringing } = offer;
    const { id: groupId, strategy } = this.#group;
    this.#journey.takeOver(party);
    this.#offers.set(party.leg, { agentId, party, ringing });
    const why: Why = { code: "place-taken-over" };
    this.#journey.fact("offer.made", party.leg, { agentId, groupId, strategy, why });
    if (ringing) this.#journey.fact("offer.ringing", party.leg, { agentId, groupId });
  }

  onLeg(event: LegEvent): void {
    const { caller, services } = this.#journey;
    if (event.leg === caller?.leg) {
      if (event.type === "answered" && !this.#joined) this.#join();
      else if (event.type === "transfer-requested") transferIntoPlace(this.#journey, event, caller);
      else if (event.type === "ended") {
        const ringing = [...this.#offers.values()].some((offer) => offer.ringing);
        this.#cancelOffers("caller-left");
        this.#leaveQueue("abandoned");
        this.#journey.end({ cause: ringing ? "no-answer" : "caller-hung-up-early", by: "caller" });
      }
      return;
    }
    const offer = this.#offers.get(event.leg);
    if (!offer) return;
    const data = { agentId: offer.agentId, groupId: this.#group.id };
    if (event.type === "ringing" && !offer.ringing) {
      offer.ringing = true;
      this.#journey.fact("offer.ringing", event.leg, data);
    } else if (event.type === "answered") {
      this.#offers.delete(event.leg);
      this.#journey.fact("offer.answered", event.leg, data);
      this.#cancelOffers("taken-by-another");
      this.#leaveQueue("answered", offer.agentId);
      services.queues.answered(this.#group.id, offer.agentId);
      this.#journey.flow.talk(this.#journey, offer.party, { group: this.#group, announce: true });
    } else if (event.type === "ended") {
      this.#offers.delete(event.leg);
      const reason: OfferMissedReason = MISSED[event.cause] ?? "unreachable";
      this.#journey.fact("offer.missed", event.leg, { ...data, reason });
      this.#tried.add(offer.agentId);
      services.board.missed(offer.agentId, this.#group);
      if (this.#offers.size === 0) {
        this.#journey.flush();
        this.#timer(0, () => services.queues.dispatch());
      }
    }
  }

  onMedia(event: MediaEvent): void {
    if (event.type !== "play-finished" || event.play !== this.#playing?.id) return;
    const { what } = this.#playing;
    if (what === "music" && event.outcome !== "failed") return;
    this.#playing = null;
    // Music that cannot be played gives way to the ringing tone, not to itself.
    if (what === "music") this.#musicFails = true;
    this.#next();
  }

  #cancelOffers(reason: OfferMissedReason): void {
    this.#leaving = true;
    for (const [leg, offer] of [...this.#offers]) {
      this.#offers.delete(leg);
      this.#journey.fact("offer.missed", leg, { agentId: offer.agentId, groupId: this.#group.id, reason });
      this.#journey.services.legs.hangup(leg, "cancelled");
    }
  }

  #leaveQueue(reason: QueueLeftReason, agentId?: number): void {
    if (this.#left) return;
    this.#left = true;
    const { services, caller } = this.#journey;
    const now = services.now();
    services.queues.leave(this.#journey.id);
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    const data = {
      groupId: this.#group.id,
      reason,
      waitedMs: now - this.#joinedAt,
      ...(agentId === undefined ? {} : { agentId }),
    };
    this.#journey.fact("queue.left", caller?.leg ?? null, data, now);
    this.#pending.clear();
    const playing = this.#playing;
    this.#playing = null;
    if (playing && caller) services.media.stopPlay(caller.leg, playing.id);
  }

  #overflow(reason: QueueLeftReason, cause: HangupCause): void {
    if (this.#left) return;
    this.#cancelOffers("caller-left");
    this.#leaveQueue(reason);
    const { overflow } = this.#group;
    if (overflow && overflow.type !== "hangup")
      this.#journey.flow.goTo(this.#journey, overflow, DIVERTED[reason]);
    else this.#journey.end({ cause, by: "system" });
  }

  rings(leg: LegId): boolean {
    return !this.#left && this.#offers.has(leg);
  }

  pickUp(leg: LegId, by: Party): boolean {
    if (!this.rings(leg)) return false;
    this.#cancelOffers("taken-by-another");
    this.#leaveQueue("answered", by.agentId ?? undefined);
    if (by.agentId !== null) this.#journey.services.queues.answered(this.#group.id, by.agentId);
    this.#journey.flow.talk(this.#journey, by, { group: this.#group, announce: true });
    return true;
  }

  get since(): number | undefined {
    return this.#joined ? this.#joinedAt : undefined;
  }

  waits(leg: LegId): boolean {
    return leg === this.#journey.caller?.leg && this.#joined && !this.#left && !this.#leaving;
  }

  giveWaiting(leg: LegId): WaitingPlace | null {
    if (!this.waits(leg)) return null;
    this.#leaving = true;
    const { id: groupId } = this.#group;
    const offers = [...this.#offers.values()];
    for (const { agentId, party } of offers)
      this.#journey.fact("offer.missed", party.leg, { agentId, groupId, reason: "handed-over" });
    this.#offers.clear();
    this.#leaveQueue("handed-over");
    return { group: this.#group, joinedAt: this.#joinedAt, tried: this.#tried, offers };
  }

  leave(): void {
    this.#cancelOffers("caller-left");
    this.#leaveQueue("transferred");
  }
}

/** How a queue that sends callers on says so to a carrier. */
const DIVERTED: Readonly<Partial<Record<QueueLeftReason, DiversionReason>>> = {
  full: "user-busy",
  timeout: "no-answer",
  empty: "unavailable",
  "no-agent": "unavailable",
};

const MISSED: Readonly<Record<string, OfferMissedReason>> = {
  "no-answer": "no-answer",
  timeout: "no-answer",
  declined: "declined",
  busy: "busy",
  cancelled: "no-answer",
};
