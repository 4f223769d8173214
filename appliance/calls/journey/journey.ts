/** One contact from the first INVITE to the last party's end: its parties, its one stage, its facts. */
import { join } from "node:path";
import type { DialTarget, ForwardedCaller, LegEvent, LegId, MediaEvent } from "../../../sip/index.ts";
import type { CallEventData, CallEventKind, CallFact, Direction, JourneyId } from "../events.ts";
import type { LiveCall } from "../live.ts";
import {
  type CallServices,
  type Ending,
  type Flow,
  newParty,
  type Party,
  type PartyIdentity,
  type Stage,
} from "./model.ts";
import { RecordingKeeper } from "./recording.ts";

/** The last leg and the recording must end within this after the journey was told to end, ms. */
const ENDING_LIMIT_MS = 5000;

export interface JourneyStart {
  readonly direction: Direction;
  readonly caller: string;
  readonly callerName: string;
  readonly callee: string;
  readonly didNumber: string | null;
}

export interface JourneyHooks {
  readonly onEnd: (journey: Journey) => void;
  readonly onChange: () => void;
  /** From now on the leg's events belong here. */
  readonly onParty: (leg: LegId, journey: Journey) => void;
}

export class Journey {
  readonly id: JourneyId;
  readonly services: CallServices;
  readonly flow: Flow;
  readonly start: JourneyStart;
  readonly startedAt: number;
  readonly parties = new Map<LegId, Party>();
  readonly recording: RecordingKeeper;
  /** The party the journey began with. */
  caller: Party | null = null;
  /** Numbers with the prefixes gathered on the way, shown to agents. */
  shownNumber: string;
  shownName: string;
  /** Menus whose prefixes were added: once each, however often a caller comes back. */
  readonly prefixedBy = new Set<number>();
  #stage: Stage | null = null;
  #stageSince: number;
  #facts: CallFact[] = [];
  #ending: Ending | null = null;
  #ended = false;
  #cancelLimit: () => void = () => {};
  readonly #hooks: JourneyHooks;

  constructor(services: CallServices, flow: Flow, start: JourneyStart, hooks: JourneyHooks) {
    this.services = services;
    this.flow = flow;
    this.start = start;
    this.id = services.newId();
    this.startedAt = services.now();
    this.#stageSince = this.startedAt;
    this.shownNumber = start.caller;
    this.shownName = start.callerName;
    this.#hooks = hooks;
    this.recording = new RecordingKeeper(this);
  }

  get stage(): Stage | null {
    return this.#stage;
  }

