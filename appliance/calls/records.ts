/** Call records, time lines and recordings for people (W-3.2.4); data scope and permissions are enforced here. */
import { isAbsolute, join } from "node:path";
import { sql } from "kysely";
import type { Store, Tx } from "../../storage/database.ts";
import { type Actor, type ListQuery, NotFoundError, type Now, type Page, permit } from "../kernel.ts";
import { pageWindow } from "../listing.ts";
import { insertAudit } from "../system/index.ts";
import type { CallEvent, CallResult, Direction, HangupCause, HangupParty } from "./events.ts";
import { readJourneyEvents } from "./project/read.ts";
import { agentsInReach, restrict } from "./records-scope.ts";

/** Durations in ms, times UTC ms. */
export interface CallRecordView {
  readonly journey: string;
  readonly part: number;
  readonly direction: Direction;
  readonly result: CallResult | null;
  readonly cause: HangupCause | null;
  readonly hangupBy: HangupParty | null;
  readonly sipStatus: number | null;
  readonly sipReason: string | null;
  readonly callerOriginal: string;
  readonly callerActual: string;
  readonly callerName: string;
  readonly calleeOriginal: string;
  readonly calleeActual: string;
  readonly didId: number | null;
  readonly didNumber: string | null;
  readonly didName: string | null;
  readonly trunkId: number | null;
  readonly trunkName: string | null;
  readonly groupId: number | null;
  readonly groupName: string | null;
  readonly agentId: number | null;
  readonly agentNumber: string | null;
  readonly agentName: string | null;
  readonly extensionId: number | null;
  readonly extensionNumber: string | null;
  readonly startedAt: number;
  readonly answeredAt: number | null;
  readonly endedAt: number | null;
  readonly ivrMs: number;
  readonly waitMs: number;
  readonly ringMs: number;
  readonly talkMs: number;
  readonly holdMs: number;
  readonly holdCount: number;
  readonly acwMs: number;
  readonly totalMs: number;
  readonly keys: string;
  readonly recording: { readonly id: string; readonly durationMs: number; readonly state: string } | null;
}

/** `totalIsMore`: there are more than `total`; counting stopped there. */
export interface RecordsPage extends Page<CallRecordView> {
  readonly totalIsMore: boolean;
}

export interface DayCounts {
  readonly calls: number;
  readonly inbound: number;
  readonly outbound: number;
  /** Inbound answered, abandoned in a queue, rang without answer. */
  readonly answered: number;
  readonly abandoned: number;
  readonly rangNoAnswer: number;
  readonly talkMs: number;
  /** By group: inbound answered and abandoned. */
  readonly groups: ReadonlyMap<number, { readonly answered: number; readonly abandoned: number }>;
}

export interface Records {
  /**
   * Newest first (`sort` "startedAt", `descending` false turns it round). Filters: from, to (UTC ms, to excluded),
   * direction, number (part of caller or callee; `search` is the same), agent, group, did (ids), result, cause.
   */
  list(actor: Actor, query: ListQuery): Promise<RecordsPage>;
  /** All parts of a journey. @throws NotFoundError also when out of the actor's scope */
  get(actor: Actor, journey: string): Promise<readonly CallRecordView[]>;
  timeline(actor: Actor, journey: string): Promise<readonly CallEvent[]>;
  /** Absolute path; written to the audit log. `download` asks for that permission instead of the one to listen. */
  recordingFile(
    actor: Actor,
    id: string,
    use?: "play" | "download",
  ): Promise<{ readonly path: string; readonly durationMs: number; readonly name: string }>;
  /** Counts of calls begun at or after `from` (UTC ms). */
  todayCounts(from: number): DayCounts;
}

/** Lists count no further than this. */
export const COUNT_LIMIT = 10_000;

