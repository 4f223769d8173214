/** The signalling behind a call record, for people who look for a fault: who said what, and what it means. */
import {
  type Finding,
  hostOf,
  type Ladder,
  type LegMedia,
  type Sip,
  type TraceEntry,
  type TraceParty,
  type TraceQuery,
  type TraceReader,
} from "../../sip/index.ts";
import { type Actor, type Now, permit } from "../kernel.ts";
import type { Audit } from "../system/index.ts";
import type { CallEvent, LegRole } from "./events.ts";
import type { Records } from "./records.ts";
import type { StoredTrace, TraceFiles } from "./trace-files.ts";
import type { TraceKeeper } from "./trace-keeper.ts";

export interface TracedParty extends TraceParty {
  readonly role: LegRole;
  readonly agentId: number | null;
}

/** `source`: where the messages come from; "remote": the SIP server is not ours and keeps its own. */
export interface CallTrace {
  readonly journey: string;
  readonly live: boolean;
  readonly startedAt: number;
  readonly caller: string;
  readonly callee: string;
  readonly source: "memory" | "file" | "none" | "remote";
  readonly entries: readonly TraceEntry[];
  readonly ladder: Ladder;
  readonly parties: readonly TracedParty[];
  readonly findings: readonly Finding[];
}

/** What somebody looks for on the page of messages without a call. */
export interface TraceSearch {
  readonly extensionId?: number;
  readonly trunkId?: number;
  /** An address or a number. */
  readonly text?: string;
}

export interface FoundMessages {
  readonly entries: readonly TraceEntry[];
  readonly ladder: Ladder;
  readonly findings: readonly Finding[];
  readonly remote: boolean;
}

export interface Traces {
  /** Needs calls.trace and the call within the actor's scope. @throws ForbiddenError, NotFoundError */
  get(actor: Actor, journey: string): Promise<CallTrace>;
  /** The same with its messages as one text, each under a line with its time (UTC) and way; written to the audit log. */
  text(actor: Actor, journey: string): Promise<{ readonly trace: CallTrace; readonly text: string }>;
  /** The same with its messages as a capture file (pcap) of Wireshark; written to the audit log. */
  capture(
    actor: Actor,
    journey: string,
  ): Promise<{ readonly trace: CallTrace; readonly capture: Uint8Array<ArrayBuffer> }>;
  /** The newest messages of an extension, a trunk, an address or a number; needs sip-trace.view. */
  search(actor: Actor, query: TraceSearch): Promise<FoundMessages>;
  stop(): Promise<void>;
}

export interface TracesDeps {
  readonly sip: Pick<Sip, "engine" | "packetsIn" | "devices">;
  readonly records: Pick<Records, "get" | "timeline">;
  readonly keeper: TraceKeeper;
  readonly files: TraceFiles | null;
  /** Reads away from this thread: hundreds of messages take long. */
  readonly reader: TraceReader;
  readonly audit: Pick<Audit, "write">;
  readonly now: Now;
  /** Number of an extension; undefined for an unknown one. */
  readonly extensionNumber: (id: number) => string | undefined;
  /** Addresses a trunk talks from, and the user it signs in with. */
  readonly trunkPeers: (
    id: number,
  ) => Promise<{ readonly addresses: readonly string[]; readonly user: string }>;
}

