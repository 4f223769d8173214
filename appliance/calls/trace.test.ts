import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doTraceWork, type TraceReading } from "../../sip/engine/trace/index.ts";
import type { LegEvent, Sip, TraceEntry, TraceReader } from "../../sip/index.ts";
import { type Actor, ForbiddenError, NotFoundError, SYSTEM_ACTOR } from "../kernel.ts";
import { agentLeg, inboundStart } from "./project/scenario.ts";
import type { CallRecordView } from "./records.ts";
import { createTraces } from "./trace.ts";
import { TraceFiles } from "./trace-files.ts";
import { TraceKeeper } from "./trace-keeper.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "zongji-trace-"));
  folders.push(made);
  return made;
}

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 10, 21, 8);
const LIMITS = { days: 2, megabytes: 1 };

function message(start: string, callId: string, at: number): TraceEntry {
  const text = `${start}\r\nCall-ID: ${callId}\r\nCSeq: 1 INVITE\r\n\r\n`;
  const direction = start.startsWith("SIP") ? "in" : "out";
  return { at, direction, remote: "udp:192.0.2.7:5060", local: "udp:192.0.2.1:5060", text };
}

/** The same work on this thread. */
const READER: TraceReader = {
  read: async (question) => doTraceWork({ kind: "read", question }) as TraceReading,
  text: async (entries) => doTraceWork({ kind: "text", entries }) as string,
  pcap: async (entries) => doTraceWork({ kind: "pcap", entries }) as Uint8Array<ArrayBuffer>,
  unpack: async (packed, mostBytes) => doTraceWork({ kind: "unpack", packed, mostBytes }),
  stop: () => {},
};

/** A call of agent 1 whose phone was busy; `endedAt` null: still on. */
function scene(options: { endedAt?: number | null; files?: TraceFiles; engine?: boolean } = {}) {
  const messages = new Map<string, TraceEntry[]>([
    [
      "x@h",
      [message("INVITE sip:1001@h SIP/2.0", "x@h", T0), message("SIP/2.0 486 Busy Here", "x@h", T0 + 9)],
    ],
  ]);
  const listeners: ((event: LegEvent) => void)[] = [];
  const searches: unknown[] = [];
  const audits: unknown[] = [];
  let counted: (leg: string, packetsIn: number) => void = () => {};
  const engine = {
    trace: async (callId: string) => messages.get(callId) ?? [],
    traceSearch: async (query: unknown) => {
      searches.push(query);
      return [message("INVITE sip:1001@h SIP/2.0", "x@h", T0)];
    },
  };
  const device = { contact: "", source: "udp:192.0.2.7:5060", userAgent: "", expiresAt: 0, latencyMs: null };
  const sip = {
    legs: {
      onEvent: (listener: (event: LegEvent) => void) => {
        listeners.push(listener);
        return () => {};
      },
    },
    onCounted: (listener: typeof counted) => {
      counted = listener;
      return () => {};
    },
    engine: options.engine === false ? undefined : engine,
    packetsIn: async () => 0,
    devices: { state: (extensionId: number) => ({ extensionId, online: true, devices: [device] }) },
  } as unknown as Sip;
  const files = options.files ?? null;
  const keeper = new TraceKeeper({ sip, files, now: () => T0 + 60_000, log: () => {} });
  const row = { startedAt: T0, endedAt: options.endedAt === undefined ? T0 + 99 : options.endedAt };
  const events = [...inboundStart("j"), agentLeg(1, "a", 1, "j")];
  const traces = createTraces({
    sip,
    keeper,
    files,
    reader: READER,
    records: {
      get: async (actor, journey) => {
        if (actor.scope !== "all" || journey !== "j") throw new NotFoundError("call", journey);
        return [{ ...row, callerOriginal: "139", calleeOriginal: "021" } as CallRecordView];
      },
      timeline: async () => events.map((event, index) => ({ ...event, seq: index + 1 })),
    },
    audit: {
      write: async (_actor, action, subject, id, detail) => {
        audits.push([action, subject, id, detail]);
      },
    },
    now: () => T0 + 60_000,
    extensionNumber: (id) => (id === 1 ? "1001" : undefined),
    trunkPeers: async () => ({ addresses: ["203.0.113.5"], user: "carrier-user" }),
  });
  const tell = (event: LegEvent) => {
    for (const listener of listeners) listener(event);
  };
  return { traces, keeper, tell, count: counted, audits, searches };
}

const may = (...permissions: string[]): Actor => ({ ...SYSTEM_ACTOR, permissions });
const trying = (leg: string, sipCallId: string): LegEvent => ({ type: "trying", leg, sipCallId, at: T0 });