export function createRecords(deps: { readonly store: Store; readonly now: Now }): Records {
  const { store, now } = deps;
  const heard = onceInAWhile();

  async function reach(actor: Actor): Promise<readonly number[] | null> {
    return agentsInReach(store.read, actor);
  }

  async function partsOf(actor: Actor, journey: string): Promise<readonly CallRecordView[]> {
    const seen = await restrict(
      store.read.selectFrom("call_record").select("call_record.journey"),
      await reach(actor),
      { filters: {} },
    )
      .where("journey", "=", journey)
      .limit(1)
      .executeTakeFirst();
    if (!seen) throw new NotFoundError("call", journey);
    const rows = await selectViews(store.read)
      .where("call_record.journey", "=", journey)
      .orderBy("call_record.part")
      .execute();
    return rows.map(viewOf);
  }

  return {
    async list(actor, query) {
      permit(actor, "calls.view");
      const agents = await reach(actor);
      const { page, pageSize, offset } = pageWindow(query);
      const order = query.descending === false ? "asc" : "desc";
      // The page's keys first, from the index alone; names are joined to those few rows only.
      const keys = await restrict(
        store.read.selectFrom("call_record").select(["call_record.journey", "call_record.part"]),
        agents,
        query,
      )
        .orderBy("call_record.started_at", order)
        .orderBy("call_record.rowid" as never, order)
        .limit(pageSize)
        .offset(offset)
        .execute();
      const journeys = [...new Set(keys.map((key) => key.journey))];
      const rows =
        journeys.length === 0
          ? []
          : await selectViews(store.read).where("call_record.journey", "in", journeys).execute();
      const byKey = new Map(rows.map((row) => [`${row.journey} ${row.part}`, viewOf(row)]));
      const views = keys.flatMap((key) => byKey.get(`${key.journey} ${key.part}`) ?? []);
      const counted = await store.read
        .selectFrom(
          restrict(store.read.selectFrom("call_record").select(sql<number>`1`.as("one")), agents, query)
            .limit(COUNT_LIMIT + 1)
            .as("found"),
        )
        .select((e) => e.fn.countAll<number>().as("n"))
        .executeTakeFirst();
      const n = Number(counted?.n ?? 0);
      return { rows: views, total: Math.min(n, COUNT_LIMIT), totalIsMore: n > COUNT_LIMIT, page, pageSize };
    },
    async get(actor, journey) {
      permit(actor, "calls.view");
      return partsOf(actor, journey);
    },
    async timeline(actor, journey) {
      permit(actor, "calls.view");
      await partsOf(actor, journey);
      return readJourneyEvents(store.sync, journey);
    },
    async recordingFile(actor, id, use = "play") {
      permit(actor, use === "play" ? "recordings.play" : "recordings.download");
      const row = await store.read
        .selectFrom("recording")
        .selectAll()
        .where("id", "=", id)
        .executeTakeFirst();
      if (row?.state !== "done") throw new NotFoundError("recording", id);
      const [record] = await partsOf(actor, row.journey);
      const act = `${actor.accountId} ${actor.name} ${use} ${id}`;
      if (heard.first(act, now()))
        await store.write((tx) =>
          insertAudit(
            tx,
            actor,
            { action: `${use}-recording`, subject: "recording", id, detail: { journey: row.journey } },
            now(),
          ),
        );
      return {
        path: isAbsolute(row.file) ? row.file : join(store.folder, row.file),
        durationMs: row.duration_ms,
        name: recordingName(row.started_at, record),
      };
    },
    todayCounts: (from) => countsSince(store, from),
  };
}

/** A player fetches a recording in many pieces: the same act within this time is one. */
const ONE_ACT_MS = 600_000;

/** Tells whether an act is the first of its kind in a while. */
function onceInAWhile(): { first(act: string, at: number): boolean } {
  const last = new Map<string, number>();
  return {
    first(act, at) {
      for (const [old, when] of last) {
        if (at - when < ONE_ACT_MS) break;
        last.delete(old);
      }
      if (last.has(act)) return false;
      last.set(act, at);
      return true;
    },
  };
}