export function createTraces(deps: TracesDeps): Traces {
  const { sip, records, keeper, files, reader } = deps;

  async function get(actor: Actor, journey: string): Promise<CallTrace> {
    permit(actor, "calls.trace");
    const [row] = await records.get(actor, journey);
    const events = await records.timeline(actor, journey);
    const legs = legsOf(events);
    const startedAt = row?.startedAt ?? events[0]?.at ?? 0;
    const live = row?.endedAt == null;
    const fresh = await keeper.remembered([...legs.keys()]);
    // After a restart memory may know the end of a call and the file all of it.
    const stored = live || !files ? null : await files.read(journey, startedAt);
    const fromFile = stored !== null && stored.entries.length > fresh.entries.length;
    const trace: StoredTrace = fromFile ? stored : fresh;
    const parties = partiesOf(events, trace);
    const { entries } = trace;
    const media = await countsOf(parties, trace);
    const { ladder, findings } = await reader.read({ entries, parties, media, now: deps.now() });
    const empty = sip.engine === undefined && !fromFile ? "remote" : "none";
    return {
      journey,
      live,
      startedAt,
      caller: row?.callerOriginal ?? "",
      callee: row?.calleeOriginal ?? "",
      source: entries.length === 0 ? empty : fromFile ? "file" : "memory",
      entries,
      ladder,
      parties,
      findings,
    };
  }

  /** Packets of legs that have ended, and of those that still talk. */
  async function countsOf(parties: readonly TracedParty[], trace: StoredTrace): Promise<LegMedia[]> {
    const counted: LegMedia[] = [];
    for (const leg of new Set(parties.map((party) => party.leg))) {
      const known = trace.legs.find((one) => one.leg === leg)?.packetsIn ?? (await sip.packetsIn(leg));
      if (known !== null) counted.push({ leg, packetsIn: known });
    }
    return counted;
  }

  async function download(actor: Actor, journey: string, kind: "text" | "pcap"): Promise<CallTrace> {
    const trace = await get(actor, journey);
    await deps.audit.write(actor, "download", "trace", journey, { kind });
    return trace;
  }

  return {
    get,
    async text(actor, journey) {
      const trace = await download(actor, journey, "text");
      return { trace, text: await reader.text(trace.entries) };
    },
    async capture(actor, journey) {
      const trace = await download(actor, journey, "pcap");
      return { trace, capture: await reader.pcap(trace.entries) };
    },
    async search(actor, query) {
      permit(actor, "sip-trace.view");
      const asked = await wanted(deps, query);
      const entries = (await sip.engine?.traceSearch(asked).catch(() => [])) ?? [];
      const parties = letIn(keeper, entries);
      const read = await reader.read({ entries, parties, media: [], now: deps.now() });
      return { entries, ...read, remote: sip.engine === undefined };
    },
    async stop() {
      await keeper.stop();
      reader.stop();
    },
  };
}

/**
 * The calls among these messages that became the office's: what was said about them later is no matter of a password.
 * Names are read from the messages, and when they talked is not asked.
 */
function letIn(keeper: TraceKeeper, entries: readonly TraceEntry[]): TraceParty[] {
  const callIds = entries.flatMap(({ text }) => /^Call-ID: *(\S+)/im.exec(text)?.[1] ?? []);
  const legs = keeper.legsOf(new Set(callIds));
  return [...legs].map(([callId, leg]) => ({
    callId,
    leg,
    name: "",
    trunk: false,
    answeredAt: null,
    endedAt: 0,
  }));
}

/** Addresses and user to look for; an empty question is for all messages. */
async function wanted(deps: TracesDeps, query: TraceSearch): Promise<TraceQuery> {
  const named = (addresses: readonly string[], user: string): TraceQuery =>
    user === "" ? { addresses } : { addresses, user };
  if (query.trunkId !== undefined) {
    const { addresses, user } = await deps.trunkPeers(query.trunkId);
    return named(addresses, user);
  }
  if (query.extensionId !== undefined) {
    const { devices } = deps.sip.devices.state(query.extensionId);
    const addresses = devices.map((device) => hostOf(device.source));
    return named(addresses, deps.extensionNumber(query.extensionId) ?? "");
  }
  const text = query.text?.trim() ?? "";
  if (text === "") return {};
  // "192.168.1.20", "192.168.1.20:5060", "[2001:db8::1]:5060", "1001".
  const address = text.replace(/^\[|\](?::\d+)?$/g, "").replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
  return named([address], text);
}

interface LegFacts {
  readonly role: LegRole;
  readonly name: string;
  readonly trunk: boolean;
  readonly agentId: number | null;
  answeredAt: number | null;
  endedAt: number | null;
}

/** Legs of a journey by id, in the order they came. */
export function legsOf(events: readonly CallEvent[]): Map<string, LegFacts> {
  const legs = new Map<string, LegFacts>();
  for (const event of events) {
    if (event.leg === null) continue;
    const leg = legs.get(event.leg);
    if (event.kind === "leg.created" && !leg) {
      const { role, endpoint, agentId, trunkId } = event.data;
      legs.set(event.leg, {
        role,
        name: endpoint,
        trunk: trunkId !== undefined,
        agentId: agentId ?? null,
        answeredAt: null,
        endedAt: null,
      });
    } else if (leg && event.kind === "leg.answered") leg.answeredAt ??= event.at;
    else if (leg && event.kind === "leg.ended") leg.endedAt = event.at;
  }
  return legs;
}

function partiesOf(events: readonly CallEvent[], trace: StoredTrace): TracedParty[] {
  return [...legsOf(events)].flatMap(([leg, facts]) => {
    const callIds = trace.legs.find((one) => one.leg === leg)?.callIds ?? [];
    return callIds.map((callId) => ({ callId, leg, ...facts }));
  });
}