test("all legs of a call by their Call-IDs, with the party's name and what went wrong", async () => {
  const { traces, tell } = scene();
  expect((await traces.get(SYSTEM_ACTOR, "j")).source).toBe("none");
  tell(trying("a", "x@h"));
  tell(trying("a", "second-device@h"));
  const trace = await traces.get(may("calls.view", "calls.trace"), "j");
  expect(trace).toMatchObject({ source: "memory", live: false, caller: "139", callee: "021" });
  expect(trace.parties.map((party) => [party.leg, party.role, party.callId])).toEqual([
    ["a", "agent", "x@h"],
    ["a", "agent", "second-device@h"],
  ]);
  expect(trace.ladder.steps.map((step) => step.label)).toEqual(["INVITE", "486 Busy Here"]);
  expect(trace.findings.map((found) => found.code)).toEqual(["busy"]);
});

test("who may not see traces, or not this call, gets nothing; a download is written down, a look is not", async () => {
  const { traces, audits } = scene();
  expect(traces.get(may("calls.view"), "j")).rejects.toBeInstanceOf(ForbiddenError);
  expect(traces.get({ ...SYSTEM_ACTOR, scope: "own" }, "j")).rejects.toBeInstanceOf(NotFoundError);
  expect(traces.capture(may("calls.view"), "j")).rejects.toBeInstanceOf(ForbiddenError);
  expect(traces.search(may("calls.trace"), {})).rejects.toBeInstanceOf(ForbiddenError);
  await traces.get(SYSTEM_ACTOR, "j");
  expect(audits).toEqual([]);
  expect((await traces.capture(SYSTEM_ACTOR, "j")).capture.length).toBe(24);
  expect((await traces.text(SYSTEM_ACTOR, "j")).text).toBe("");
  expect(audits).toEqual([
    ["download", "trace", "j", { kind: "pcap" }],
    ["download", "trace", "j", { kind: "text" }],
  ]);
});

test("the search goes by the addresses and names of an extension or a trunk, by an address, by a number", async () => {
  const { traces, searches } = scene();
  for (const query of [
    { extensionId: 1 },
    { trunkId: 5 },
    { text: " 192.0.2.9:5060 " },
    { text: "[2001:db8::1]:5060" },
    { text: "1001" },
    { text: "" },
  ])
    await traces.search(SYSTEM_ACTOR, query);
  expect(searches).toEqual([
    { addresses: ["192.0.2.7"], user: "1001" },
    { addresses: ["203.0.113.5"], user: "carrier-user" },
    { addresses: ["192.0.2.9"], user: "192.0.2.9:5060" },
    { addresses: ["2001:db8::1"], user: "[2001:db8::1]:5060" },
    { addresses: ["1001"], user: "1001" },
    {},
  ]);
});

test("an ended call is written with its packets and read after a restart; a foreign engine is named", async () => {
  const files = new TraceFiles(folder(), LIMITS, () => T0, READER.unpack);
  const before = scene({ files });
  before.tell(trying("a", "x@h"));
  before.count("a", 77);
  before.keeper.ended("j", T0, ["a"]);
  await before.keeper.stop();
  const after = scene({ files });
  expect(await after.traces.get(SYSTEM_ACTOR, "j")).toMatchObject({
    source: "file",
    findings: [{ code: "busy" }],
    ladder: { outcome: { status: 486 } },
  });
  expect((await files.read("j", T0))?.legs).toEqual([{ leg: "a", callIds: ["x@h"], packetsIn: 77 }]);
  expect((await scene({ engine: false }).traces.get(SYSTEM_ACTOR, "j")).source).toBe("remote");
});

test("what cannot be read is none; names cannot leave the folder", async () => {
  const place = folder();
  const files = new TraceFiles(place, LIMITS, () => T0, READER.unpack);
  await files.write("../../etc/x", T0, { entries: [], legs: [] });
  expect(readdirSync(join(place, "2026-11-21"))).toEqual(["______etc_x.json.gz"]);
  expect(statSync(join(place, "2026-11-21", "______etc_x.json.gz")).mode & 0o777).toBe(0o600);
  expect(await files.read("unknown", T0)).toBeNull();
  writeFileSync(join(place, "2026-11-21", "broken.json.gz"), "no gzip");
  expect(await files.read("broken", T0)).toBeNull();
});

test("old days go, then the oldest files until the rest fits", async () => {
  const place = folder();
  let now = T0;
  const files = new TraceFiles(place, LIMITS, () => now, READER.unpack);
  const random = () => Buffer.from(crypto.getRandomValues(new Uint8Array(50_000))).toString("base64");
  const trace = (n: number) => ({
    entries: [{ ...message("x", "c", n), text: Array.from({ length: 8 }, random).join("") }],
    legs: [],
  });
  for (const day of [0, 1, 2, 3]) await files.write(`day${day}`, T0 + day * DAY, trace(day));
  now = T0 + 3 * DAY;
  expect(await files.prune()).toBe(2);
  expect(readdirSync(place).sort()).toEqual(["2026-11-22", "2026-11-23", "2026-11-24"]);
  expect(await files.read("day1", T0 + DAY)).toBeNull();
  expect(await files.read("day3", T0 + 3 * DAY)).not.toBeNull();
});
