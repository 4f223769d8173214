/** What a journey's events tell so far: all that its call records and recordings are made from. Times are UTC ms. */
import type { Selectable } from "kysely";
import type { Database } from "../../../storage/schema/index.ts";
import type { BridgeMode, CallEventData, HangupCause, HangupParty, JourneyId, LegRole } from "../events.ts";

export type CallRecordRow = Selectable<Database["call_record"]>;
export type RecordingRow = Selectable<Database["recording"]>;

export interface LegState {
  readonly id: string;
  readonly role: LegRole;
  readonly endpoint: string;
  readonly agentId: number | null;
  readonly extensionId: number | null;
  readonly trunkId: number | null;
  readonly ended: boolean;
}

/** Waiting and ringing that the next party reached will own. */
export interface Approach {
  /** First event since the last party answered; null = nothing yet. */
  readonly since: number | null;
  readonly waitMs: number;
  readonly ringMs: number;
  /** `ringMs` is that of the one who answered: other phones' rings no longer count. */
  readonly ringAnswered: boolean;
}

/** One party that handled the contact. */
export interface Part {
  /** "a12" agent, "e3" extension, "x021…" outside number. */
  readonly key: string;
  readonly agentId: number | null;
  readonly extensionId: number | null;
  readonly trunkId: number | null;
  readonly endpoint: string;
  readonly groupId: number | null;
  readonly startedAt: number;
  readonly answeredAt: number;
  readonly leftAt: number | null;
  readonly waitMs: number;
  readonly ringMs: number;
  readonly talkMs: number;
  readonly holdMs: number;
  readonly holdCount: number;
}

export interface BridgeState {
  readonly legs: readonly string[];
  readonly mode: BridgeMode;
}

export interface OfferState {
  readonly agentId: number;
  readonly groupId: number | null;
  readonly ringingSince: number | null;
}

export type Phase = "none" | "ivr" | "queue" | "ringing" | "talking";

export interface JourneyState {
  readonly journey: JourneyId;
  readonly started: (CallEventData<"journey.started"> & { readonly at: number }) | null;
  readonly ended: {
    readonly at: number;
    readonly cause: HangupCause;
    readonly by: HangupParty;
    readonly sipStatus: number | null;
    readonly sipReason: string | null;
  } | null;
  readonly lastSeq: number;
  readonly lastAt: number;
  readonly legs: readonly LegState[];
  /** The leg of the person whom the others serve; null until known. */
  readonly contact: string | null;
  readonly phase: Phase;
  readonly flowSince: number | null;
  readonly ivrMs: number;
  readonly queueSince: number | null;
  readonly groupId: number | null;
  readonly offers: readonly OfferState[];
  /** Ringing legs outside offers: leg → since. */
  readonly ringing: readonly { readonly leg: string; readonly since: number }[];
  /** Who rang last: shown while nobody has answered. */
  readonly lastRung: { readonly agentId: number | null; readonly extensionId: number | null } | null;
  readonly approach: Approach;
  readonly bridges: readonly BridgeState[];
  readonly holds: readonly string[];
  readonly parts: readonly Part[];
  readonly keys: readonly string[];
  readonly recordings: readonly RecordingRow[];
}

export const EMPTY_APPROACH: Approach = { since: null, waitMs: 0, ringMs: 0, ringAnswered: false };

/** The state before the first event of `journey`. */
export function emptyJourneyState(journey: JourneyId): JourneyState {
  return {
    journey,
    started: null,
    ended: null,
    lastSeq: 0,
    lastAt: 0,
    legs: [],
    contact: null,
    phase: "none",
    flowSince: null,
    ivrMs: 0,
    queueSince: null,
    groupId: null,
    offers: [],
    ringing: [],
    lastRung: null,
    approach: EMPTY_APPROACH,
    bridges: [],
    holds: [],
    parts: [],
    keys: [],
    recordings: [],
  };
}
