/** A traced call as steps between columns, for a page that draws it. */
import { hostOf, type TraceEntry } from "./ring.ts";
import { type SdpSummary, sdpSummary } from "./sdp.ts";

export type { SdpSummary } from "./sdp.ts";

/** One party as the wire knows it: a call of ours (Call-ID) with an address. */
export interface LadderColumn {
  readonly callId: string;
  /** Address without port; "" when it is not known any more. */
  readonly host: string;
  /** The first `proto:address:port` seen. */
  readonly remote: string;
}

export interface LadderStep {
  /** UTC ms. */
  readonly at: number;
  /** Index of the other side's column. */
  readonly column: number;
  /** "in": from the column to us. */
  readonly direction: "in" | "out";
  /** "INVITE" or "200 OK". */
  readonly label: string;
  /** Method of the request, also of the one a response belongs to. */
  readonly method: string;
  readonly cseq: number;
  /** Absent for requests. */
  readonly status?: number;
  /** Times the same message went this way; retransmissions are folded into the first. */
  readonly times: number;
  /** When it went for the last time, UTC ms. */
  readonly lastAt: number;
  readonly sdp?: SdpSummary;
  /** Reason and Warning headers. */
  readonly reason?: string;
  readonly warning?: string;
  /** A request within a dialog: its To has a tag. */
  readonly inDialog: boolean;
  /** A request with an answer to a challenge. */
  readonly credentials: boolean;
  readonly userAgent?: string;
  /** The other side's user in From or To. */
  readonly user: string;
  /** Bytes of the message as shown. */
  readonly bytes: number;
  /** Index into the entries, to show the whole message. */
  readonly entry: number;
}

export interface Ladder {
  /** Without us: we stand behind the first one. Order of their first word. */
  readonly columns: readonly LadderColumn[];
  readonly steps: readonly LadderStep[];
  /** Final answer to the first INVITE that was no challenge, when there was one. */
  readonly outcome?: { readonly status: number; readonly reason: string };
}

/** Steps of the entries of one call, or of several calls put together (the legs of a joined call), by time. */
export function ladderOf(entries: readonly TraceEntry[]): Ladder {
  const order = entries.map((entry, index) => ({ entry, index }));
  order.sort((left, right) => left.entry.at - right.entry.at || left.index - right.index);
  const columns: LadderColumn[] = [];
  const steps: LadderStep[] = [];
  const seen = new Map<string, number>();
  for (const { entry, index } of order) {
    const { start, field, body } = readMessage(entry.text);
    const callId = field("Call-ID");
    const identity = `${entry.direction}|${entry.remote}|${start}|${callId}|${field("CSeq")}|${field("Via")}|${field("To")}|${body}`;
    const earlier = seen.get(identity);
    const before = earlier === undefined ? undefined : steps[earlier];
    if (earlier !== undefined && before) {
      steps[earlier] = { ...before, times: before.times + 1, lastAt: entry.at };
      continue;
    }
    seen.set(identity, steps.length);
    const column = columnOf(columns, callId, entry.remote);
    steps.push(stepOf({ entry, index, column, start, field, body }));
  }
  const first = steps.find((step) => step.method === "INVITE");
  const final = steps.find(
    (step) =>
      step.method === "INVITE" &&
      step.column === first?.column &&
      (step.status ?? 0) >= 200 &&
      step.status !== 401 &&
      step.status !== 407,
  );
  const outcome =
    final?.status === undefined ? undefined : { status: final.status, reason: final.label.slice(4) };
  return { columns, steps, ...(outcome ? { outcome } : {}) };
}

function columnOf(columns: LadderColumn[], callId: string, remote: string): number {
  const host = hostOf(remote);
  const known = columns.findIndex(
    (column) => column.callId === callId && (column.host === host || host === "" || column.host === ""),
  );
  if (known >= 0) return known;
  columns.push({ callId, host, remote });
  return columns.length - 1;
}

/** Start line, header look-up (canonical names, as the engine writes them) and body of a message. */
function readMessage(text: string) {
  const headEnd = text.indexOf("\r\n\r\n");
  const head = headEnd < 0 ? text : text.slice(0, headEnd);
  const [start = "", ...lines] = head.split("\r\n");
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    if (colon > 0 && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  return {
    start,
    body: headEnd < 0 ? "" : text.slice(headEnd + 4),
    /** The first header of that name, "" without one. */
    field: (name: string) => fields.get(name) ?? "",
  };
}

function stepOf(
  read: ReturnType<typeof readMessage> & {
    readonly entry: TraceEntry;
    readonly index: number;
    readonly column: number;
  },
): LadderStep {
  const { entry, start, field } = read;
  const [cseq = "0", method = ""] = field("CSeq").split(/\s+/);
  const status = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(start);
  const sdp = /^application\/sdp/i.test(field("Content-Type")) ? sdpSummary(read.body) : undefined;
  const [reason, warning] = [field("Reason"), field("Warning")];
  const userAgent = field("User-Agent") || field("Server");
  return {
    at: entry.at,
    column: read.column,
    direction: entry.direction,
    label: status ? `${status[1]} ${status[2]}`.trim() : (start.split(" ")[0] ?? ""),
    method,
    cseq: Number(cseq),
    ...(status ? { status: Number(status[1]) } : {}),
    times: 1,
    lastAt: entry.at,
    ...(sdp ? { sdp } : {}),
    ...(reason === "" ? {} : { reason }),
    ...(warning === "" ? {} : { warning }),
    inDialog: /;\s*tag=/i.test(field("To")),
    credentials: field("Authorization") !== "" || field("Proxy-Authorization") !== "",
    ...(userAgent === "" ? {} : { userAgent }),
    user: userOf(field((entry.direction === "in") === (status === null) ? "From" : "To")),
    bytes: Buffer.byteLength(entry.text),
    entry: read.index,
  };
}

function userOf(address: string): string {
  return /sips?:([^@>;\s]+)@/i.exec(address)?.[1] ?? "";
}
