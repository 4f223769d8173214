import type { SipMessage } from "../message/model.ts";
import { serializeMessage } from "../message/serialize.ts";
import { callIdOf } from "../transaction/index.ts";
import { masked } from "./mask.ts";

export interface TraceEntry {
  /** UTC ms. */
  readonly at: number;
  readonly direction: "in" | "out";
  /** `proto:address:port` of the other side; "" when its connection was gone already. */
  readonly remote: string;
  /** `proto:address:port` of ours. */
  readonly local: string;
  /** The message with secrets masked. */
  readonly text: string;
}

interface Kept {
  readonly order: number;
  readonly at: number;
  readonly direction: "in" | "out";
  readonly remote: string;
  readonly message: SipMessage;
}

/** What to look for among all that is kept; what is left out does not matter. */
export interface TraceQuery {
  /** Address of the other side, without port. */
  readonly addresses?: readonly string[];
  /** User part in the Request-URI, From, To or Contact. */
  readonly user?: string;
}

export interface TraceLimits {
  readonly calls: number;
  readonly messages: number;
  /** Sources whose messages without a call are kept, and messages of each. Default 300 and 30. */
  readonly sources?: number;
  readonly messagesOfSource?: number;
}

const OF_CALLS = new Set(["INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "REFER", "NOTIFY", "INFO"]);
const MOST_FOUND = 200;
const USER_FIELDS = new Set(["From", "To", "Contact"]);

/**
 * The last messages of the last calls, by Call-ID, and the last messages without a call (registrations, keep-alives,
 * subscriptions, texts) of each address: a flood from one address pushes out nobody else's. Messages are kept as they
 * are and written out only when asked for: tracing must cost next to nothing while calls run.
 */
export class TraceRing {
  private readonly calls: Shelf;
  private readonly others: Shelf;
  private noted = 0;

  /**
   * @param localFor our own address towards a remote (`proto:address:port`), asked when a trace is read.
   */
  constructor(
    limits: TraceLimits,
    private readonly localFor: (remote: string) => string = () => "",
  ) {
    this.calls = new Shelf(limits.calls, limits.messages);
    this.others = new Shelf(limits.calls === 0 ? 0 : (limits.sources ?? 300), limits.messagesOfSource ?? 30);
  }

  /** Calls kept. */
  get size(): number {
    return this.calls.size;
  }

  /** Notes a message. */
  note(direction: "in" | "out", remote: string, message: SipMessage): void {
    const method = message.kind === "request" ? message.method : methodOf(headerOf(message, "CSeq"));
    const kept = { order: this.noted++, at: Date.now(), direction, remote, message };
    if (OF_CALLS.has(method)) this.calls.put(callIdOf(message), kept);
    else this.others.put(hostOf(remote), kept);
  }

  /** Messages of a call, oldest first; empty when it is not (or no longer) known. */
  entries(callId: string): TraceEntry[] {
    return this.calls.get(callId).map((kept) => this.written(kept));
  }

  /** The newest messages of any kind that fit, oldest first; at most 200. */
  search(query: TraceQuery): TraceEntry[] {
    const found = [...this.calls.all(), ...this.others.all()].filter((kept) => fits(kept, query));
    // Not by time: many messages share a millisecond, and the clock may be set back.
    found.sort((left, right) => left.order - right.order);
    return found.slice(-MOST_FOUND).map((kept) => this.written(kept));
  }

  /** The call as one readable text. */
  text(callId: string): string {
    return traceText(this.entries(callId));
  }

  private written(kept: Kept): TraceEntry {
    return {
      at: kept.at,
      direction: kept.direction,
      remote: kept.remote,
      local: this.localFor(kept.remote),
      text: masked(serializeMessage(kept.message).toString("utf8")),
    };
  }
}

/** Lists of bounded length under keys of bounded number; the key that came first goes first. */
class Shelf {
  private readonly lists = new Map<string, Kept[]>();
  /** Keys in a ring: asking a map for its oldest key again and again walks over all that were deleted. */
  private readonly order: string[] = [];
  private made = 0;

  constructor(
    private readonly mostKeys: number,
    private readonly mostEach: number,
  ) {}

  get size(): number {
    return this.lists.size;
  }

  put(key: string, kept: Kept): void {
    if (this.mostKeys === 0) return;
    let list = this.lists.get(key);
    if (!list) {
      const place = this.made++ % this.mostKeys;
      const oldest = this.order[place];
      if (oldest !== undefined) this.lists.delete(oldest);
      this.order[place] = key;
      list = [];
      this.lists.set(key, list);
    }
    if (list.length >= this.mostEach) list.shift();
    list.push(kept);
  }

  get(key: string): readonly Kept[] {
    return this.lists.get(key) ?? [];
  }

  *all(): Iterable<Kept> {
    for (const list of this.lists.values()) yield* list;
  }
}

/** Messages as one readable text, each under a line with its time (UTC) and way. */
export function traceText(entries: readonly TraceEntry[]): string {
  return entries
    .map((entry) => {
      const arrow = entry.direction === "in" ? "<-" : "->";
      return `${new Date(entry.at).toISOString()} ${arrow} ${entry.remote}\n${entry.text.replaceAll("\r\n", "\n")}`;
    })
    .join("\n");
}

/** The address in `proto:address:port`, without the IPv4-in-IPv6 prefix. */
export function hostOf(remote: string): string {
  const host = remote.slice(remote.indexOf(":") + 1, remote.lastIndexOf(":"));
  return host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host;
}

function fits(kept: Kept, query: TraceQuery): boolean {
  const byAddress = query.addresses?.includes(hostOf(kept.remote)) ?? false;
  if (byAddress || (query.addresses === undefined && query.user === undefined)) return true;
  return query.user !== undefined && names(kept.message, query.user);
}

function names(message: SipMessage, user: string): boolean {
  const needle = `:${user.toLowerCase()}@`;
  if (message.kind === "request" && `${message.uri.toLowerCase()}`.includes(needle)) return true;
  return message.headers.some(
    (entry) => USER_FIELDS.has(entry.name) && entry.value.toLowerCase().includes(needle),
  );
}

function headerOf(message: SipMessage, name: string): string {
  for (const entry of message.headers) if (entry.name === name) return entry.value;
  return "";
}

function methodOf(cseq: string): string {
  return cseq.slice(Math.max(cseq.lastIndexOf(" "), cseq.lastIndexOf("\t")) + 1);
}
