/** Which SIP calls and how much voice belong to a leg; and, where the office wants it, traces of ended calls on disk. */
import type { Sip, TraceEntry } from "../../sip/index.ts";
import type { StoredTrace, TraceFiles } from "./trace-files.ts";

/** Legs remembered: more than the engine keeps calls. */
const MOST_LEGS = 4_000;
/** After the end of a call its last answers are still on their way, ms. */
const SETTLE_MS = 3_000;
/** Calls waiting to be written; more than this at once are not. */
const MOST_WAITING = 500;
const PRUNE_EVERY_MS = 3_600_000;

interface LegNote {
  readonly callIds: Set<string>;
  packetsIn: number | null;
}

interface Ended {
  readonly journey: string;
  readonly startedAt: number;
  readonly legs: readonly string[];
  readonly due: number;
}

export interface TraceKeeperDeps {
  readonly sip: Pick<Sip, "legs" | "onCounted" | "engine">;
  readonly files: TraceFiles | null;
  readonly now: () => number;
  readonly log: (line: string) => void;
}

export class TraceKeeper {
  readonly #legs = new Map<string, LegNote>();
  readonly #waiting: Ended[] = [];
  readonly #deps: TraceKeeperDeps;
  readonly #offs: (() => void)[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #prunedAt = 0;
  #failed = false;

  constructor(deps: TraceKeeperDeps) {
    this.#deps = deps;
    this.#offs = [
      deps.sip.legs.onEvent((event) => {
        if (event.type === "incoming" || event.type === "trying")
          this.#note(event.leg).callIds.add(event.sipCallId);
      }),
      deps.sip.onCounted((leg, packets) => {
        const note = this.#legs.get(leg);
        if (note) note.packetsIn = packets;
      }),
    ];
    if (deps.files) this.#schedule(0);
  }

  /** What memory knows of these legs and their messages. */
  async remembered(legs: readonly string[]): Promise<StoredTrace> {
    const known = legs.flatMap((leg) => {
      const note = this.#legs.get(leg);
      return note ? [{ leg, callIds: [...note.callIds], packetsIn: note.packetsIn }] : [];
    });
    const engine = this.#deps.sip.engine;
    const ids = [...new Set(known.flatMap((leg) => leg.callIds))];
    const lists = engine
      ? await Promise.all(ids.map((id) => engine.trace(id).catch((): TraceEntry[] => [])))
      : [];
    return { legs: known, entries: lists.flat().sort((left, right) => left.at - right.at) };
  }

  /** The legs that these SIP calls belong to, by Call-ID; calls that never became a leg are left out. */
  legsOf(callIds: ReadonlySet<string>): Map<string, string> {
    const found = new Map<string, string>();
    for (const [leg, note] of this.#legs)
      for (const callId of note.callIds) if (callIds.has(callId)) found.set(callId, leg);
    return found;
  }

  /** A call has ended: its trace is written soon. */
  ended(journey: string, startedAt: number, legs: readonly string[]): void {
    if (!this.#deps.files || this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push({ journey, startedAt, legs, due: this.#deps.now() + SETTLE_MS });
    this.#schedule(SETTLE_MS);
  }

  /** Writes what waits. */
  async stop(): Promise<void> {
    for (const off of this.#offs) off();
    clearTimeout(this.#timer);
    await this.#writing;
    await this.#write(Number.POSITIVE_INFINITY);
  }

  #note(leg: string): LegNote {
    const known = this.#legs.get(leg);
    if (known) return known;
    const made: LegNote = { callIds: new Set(), packetsIn: null };
    this.#legs.set(leg, made);
    const [oldest] = this.#legs.size > MOST_LEGS ? this.#legs.keys() : [];
    if (oldest !== undefined) this.#legs.delete(oldest);
    return made;
  }

  #schedule(ms: number): void {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#write(this.#deps.now()).then(() => {
        const [next] = this.#waiting;
        if (next) this.#schedule(Math.max(0, next.due - this.#deps.now()));
      });
    }, ms);
  }

  /** One call after the other, so that a busy hour costs the calls nothing. */
  async #write(until: number): Promise<void> {
    const { files } = this.#deps;
    if (!files) return;
    try {
      while (this.#waiting[0] && this.#waiting[0].due <= until) {
        const { journey, startedAt, legs } = this.#waiting.shift() as Ended;
        const trace = await this.remembered(legs);
        if (trace.entries.length > 0) await files.write(journey, startedAt, trace);
      }
      if (this.#deps.now() - this.#prunedAt > PRUNE_EVERY_MS) {
        this.#prunedAt = this.#deps.now();
        await files.prune();
      }
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.#deps.log(`traces cannot be kept: ${error}`);
      this.#failed = true;
    }
  }
}
