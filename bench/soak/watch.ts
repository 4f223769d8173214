/** What a soak run watches: memory, descriptors and everything that must be back at nothing when the calls are over. */
import { Database } from "bun:sqlite";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { callControl } from "../../appliance/commands/control.ts";
import type { EngineStats } from "../../sip/engine/index.ts";
import type { SipStats } from "../../sip/index.ts";
import { cpuMs, residentMb } from "../measure.ts";

export interface Sample {
  /** Seconds since the start of the load. */
  readonly at: number;
  readonly mb: number;
  readonly rtpengineMb: number;
  readonly descriptors: number;
  readonly engine: EngineStats;
  readonly sip: SipStats;
}

/** Process id of the exchange's own rtpengine, 0 without one. */
function rtpengineOf(pid: number): number {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .trim()
      .split(" ")
      .filter(Boolean);
    for (const child of children)
      if (readFileSync(`/proc/${child}/comm`, "utf8").startsWith("rtpengine")) return Number(child);
  }
  return 0;
}

export class Watch {
  readonly samples: Sample[] = [];
  readonly #started = performance.now();
  readonly #cpuBefore: number;
  readonly #rtpengine: number;

  constructor(
    private readonly pid: number,
    private readonly data: string,
    /** Connections that phones keep open for their registrations. */
    private readonly phoneConnections: number,
  ) {
    this.#cpuBefore = cpuMs(pid);
    this.#rtpengine = rtpengineOf(pid);
  }

  async take(): Promise<Sample> {
    const { engine, sip } = (await callControl(this.data, "health")) as {
      engine: EngineStats;
      sip: SipStats;
    };
    const sample: Sample = {
      at: (performance.now() - this.#started) / 1000,
      mb: residentMb(this.pid),
      rtpengineMb: this.#rtpengine === 0 ? 0 : residentMb(this.#rtpengine),
      descriptors: readdirSync(`/proc/${this.pid}/fd`).length,
      engine,
      sip,
    };
    this.samples.push(sample);
    return sample;
  }

  /** Share of one core used since the start. */
  cores(): number {
    return (cpuMs(this.pid) - this.#cpuBefore) / (performance.now() - this.#started);
  }

  /**
   * Waits until the dust has settled: the timers of transactions (RFC 3261 §17: 64·T1 = 32 s) and the wrap-up of the last
   * calls run out. Gives what is left after `patienceMs`, [] when nothing is.
   */
  async settled(patienceMs: number): Promise<readonly string[]> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const { engine, sip } = await this.take();
      const counts: Readonly<Record<string, number>> = {
        legs: sip.legs,
        "dialogs of the application": sip.dialogs,
        "dialogs of the engine": engine.dialogs,
        "server transactions": engine.serverTransactions,
        "client transactions": engine.clientTransactions,
        "channels of the media port": sip.media.channels,
        recordings: sip.media.recordings,
        // Phones that stay registered keep theirs; callers and relays must not.
        "connections beyond those of phones": Math.max(0, engine.connections - this.phoneConnections),
        "calls of rtpengine": sip.media.rtpengine.calls,
      };
      const left = Object.entries(counts).filter(([, count]) => count > 0);
      if (left.length === 0) return [];
      if (performance.now() > until) return left.map(([name, count]) => `${count} ${name}`);
      await Bun.sleep(1000);
    }
  }
}

/**
 * Growth of a series over its second half in percent: its last tenth against the tenth after the middle, by their
 * medians, so that one collection more or less of garbage does not decide.
 */
export function growth(values: readonly number[]): number {
  const half = values.slice(Math.floor(values.length / 2));
  const part = Math.max(1, Math.floor(half.length / 5));
  const median = (list: readonly number[]) =>
    [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
  const early = median(half.slice(0, part));
  return early === 0 ? 0 : (median(half.slice(-part)) / early - 1) * 100;
}

export interface Kept {
  readonly journeys: number;
  readonly open: number;
  /** Calls to the queue. */
  readonly offered: number;
  readonly answered: number;
  readonly recorded: number;
  readonly short: number;
}

/** What the store says of the run: every call closed, every queue call that was answered recorded in full length. */
export function kept(data: string, queueDid: string): Kept {
  const db = new Database(join(data, "zongji.db"), { readonly: true });
  try {
    const one = (sql: string, ...values: string[]) =>
      Object.values(db.query(sql).get(...values) as Record<string, number>)[0] ?? 0;
    const talked =
      "FROM call_record c LEFT JOIN recording r ON r.id = c.recording WHERE c.part = 0 AND c.did_number = ? AND c.talk_ms > 0";
    return {
      journeys: one("SELECT count(*) FROM call_record WHERE part = 0"),
      open: one("SELECT count(*) FROM call_record WHERE part = 0 AND ended_at IS NULL"),
      offered: one("SELECT count(*) FROM call_record WHERE part = 0 AND did_number = ?", queueDid),
      answered: one(`SELECT count(*) ${talked}`, queueDid),
      recorded: one(`SELECT count(*) ${talked} AND coalesce(r.duration_ms, 0) > 0`, queueDid),
      short: one(`SELECT count(*) ${talked} AND r.duration_ms < c.talk_ms - 500`, queueDid),
    };
  } finally {
    db.close();
  }
}