/** "20261121T054118Z_02155501_1001.wav" */
function recordingName(startedAt: number, record: CallRecordView | undefined): string {
  const stamp = new Date(startedAt).toISOString().replace(/[-:]|\.\d+/g, "");
  const clean = (text: string) => text.replace(/[^0-9A-Za-z+*#]/g, "") || "-";
  return `${stamp}_${clean(record?.callerActual ?? "")}_${clean(record?.calleeActual ?? "")}.wav`;
}

function selectViews(db: Tx) {
  return db
    .selectFrom("call_record")
    .leftJoin("agent", "agent.id", "call_record.agent_id")
    .leftJoin("agent_group", "agent_group.id", "call_record.group_id")
    .leftJoin("did", "did.id", "call_record.did_id")
    .leftJoin("trunk", "trunk.id", "call_record.trunk_id")
    .leftJoin("extension", "extension.id", "call_record.extension_id")
    .leftJoin("recording", "recording.id", "call_record.recording")
    .selectAll("call_record")
    .select([
      "agent.number as agent_number",
      "agent.first_name",
      "agent.last_name",
      "agent_group.name as group_name",
      "did.name as did_name",
      "trunk.name as trunk_name",
      "extension.number as extension_number",
      "recording.duration_ms as recording_ms",
      "recording.state as recording_state",
    ]);
}

type ViewRow = Awaited<ReturnType<ReturnType<typeof selectViews>["execute"]>>[number];

/** Chinese names are written family name first, without a blank. */
export function personName(first: string, last: string): string {
  return /\p{Script=Han}/u.test(last + first) ? `${last}${first}` : `${first} ${last}`.trim();
}

function viewOf(row: ViewRow): CallRecordView {
  return {
    journey: row.journey,
    part: row.part,
    // Written by the projection from the same unions.
    direction: row.direction as Direction,
    result: row.result as CallResult | null,
    cause: row.cause as HangupCause | null,
    hangupBy: row.hangup_by as HangupParty | null,
    sipStatus: row.sip_status,
    sipReason: row.sip_reason,
    callerOriginal: row.caller_original,
    callerActual: row.caller_actual,
    callerName: row.caller_name,
    calleeOriginal: row.callee_original,
    calleeActual: row.callee_actual,
    didId: row.did_id,
    didNumber: row.did_number,
    didName: row.did_name,
    trunkId: row.trunk_id,
    trunkName: row.trunk_name,
    groupId: row.group_id,
    groupName: row.group_name,
    agentId: row.agent_id,
    agentNumber: row.agent_number,
    agentName: row.agent_number === null ? null : personName(row.first_name ?? "", row.last_name ?? ""),
    extensionId: row.extension_id,
    extensionNumber: row.extension_number,
    startedAt: row.started_at,
    answeredAt: row.answered_at,
    endedAt: row.ended_at,
    ivrMs: row.ivr_ms,
    waitMs: row.wait_ms,
    ringMs: row.ring_ms,
    talkMs: row.talk_ms,
    holdMs: row.hold_ms,
    holdCount: row.hold_count,
    acwMs: row.acw_ms,
    totalMs: row.total_ms,
    keys: row.keys,
    recording:
      row.recording === null
        ? null
        : { id: row.recording, durationMs: row.recording_ms ?? 0, state: row.recording_state ?? "failed" },
  };
}

function countsSince(store: Store, from: number): DayCounts {
  const rows = store.sync
    .prepare(
      `SELECT direction, result, group_id, count(*) AS n, sum(talk_ms) AS talk_ms FROM call_record
       WHERE started_at >= ? AND part = 0 GROUP BY direction, result, group_id`,
    )
    .all(from) as {
    direction: string;
    result: string | null;
    group_id: number | null;
    n: number;
    talk_ms: number;
  }[];
  const sum = (take: (row: (typeof rows)[number]) => boolean) =>
    rows.reduce((total, row) => (take(row) ? total + row.n : total), 0);
  const inbound = (result: string) => sum((r) => r.direction === "inbound" && r.result === result);
  const groups = new Map<number, { answered: number; abandoned: number }>();
  for (const { direction, result, group_id: id, n } of rows) {
    if (id === null || direction === "outbound") continue;
    const group = groups.get(id) ?? { answered: 0, abandoned: 0 };
    if (result === "answered") group.answered += n;
    if (result === "queue-abandoned" || result === "rang-no-answer") group.abandoned += n;
    groups.set(id, group);
  }
  return {
    calls: sum(() => true),
    inbound: sum((r) => r.direction === "inbound"),
    outbound: sum((r) => r.direction === "outbound"),
    answered: inbound("answered"),
    abandoned: inbound("queue-abandoned"),
    rangNoAnswer: inbound("rang-no-answer"),
    talkMs: rows.reduce((total, row) => total + row.talk_ms, 0),
    groups,
  };
}
