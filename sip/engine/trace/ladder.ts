/** A traced call as steps between columns, for a page that draws it. */
import type { TraceEntry } from "./ring.ts";

/** Who speaks: "engine" is us, everybody else is `proto:address:port`. */
export interface LadderStep {
  /** UTC ms. */
  readonly at: number;
  readonly from: string;
  readonly to: string;
  /** "INVITE" or "200 OK". */
  readonly label: string;
  /** Method of the request, also of the one a response belongs to. */
  readonly method: string;
  readonly cseq: number;
  /** Absent for requests. */
  readonly status?: number;
  /** The same message has gone this way before. */
  readonly repeated: boolean;
  readonly sdp?: SdpSummary;
  /** Text of a Reason or Warning header. */
  readonly note?: string;
  /** Index into the entries, to show the whole message. */
  readonly entry: number;
}

export interface SdpSummary {
  readonly address: string;
  readonly media: readonly {
    readonly kind: string;
    readonly port: number;
    readonly direction: string;
    readonly codecs: readonly string[];
    readonly encrypted: boolean;
  }[];
}

export interface Ladder {
  /** Columns from left to right, in the order of their first word; "engine" stands behind the first one. */
  readonly columns: readonly string[];
  readonly steps: readonly LadderStep[];
  /** Final answer to the first INVITE, when there was one. */
  readonly outcome?: { readonly status: number; readonly reason: string };
}

const US = "engine";

/** Steps of the entries of one call, or of several calls put together (the legs of a joined call), by time. */
export function ladderOf(entries: readonly TraceEntry[]): Ladder {
  const order = entries.map((entry, index) => ({ entry, index }));
  order.sort((left, right) => left.entry.at - right.entry.at || left.index - right.index);
  const columns: string[] = [];
  const steps: LadderStep[] = [];
  const seen = new Set<string>();
  let outcome: Ladder["outcome"];
  for (const { entry, index } of order) {
    if (!columns.includes(entry.remote)) columns.push(entry.remote);
    const step = stepOf(entry, index, seen);
    steps.push(step);
    const final = step.status !== undefined && step.status >= 200 && step.method === "INVITE";
    if (final && step.status !== undefined) {
      outcome ??= { status: step.status, reason: step.label.slice(4) };
    }
  }
  if (columns.length > 0) columns.splice(1, 0, US);
  return { columns, steps, ...(outcome ? { outcome } : {}) };
}

function stepOf(entry: TraceEntry, index: number, seen: Set<string>): LadderStep {
  const headEnd = entry.text.indexOf("\r\n\r\n");
  const head = headEnd < 0 ? entry.text : entry.text.slice(0, headEnd);
  const body = headEnd < 0 ? "" : entry.text.slice(headEnd + 4);
  const start = head.slice(0, head.indexOf("\r\n") < 0 ? undefined : head.indexOf("\r\n"));
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "im").exec(head)?.[1]?.trim() ?? "";
  const [cseq = "0", method = ""] = field("CSeq").split(/\s+/);
  const status = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(start);
  const identity = `${entry.direction}|${entry.remote}|${start}|${field("Call-ID")}|${field("CSeq")}|${field("Via")}|${field("To")}`;
  const repeated = seen.has(identity);
  seen.add(identity);
  const summary = /^application\/sdp/i.test(field("Content-Type")) ? sdpSummary(body) : undefined;
  const note = field("Reason") || field("Warning");
  return {
    at: entry.at,
    from: entry.direction === "in" ? entry.remote : US,
    to: entry.direction === "in" ? US : entry.remote,
    label: status ? `${status[1]} ${status[2]}`.trim() : (start.split(" ")[0] ?? ""),
    method,
    cseq: Number(cseq),
    ...(status ? { status: Number(status[1]) } : {}),
    repeated,
    ...(summary ? { sdp: summary } : {}),
    ...(note === "" ? {} : { note }),
    entry: index,
  };
}

/** What an SDP offers, in short; tolerant of anything. */
export function sdpSummary(sdp: string): SdpSummary {
  const [session = "", ...sections] = sdp.split(/^(?=m=)/m);
  const connection = (text: string) => /^c=IN IP[46] (\S+)/m.exec(text)?.[1];
  const way = (text: string) => /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(text)?.[1];
  const media = sections.slice(0, 20).map((section) => {
    const [, kind = "", port = "0", profile = "", formats = ""] =
      /^m=(\S+) (\d+)\S* (\S+) ?(.*)$/m.exec(section) ?? [];
    const names = new Map(
      [...section.matchAll(/^a=rtpmap:(\d+) ([^\s/]+)/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]),
    );
    const codecs = formats
      .trim()
      .split(/\s+/)
      .map((format) => names.get(format) ?? STATIC[format] ?? format);
    return {
      kind,
      port: Number(port),
      direction: way(section) ?? way(session) ?? "sendrecv",
      codecs: codecs.filter((codec) => codec !== ""),
      encrypted: /SAVP/.test(profile) || /^a=crypto:/m.test(section),
    };
  });
  return { address: connection(session) ?? connection(sections[0] ?? "") ?? "", media };
}

const STATIC: Readonly<Record<string, string>> = { 0: "PCMU", 3: "GSM", 8: "PCMA", 9: "G722", 18: "G729" };
