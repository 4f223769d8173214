/** Legs, media and agents without a network, for tests of the journeys: every command is kept, every event is told by hand. */
import type {
  DialSpec,
  LegEndCause,
  LegEvent,
  LegId,
  LegSource,
  Legs,
  MediaEvent,
  MediaPort,
  PlaySpec,
  RecordSpec,
} from "../../../sip/index.ts";
import { AgentBoard } from "../../queueing/index.ts";
import type { Office } from "../../routing/index.ts";
import { fakeClock } from "../clock.ts";
import type { AgentFact, CallEventKind, CallFact } from "../events.ts";
import { CallCentre } from "./centre.ts";
import { Queues } from "./queues.ts";

type State = ReturnType<Legs["alive"]>[number]["state"];

/** One exchange on fakes and a fake clock. */
export class FakeExchange {
  readonly clock = fakeClock(Date.UTC(2026, 10, 20, 2, 0, 0));
  readonly facts: CallFact[] = [];
  readonly agentFacts: AgentFact[] = [];
  readonly alarms: string[] = [];
  readonly dialled: DialSpec[] = [];
  readonly refused: { readonly leg: LegId; readonly status: number }[] = [];
  readonly plays: PlaySpec[] = [];
  readonly recordings: RecordSpec[] = [];
  readonly hears = new Map<LegId, readonly LegId[]>();
  readonly sentDigits: string[] = [];
  readonly transferResults: { readonly leg: LegId; readonly status: number }[] = [];
  readonly recordedParties: { readonly channel: string; readonly leg: LegId | null }[] = [];
  transfers = { ringS: 20, callBack: true, callBackPrefix: "回呼" };
  readonly legs = new Map<LegId, State>();
  readonly board: AgentBoard;
  readonly centre: CallCentre;
  office: Office;
  online = new Set<number>();
  pins = new Map<number, string>();
  #id = 0;

  constructor(
    office: Office,
    options: {
      readonly append?: (facts: readonly CallFact[]) => void;
      readonly appendAgent?: (facts: readonly AgentFact[]) => void;
    } = {},
  ) {
    this.office = office;
    const { clock } = this;
    this.board = new AgentBoard({
      office: () => this.office,
      now: clock.now,
      after: clock.after,
      append: (facts) => {
        this.agentFacts.push(...facts);
        options.appendAgent?.(facts);
      },
      stretch: () => {},
      startOfDay: (at) => at - (at % 86_400_000),
    });
    const queues = new Queues({
      board: this.board,
      office: () => this.office,
      now: clock.now,
      random: () => 0,
    });
    this.board.onChange(() => queueMicrotask(() => queues.dispatch()));
    this.centre = new CallCentre(
      {
        legs: this.#legs(),
        media: this.#media(),
        board: this.board,
        queues,
        office: () => this.office,
        now: clock.now,
        after: clock.after,
        newId: () => `id${++this.#id}`,
        random: () => 0,
        append: (facts) => {
          this.facts.push(...facts);
          options.append?.(facts);
        },
        recordingFile: (journey, n) => `/rec/${journey}-${n}.wav`,
        verifyPin: async (agentId, pin) => this.pins.get(agentId) === pin,
        extensionOnline: (id) => this.online.has(id),
        alarm: (code, subject, detail) => this.alarms.push(`${code} ${subject} ${detail}`),
        deskOpen: () => true,
        transfers: () => this.transfers,
        lastAgentOf: () => null,
      },
      () => {},
    );
  }