  get ending(): boolean {
    return this.#ending !== null;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Notes a fact; facts of one step are stored together by `flush`. `at`: UTC ms, where `data` was reckoned from it. */
  fact<K extends CallEventKind>(
    kind: K,
    leg: LegId | null,
    data: CallEventData<K>,
    at = this.services.now(),
  ): void {
    this.#facts.push({ kind, journey: this.id, leg, at, data } as unknown as CallFact);
  }

  /** Stores what was noted. Called at the end of every step, before anything awaits. */
  flush(): void {
    if (this.#facts.length === 0) return;
    const facts = this.#facts;
    this.#facts = [];
    this.services.append(facts);
    this.#hooks.onChange();
  }

  /** Runs one step: the work, then its facts in one transaction. A fault ends this journey truthfully, and only this. */
  step(work: () => void): void {
    try {
      work();
      this.flush();
    } catch (error) {
      this.crash(error);
    }
  }

  crash(error: unknown): void {
    this.services.alarm(
      "call-fault",
      this.id,
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    );
    try {
      this.end({ cause: "system-lost", by: "system" });
      this.flush();
    } catch (again) {
      // The log itself refuses (disk full): the legs are let go; the log is closed truthfully at the next start.
      this.services.alarm("call-fault", this.id, String(again));
      for (const party of this.parties.values()) this.services.legs.hangup(party.leg, "error");
      this.#finish();
    }
  }

  addParty(party: Party): void {
    this.parties.set(party.leg, party);
    this.#hooks.onParty(party.leg, this);
    const endpoint = party.number;
    this.fact("leg.created", party.leg, {
      role: party.role,
      endpoint,
      ...(party.agentId === null ? {} : { agentId: party.agentId }),
      ...(party.extensionId === null ? {} : { extensionId: party.extensionId }),
      ...(party.trunkId === null ? {} : { trunkId: party.trunkId }),
    });
  }

  /** Dials a further party; its events come to the stage. */
  dial(
    party: PartyIdentity,
    target: DialTarget,
    options: {
      readonly callerNumber: string;
      readonly callerName: string;
      readonly timeoutMs: number;
      readonly autoAnswer?: boolean;
      readonly onlyIfUp?: boolean;
      readonly forwardedFor?: ForwardedCaller;
    },
  ): Party {
    const added = newParty(this.services.newId(), party);
    this.addParty(added);
    this.services.legs.dial({ leg: added.leg, target, ...options });
    return added;
  }

  /** Hangs up a party that others have taken the place of; the journey goes on. */
  release(party: Party): void {
    if (party.ended) return;
    party.released = true;
    this.services.legs.hangup(party.leg, "normal");
  }

  /** Gives a talking party away: its leg lives on in the journey `to`. */
  handOver(party: Party, to: JourneyId): void {
    this.#stage?.leave();
    this.#stage = null;
    this.parties.delete(party.leg);
    this.fact("leg.moved", party.leg, { to });
    if (party.agentId !== null) this.services.board.legMoved(party.agentId, this.id, to);
  }

  /** Takes a talking party of another journey. */
  takeOver(party: Party): void {
    this.addParty(party);
    if (party.answered) this.fact("leg.answered", party.leg, { codec: party.codec });
  }

  enter(stage: Stage): void {
    if (this.#ending) return;
    this.#stage?.leave();
    this.#stage = stage;
    this.#stageSince = this.services.now();
    stage.enter();
    this.#hooks.onChange();
  }

  /** Events of this journey's legs, after the common facts were noted. */
  onLeg(event: LegEvent): void {
    const party = this.parties.get(event.leg);
    if (!party || party.ended) return;
    switch (event.type) {
      case "ringing":
        this.fact("leg.ringing", event.leg, { earlyMedia: event.earlyMedia });
        break;
      case "answered":
        party.answered = true;
        party.codec = event.codec;
        this.fact("leg.answered", event.leg, { codec: event.codec });
        break;
      case "ended":
        party.ended = true;
        this.fact("leg.ended", event.leg, {
          cause: event.cause,
          by: event.by,
          ...(event.sipStatus === undefined ? {} : { sipStatus: event.sipStatus }),
          ...(event.sipReason === undefined ? {} : { sipReason: event.sipReason }),
        });
        break;
      case "held":
      case "resumed":
        party.held = event.type === "held";
        break;
      case "transfer-requested":
        if (!this.#ending && !party.released && this.#mayTransfer(event)) break;
        this.services.legs.transferResult(party.leg, { status: 491, reason: "Request Pending" });
        return;
      default:
        break;
    }
    if (!this.#ending && !party.released) this.#stage?.onLeg(event);
    if (event.type === "ended") {
      // An agent who took the own call over with another phone still talks.
      const { agentId } = party;
      const elsewhere = [...this.parties.values()].some((other) => other.agentId === agentId && !other.ended);
      if (agentId !== null && !elsewhere) this.services.board.legGone(agentId, this.id);
      this.#maybeFinish();
    }
  }

  /** Only who talks can transfer, and who waits in a queue can put somebody into the own place. */
  #mayTransfer({ leg, replaces }: Extract<LegEvent, { type: "transfer-requested" }>): boolean {
    const stage = this.#stage;
    return !!stage?.partner?.(leg) || (replaces !== undefined && stage?.waits?.(leg) === true);
  }

  onMedia(event: MediaEvent): void {
    if (event.type === "recording-finished" || event.type === "recording-failed") {
      this.recording.onMedia(event);
      this.#maybeFinish();
      return;
    }
    if (!this.#ending) this.#stage?.onMedia(event);
  }

  /** Ends the journey: every leg is let go, the recording closed; `journey.ended` is the last fact. */
  end(ending: Ending): void {
    if (this.#ending) return;
    this.#ending = ending;
    this.#cancelLimit = this.services.after(ENDING_LIMIT_MS, () =>
      this.step(() => {
        for (const party of this.parties.values()) if (!party.ended) this.lost(party);
        this.recording.giveUp();
        this.#maybeFinish();
      }),
    );
    this.#stage?.leave();
    this.recording.stop();
    const status = refusalFor(ending);
    for (const party of this.parties.values()) {
      if (party.ended) continue;
      if (party === this.caller && !party.answered && status) this.services.legs.refuse(party.leg, status);
      else this.services.legs.hangup(party.leg, "normal");
    }
    this.#maybeFinish();
  }

  /** A leg whose dialog is gone without a word: its end is noted as what it is. */
  lost(party: Party): void {
    this.onLeg({ type: "ended", leg: party.leg, cause: "lost", by: "system", at: this.services.now() });
  }

  #maybeFinish(): void {
    if (!this.#ending || this.#ended) return;
    if ([...this.parties.values()].some((party) => !party.ended) || this.recording.open) return;
    const { cause, by, sipStatus, sipReason } = this.#ending;
    this.fact("journey.ended", null, {
      cause,
      by,
      ...(sipStatus === undefined ? {} : { sipStatus }),
      ...(sipReason === undefined ? {} : { sipReason }),
    });
    this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelLimit();
    this.#hooks.onEnd(this);
  }

  live(): LiveCall {
    const stage = this.#stage;
    return {
      journey: this.id,
      direction: this.start.direction,
      caller: this.start.caller,
      callerName: this.start.callerName,
      callee: this.start.callee,
      didNumber: this.start.didNumber,
      stage: this.#ending ? "ending" : (stage?.name ?? "starting"),
      at: stage?.at ?? "",
      groupId: stage?.groupId ?? null,
      agentId: stage?.agentId ?? null,
      startedAt: this.startedAt,
      stageSince: stage?.since ?? this.#stageSince,
      recording: this.recording.running,
    };
  }
}

/** SIP answer for a caller who was never answered, by the reason the journey ends. */
function refusalFor(ending: Ending): { readonly status: 403 | 404 | 480 | 486 | 488 | 503 | 603 } | null {
  switch (ending.sipStatus) {
    case 403:
    case 404:
    case 480:
    case 486:
    case 488:
    case 503:
    case 603:
      return { status: ending.sipStatus };
    default:
      break;
  }
  switch (ending.cause) {
    case "callee-busy":
      return { status: 486 };
    case "callee-rejected":
    case "blacklist":
      return { status: 603 };
    case "call-failed":
      return { status: 404 };
    case "caller-hung-up-early":
      return null;
    case "system-lost":
    case "media-failure":
      return { status: 503 };
    default:
      return { status: 480 };
  }
}

/** Path of a recording below the data folder, UTC day folders. */
export function recordingPath(folder: string, journey: JourneyId, n: number, at: number): string {
  const day = new Date(at).toISOString().slice(0, 10).replaceAll("-", "/");
  return join(folder, day, `${journey}-${n}.wav`);
}
