/** What a journey and its stages share: parties, the services they command, the stage contract. */

import type { DiversionReason, LegEvent, LegId, Legs, MediaEvent, MediaPort } from "../../../sip/index.ts";
import type { AgentBoard } from "../../queueing/index.ts";
import type { Destination, Group, Office } from "../../routing/index.ts";
import type { AlarmCode } from "../../system/index.ts";
import type { CallFact, HangupCause, HangupParty, JourneyId, LegRole } from "../events.ts";
import type { Journey } from "./journey.ts";
import type { Queues } from "./queues.ts";

/** One party of a journey: one leg of ours. */
export interface Party {
  readonly leg: LegId;
  readonly role: LegRole;
  /** Number and name as shown to the others. */
  number: string;
  name: string;
  readonly agentId: number | null;
  readonly extensionId: number | null;
  readonly trunkId: number | null;
  answered: boolean;
  ended: boolean;
  /** The phone has put us on hold. */
  held: boolean;
  /** Told to go: what it still does concerns no stage any more. */
  released: boolean;
  codec: string;
}

/** What is known of a party before it has a leg. */
export type PartyIdentity = Omit<Party, "leg" | "answered" | "ended" | "held" | "released" | "codec">;

/** A party whose leg has just begun. */
export function newParty(leg: LegId, identity: PartyIdentity): Party {
  return { ...identity, leg, answered: false, ended: false, held: false, released: false, codec: "" };
}

/** Whom a RingStage rings. `shown`: our displayed number. */
export type RingTarget =
  | {
      readonly kind: "extension";
      readonly extensionId: number;
      readonly number: string;
      readonly name: string;
      readonly agentId: number | null;
    }
  | { readonly kind: "trunk"; readonly trunkId: number; readonly number: string; readonly shown: string };

export interface RingOptions {
  /** Default: the office's time for extensions or outside numbers. */
  readonly timeoutMs?: number;
  /** Why a caller from outside is sent outside again. */
  readonly diverted?: DiversionReason;
  /** Rings already: taken over from a consultation instead of being dialled. */
  readonly taken?: RingingParty;
  /** Put before the caller's name (W-3.15.1.4.5). */
  readonly namePrefix?: string;
  /** The group whose call this is. */
  readonly group?: Group | null;
  /** The party answered; called before the two talk. */
  readonly onAnswered?: () => void;
  /** What happens instead of the journey's end when nobody answers (a transfer goes back). */
  readonly onFailed?: (event: Extract<LegEvent, { type: "ended" }>) => void;
  /** Left before anybody answered or failed to: the waiting party went, or the call was ended. */
  readonly onGivenUp?: () => void;
}

/** A party that rings, given from one journey to another. */
export interface RingingParty {
  readonly party: Party;
  readonly target: RingTarget;
  /** It has been heard of; its own sounds are heard before the answer. */
  readonly rang: boolean;
  readonly earlyMedia: boolean;
  /** Trunks dialled so far, in order. */
  readonly tried: readonly number[];
}

/** A place in a queue, given from one journey to another with the phones that ring for it. */
export interface WaitingPlace {
  readonly group: Group;
  /** What its turn and its longest wait go by, UTC ms. */
  readonly joinedAt: number;
  /** Agents missed in this round. */
  readonly tried: ReadonlySet<number>;
  readonly offers: readonly Offer[];
}

/** An agent's phone that rings, or soon will, for a call in a queue. */
export interface Offer {
  readonly agentId: number;
  readonly party: Party;
  ringing: boolean;
}

export interface TalkOptions {
  /** The group whose queue brought the parties together. */
  readonly group: Group | null;
  /** Say the group's announcements first: the parties have just met. */
  readonly announce?: boolean;
}

/** The ways from stage to stage, given to each journey so that stages need not know each other. */
export interface Flow {
  /** `why`: what sends the caller there, told to a carrier when the way leads outside again. */
  goTo(journey: Journey, destination: Destination, why?: DiversionReason): void;
  ring(journey: Journey, target: RingTarget, options?: RingOptions): void;
  talk(journey: Journey, other: Party, options: TalkOptions): void;
  /** Waits in the place of another call. */
  takePlace(journey: Journey, place: WaitingPlace): void;
  /** The journey a leg belongs to now. */
  journeyOf(leg: LegId): Journey | undefined;
}

/** Transfers without consultation (W-3.15.1.4.3–5). */
export interface TransferSettings {
  readonly ringS: number;
  readonly callBack: boolean;
  readonly callBackPrefix: string;
}

/** The outside world of the journeys. Everything is given, so tests run on fakes and a fake clock. */
export interface CallServices {
  readonly legs: Legs;
  readonly media: MediaPort;
  readonly board: AgentBoard;
  readonly queues: Queues;
  readonly office: () => Office;
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly newId: () => string;
  readonly random: () => number;
  /** Appends facts, durable on return. */
  readonly append: (facts: readonly CallFact[]) => void;
  /** Absolute path of a new recording; its folder exists. @throws when the disk refuses */
  readonly recordingFile: (journey: JourneyId, n: number, at: number) => string;
  readonly verifyPin: (agentId: number, pin: string) => Promise<boolean>;
  readonly extensionOnline: (extensionId: number) => boolean;
  readonly alarm: (code: AlarmCode, subject: string, detail: string) => void;
  readonly deskOpen: (agentId: number) => boolean;
  readonly transfers: () => TransferSettings;
  /** Agent who last spoke with this outside number, if any (W-3.6.1.15). */
  readonly lastAgentOf: (number: string) => number | null;
}

/** What a call is doing; exactly one stage at a time. */
export interface Stage {
  readonly name: "starting" | "ivr" | "queue" | "ringing" | "talking" | "held" | "ending";
  /** Name of the flow, group, agent or number. */
  readonly at: string;
  readonly groupId?: number | null;
  readonly agentId?: number | null;
  /** When it began, if that was not with `enter`; UTC ms. */
  readonly since?: number | undefined;
  enter(): void;
  /** An event of any leg of the journey; the caller's end is handled here too, so that each stage can name the cause. */
  onLeg(event: LegEvent): void;
  onMedia(event: MediaEvent): void;
  /** Who talks with this leg here, for a consultation that becomes a transfer. */
  partner?(leg: LegId): { readonly party: Party; readonly group: Group | null } | null;
  /** Gives away the party that rings for this caller, still ringing; null when nobody does, or too many. */
  giveRinging?(caller: LegId): RingingParty | null;
  /** Gives away the place in which this caller waits; null when there is none. */
  giveWaiting?(caller: LegId): WaitingPlace | null;
  /** Whether this caller waits, so that `giveWaiting` can succeed. */
  waits?(caller: LegId): boolean;
  /** `by`, answered already, takes the place of a party that rings. False when that rings no more. */
  pickUp?(rings: LegId, by: Party): boolean;
  /** Whether this party rings, so that `pickUp` can succeed. */
  rings?(leg: LegId): boolean;
  /** Leaves for another stage or the end: stops sounds, timers, ringing legs. */
  leave(): void;
}

export interface Ending {
  readonly cause: HangupCause;
  readonly by: HangupParty;
  readonly sipStatus?: number;
  readonly sipReason?: string;
}
