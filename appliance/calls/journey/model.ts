/** What a journey and its stages share: parties, the services they command, the stage contract. */
import type { LegEvent, LegId, Legs, MediaEvent, MediaPort } from "../../../sip/index.ts";
import type { AgentBoard } from "../../queueing/index.ts";
import type { Destination, Office } from "../../routing/index.ts";
import type { CallFact, HangupCause, HangupParty, JourneyId, LegRole } from "../events.ts";
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
  readonly alarm: (code: string, subject: string, detail: string) => void;
  readonly deskOpen: (agentId: number) => boolean;
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
  enter(): void;
  /** An event of any leg of the journey; the caller's end is handled here too, so that each stage can name the cause. */
  onLeg(event: LegEvent): void;
  onMedia(event: MediaEvent): void;
  /** Leaves for another stage or the end: stops sounds, timers, ringing legs. */
  leave(): void;
}

export interface Ending {
  readonly cause: HangupCause;
  readonly by: HangupParty;
  readonly sipStatus?: number;
  readonly sipReason?: string;
}

/** Where a refused or unanswered attempt goes next, or why the journey ends. */
export type Next = { readonly to: Destination; readonly why: string } | Ending;
