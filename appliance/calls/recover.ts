/** After a crash: what was under way is closed truthfully in the log; a heartbeat tells until when we lived. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "../../storage/database.ts";
import type { Clock } from "./clock.ts";
import type { BridgeMode, CallEvent, CallFact } from "./events.ts";
import type { EventLog } from "./log.ts";

export interface RepairedRecording {
  readonly ms: number;
  readonly bytes: number;
  readonly sha256: string;
}

const HEARTBEAT_FILE = "heartbeat";
const HEARTBEAT_MS = 2000;

/**
 * Notes the time every 2 s in a file of its own (a setting would become part of each configuration version); the
 * function given back stops it. A failing disk is told once to the log.
 */
export function startHeartbeat(store: Store, clock: Clock): () => void {
  let cancel = () => {};
  let failed = false;
  const beat = () => {
    const now = clock.now();
    try {
      writeFileSync(join(store.folder, HEARTBEAT_FILE), `${now}\n`);
      failed = false;
    } catch (error) {
      if (!failed)
        store.telemetry.log({ at: now, level: "error", part: "calls", message: `heartbeat: ${error}` });
      failed = true;
    }
    cancel = clock.after(HEARTBEAT_MS, beat);
  };
  beat();
  return () => cancel();
}

/** When the last run was alive, UTC ms; 0 = never or not known. */
export function readHeartbeat(store: Store): number {
  try {
    const at = Number(readFileSync(join(store.folder, HEARTBEAT_FILE), "utf8"));
    return Number.isSafeInteger(at) ? at : 0;
  } catch {
    return 0;
  }
}

/**
 * Closes each open journey of an earlier run, at the later of its last event and `lastAlive` (UTC ms). `repair` makes
 * an unfinished recording whole (by its final path) or tells that nothing is left of it. Returns how many were closed.
 * @throws StorageError
 */
export async function closeBroken(
  log: EventLog,
  lastAlive: number,
  repair: (file: string) => RepairedRecording | null | Promise<RepairedRecording | null>,
): Promise<number> {
  const journeys = log.openJourneys();
  for (const journey of journeys) {
    const events = log.readJourney(journey);
    const open = openThings(events);
    const repaired = new Map<string, RepairedRecording | null>();
    for (const [recording, file] of open.recordings)
      repaired.set(recording, await attempt(() => repair(file)));
    log.append(closingFacts(journey, events, open, lastAlive, repaired));
  }
  return journeys.length;
}

async function attempt<T>(work: () => T | Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch {
    return null;
  }
}

interface OpenThings {
  readonly legs: Set<string>;
  readonly offers: Map<
    string,
    { readonly leg: string | null; readonly agentId: number; readonly groupId: number | null }
  >;
  queue: { readonly leg: string | null; readonly groupId: number; readonly since: number } | null;
  flow: { readonly leg: string | null; readonly flowId: number } | null;
  bridges: { readonly leg: string | null; legs: string[]; readonly mode: BridgeMode }[];
  readonly holds: Map<string, "remote" | "local">;
  /** Recording → file. */
  readonly recordings: Map<string, string>;
}

/** What the events began and did not end. */
function openThings(events: readonly CallEvent[]): OpenThings {
  const open: OpenThings = {
    legs: new Set(),
    offers: new Map(),
    queue: null,
    flow: null,
    bridges: [],
    holds: new Map(),
    recordings: new Map(),
  };
  for (const event of events) follow(open, event);
  return open;
}

function follow(open: OpenThings, event: CallEvent): void {
  const leg = event.leg ?? "";
  switch (event.kind) {
    case "leg.created":
      open.legs.add(leg);
      break;
    case "leg.moved":
    case "leg.ended":
      open.legs.delete(leg);
      open.holds.delete(leg);
      break;
    case "flow.entered":
      open.flow = { leg: event.leg, flowId: event.data.flowId };
      break;
    case "flow.left":
      open.flow = null;
      break;
    case "queue.joined":
      open.queue = {
        leg: event.leg,
        groupId: event.data.groupId,
        since: event.at - (event.data.waitedMs ?? 0),
      };
      break;
    case "queue.left":
      open.queue = null;
      break;
    case "offer.made":
    case "offer.ringing": {
      const { agentId, groupId } = event.data;
      open.offers.set(String(agentId), { leg: event.leg, agentId, groupId });
      break;
    }
    case "offer.answered":
    case "offer.missed":
      open.offers.delete(String(event.data.agentId));
      break;
    case "bridge.joined":
      open.bridges.push({ leg: event.leg, legs: [...event.data.legs], mode: event.data.mode });
      break;
    case "bridge.left": {
      const { legs, mode } = event.data;
      for (const bridge of open.bridges)
        if (bridge.mode === mode) bridge.legs = bridge.legs.filter((l) => !legs.includes(l));
      open.bridges = open.bridges.filter((bridge) => bridge.legs.length > 1);
      break;
    }
    case "hold.started":
      open.holds.set(leg, event.data.by);
      break;
    case "hold.ended":
      open.holds.delete(leg);
      break;
    case "recording.started":
      open.recordings.set(event.data.recording, event.data.file);
      break;
    case "recording.stopped":
      open.recordings.delete(event.data.recording);
      break;
  }
}

function closingFacts(
  journey: string,
  events: readonly CallEvent[],
  open: OpenThings,
  lastAlive: number,
  repaired: ReadonlyMap<string, RepairedRecording | null>,
): CallFact[] {
  const at = events.reduce((latest, event) => Math.max(latest, event.at), lastAlive);
  const facts: CallFact[] = [];
  for (const { leg, agentId, groupId } of open.offers.values())
    facts.push({ kind: "offer.missed", journey, leg, at, data: { agentId, groupId, reason: "lost" } });
  if (open.queue) {
    const { leg, groupId, since } = open.queue;
    facts.push({
      kind: "queue.left",
      journey,
      leg,
      at,
      data: { groupId, reason: "lost", waitedMs: at - since },
    });
  }
  if (open.flow) {
    const { leg, flowId } = open.flow;
    facts.push({ kind: "flow.left", journey, leg, at, data: { flowId, outcome: "failed" } });
  }
  for (const [leg, by] of open.holds)
    facts.push({ kind: "hold.ended", journey, leg: leg || null, at, data: { by } });
  for (const { leg, legs, mode } of open.bridges)
    facts.push({ kind: "bridge.left", journey, leg, at, data: { legs, mode } });
  for (const [recording, figures] of repaired)
    facts.push({
      kind: "recording.stopped",
      journey,
      leg: null,
      at,
      data: figures
        ? { recording, ms: figures.ms, bytes: figures.bytes, sha256: figures.sha256 }
        : { recording, ms: 0, bytes: 0, sha256: "", failed: "lost when the system stopped" },
    });
  for (const leg of open.legs)
    facts.push({ kind: "leg.ended", journey, leg, at, data: { cause: "lost", by: "system" } });
  facts.push({ kind: "journey.ended", journey, leg: null, at, data: { cause: "system-lost", by: "system" } });
  return facts;
}