  #legs(): Legs {
    return {
      onEvent: () => () => {},
      ring: async () => {},
      answer: async (leg) => {
        this.legs.set(leg, "answered");
        queueMicrotask(() => this.tell({ type: "answered", leg, codec: "PCMA", at: this.clock.now() }));
      },
      refuse: (leg, { status }) => {
        this.refused.push({ leg, status });
        this.ended(leg, "rejected", "local");
      },
      dial: (spec) => {
        this.dialled.push(spec);
        this.legs.set(spec.leg, "dialling");
      },
      // As the real ones: our own hang-up ends the leg at once.
      hangup: (leg, cause = "normal") => {
        if (this.legs.delete(leg))
          this.tell({ type: "ended", leg, cause, by: "local", at: this.clock.now() });
      },
      transferResult: (leg, { status }) => this.transferResults.push({ leg, status }),
      sendDigits: (_leg, digits) => this.sentDigits.push(digits),
      alive: () => [...this.legs].map(([leg, state]) => ({ leg, state, since: 0 })),
    };
  }

  #media(): MediaPort {
    return {
      onEvent: () => () => {},
      play: (spec) => this.plays.push(spec),
      stopPlay: (leg, play) => {
        const found = this.plays.find((spec) => spec.play === play);
        if (found)
          this.media({
            type: "play-finished",
            leg,
            play: found.play,
            outcome: "stopped",
            ms: 0,
            at: this.clock.now(),
          });
      },
      hear: (listener, sources) => this.hears.set(listener, sources),
      startRecording: (spec) => this.recordings.push(spec),
      recordParty: (_recording, channel, leg) => this.recordedParties.push({ channel, leg }),
      pauseRecording: () => {},
      resumeRecording: () => {},
      stopRecording: (recording) =>
        this.media({
          type: "recording-finished",
          recording,
          file: "",
          ms: 1000,
          bytes: 32_044,
          sha256: "00",
          at: this.clock.now(),
        }),
      stats: () => Promise.reject(new Error("not in fakes")),
    };
  }

  tell(event: LegEvent): void {
    this.centre.onLeg(event);
  }

  media(event: MediaEvent): void {
    queueMicrotask(() => this.centre.onMedia(event));
  }

  ended(leg: LegId, cause: LegEndCause, by: "remote" | "local" | "system", sipStatus?: number): void {
    if (!this.legs.delete(leg)) return;
    queueMicrotask(() =>
      this.tell({
        type: "ended",
        leg,
        cause,
        by,
        at: this.clock.now(),
        ...(sipStatus === undefined ? {} : { sipStatus }),
      }),
    );
  }

  /** A call comes in; returns its leg. */
  call(source: LegSource, dialled: string, callerNumber: string): LegId {
    const leg = `in${++this.#id}`;
    this.legs.set(leg, "incoming");
    this.tell({
      type: "incoming",
      leg,
      source,
      dialled,
      callerNumber,
      callerName: "",
      sipCallId: leg,
      at: this.clock.now(),
    });
    return leg;
  }

  ringing(leg: LegId, earlyMedia = false): void {
    this.legs.set(leg, "ringing");
    this.tell({ type: "ringing", leg, earlyMedia, at: this.clock.now() });
  }

  answer(leg: LegId): void {
    this.legs.set(leg, "answered");
    this.tell({ type: "answered", leg, codec: "PCMA", at: this.clock.now() });
  }

  digit(leg: LegId, digit: string): void {
    this.tell({ type: "digit", leg, digit, via: "rfc4733", at: this.clock.now() });
  }

  /** The newest dialled leg of an agent's or outside number. */
  dialledTo(number: string): LegId {
    const spec = this.dialled.findLast(({ target }) => target.number === number);
    if (!spec) throw new Error(`nobody dialled ${number}`);
    return spec.leg;
  }

  kinds(): CallEventKind[] {
    return this.facts.map((fact) => fact.kind);
  }

  last<K extends CallEventKind>(kind: K): Extract<CallFact, { kind: K }> | undefined {
    return this.facts.findLast((fact): fact is Extract<CallFact, { kind: K }> => fact.kind === kind);
  }

  /** Lets everything that is due at once happen. */
  async settle(): Promise<void> {
    for (let n = 0; n < 20; n++) {
      await Promise.resolve();
      this.clock.advance(0);
    }
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.advance(Math.min(500, left));
      await this.settle();
    }
  }
}
