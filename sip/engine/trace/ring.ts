import type { SipMessage } from "../message/model.ts";
import { serializeMessage } from "../message/serialize.ts";
import { topVia } from "../message/via.ts";
import { callIdOf } from "../transaction/index.ts";
import { masked } from "./mask.ts";
import { Place, Shelf } from "./shelf.ts";

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

interface CallPlace extends Place<Kept> {
  /** Begun by us: what the other side answers counts. */
  ours?: boolean;
  answered?: boolean;
  /** Said goodbye: an answer that comes again does not bring it back. */
  ended?: boolean;
}

/** What to look for among all that is kept; what is left out does not matter. */
export interface TraceQuery {
  /** Address of the other side, without port. */
  readonly addresses?: readonly string[];
  /** User part in the Request-URI, From, To or Contact. */
  readonly user?: string;
}

export interface TraceLimits {
  /** Calls that are up, those we placed, those that are over, and strangers' attempts: so many of each. 0: nothing is kept. */
  readonly calls: number;
  readonly messages: number;
  /** Sources whose messages without a call are kept, and messages of each. Default 300 and 30. */
  readonly sources?: number;
  readonly messagesOfSource?: number;
}

export interface TraceOptions {
  /** Our own address towards a remote (`proto:address:port`), asked when a trace is read. */
  readonly localFor?: (remote: string) => string;
  /** Whether an address is one of our phones or carriers; asked when it begins a call. */
  readonly knows?: (address: string) => boolean;
}

const OF_CALLS = new Set(["INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "REFER", "NOTIFY", "INFO"]);
const MOST_FOUND = 200;
const USER_FIELDS = new Set(["From", "To", "Contact"]);

/**
 * The last messages of the last calls, by Call-ID, and the last messages without a call (registrations, keep-alives,
 * subscriptions, texts, and what belongs to no call that is kept) of each address: a flood from one address pushes out
 * nobody else's. Only an INVITE, or our answer that lets one in, begins a call. Calls that are up have places of their
 * own, told by what *we* send, so that no stranger can forge his way in: they give way to other such calls alone.
 * Messages are kept as they are and written out only when asked for: tracing must cost next to nothing while calls run.
 */
export class TraceRing {
  private readonly byCallId = new Map<string, CallPlace>();
  private readonly bySource = new Map<string, Place<Kept>>();
  /** Calls that ring or are answered. */
  private readonly up: Shelf<Kept>;
  /** Calls of ours that have had no answer yet. */
  private readonly placed: Shelf<Kept>;
  /** Calls that are over, and what our phones and carriers try. */
  private readonly calls: Shelf<Kept>;
  /** What strangers try. */
  private readonly attempts: Shelf<Kept>;
  private readonly others: Shelf<Kept>;
  private readonly localFor: (remote: string) => string;
  private readonly knows: (address: string) => boolean;
  private noted = 0;

  constructor(
    private readonly limits: TraceLimits,
    options: TraceOptions = {},
  ) {
    const { calls, messages, sources = 300, messagesOfSource = 30 } = limits;
    this.up = new Shelf(calls, messages, this.byCallId);
    this.placed = new Shelf(calls, messages, this.byCallId);
    this.calls = new Shelf(calls, messages, this.byCallId);
    this.attempts = new Shelf(calls, Math.min(messages, messagesOfSource), this.byCallId);
    this.others = new Shelf(sources, messagesOfSource, this.bySource);
    this.localFor = options.localFor ?? (() => "");
    this.knows = options.knows ?? (() => false);
  }

  /** Calls kept. */
  get size(): number {
    return this.byCallId.size;
  }

  /** Notes a message. */
  note(direction: "in" | "out", remote: string, message: SipMessage): void {
    if (this.limits.calls === 0) return;
    const method = message.kind === "request" ? message.method : methodOf(headerOf(message, "CSeq"));
    const kept = { order: this.noted++, at: Date.now(), direction, remote, message };
    const call = OF_CALLS.has(method) ? this.callFor(kept, method) : undefined;
    if (call) {
      call.shelf?.add(call, kept);
      this.follow(call, kept, method);
    } else this.noteSource(kept);
  }

  /** Messages of a call, oldest first; empty when it is not (or no longer) known. */
  entries(callId: string): TraceEntry[] {
    return (this.byCallId.get(callId)?.kept ?? []).map((kept) => this.written(kept));
  }

  /** The newest messages of any kind that fit, oldest first; at most 200. */
  search(query: TraceQuery): TraceEntry[] {
    const places = [...this.byCallId.values(), ...this.bySource.values()];
    const found = places.flatMap((place) => place.kept.filter((kept) => fits(kept, query)));
    // Not by time: many messages share a millisecond, and the clock may be set back.
    found.sort((left, right) => left.order - right.order);
    return found.slice(-MOST_FOUND).map((kept) => this.written(kept));
  }

  /** The call as one readable text. */
  text(callId: string): string {
    return traceText(this.entries(callId));
  }

  /** The call a message belongs to, begun by it if need be; undefined when it belongs to none that is kept. */
  private callFor(kept: Kept, method: string): CallPlace | undefined {
    const { direction, message } = kept;
    const callId = callIdOf(message);
    const known = this.byCallId.get(callId);
    if (known || method !== "INVITE") return known;
    // An answer of ours to a call whose beginning has been pushed out.
    if (message.kind === "response" && !(direction === "out" && letsIn(message.status))) return undefined;
    const call: CallPlace = new Place<Kept>(callId);
    const stranger = direction === "in" && !this.knows(hostOf(kept.remote));
    (stranger ? this.attempts : this.calls).take(call);
    return call;
  }

  /** Moves a call when it comes up and when it is over. */
  private follow(call: CallPlace, { direction, message }: Kept, method: string): void {
    const out = direction === "out";
    if (message.kind === "request") {
      if (!out) return;
      if (method === "INVITE") {
        call.ours = true;
        if (call.shelf !== this.up) this.placed.take(call);
      } else if (method === "BYE") this.over(call, true);
      else if (method === "CANCEL" && !call.answered) this.over(call);
      return;
    }
    const { status } = message;
    if (method === "BYE") {
      if (out && status >= 200 && status < 300) this.over(call, true);
    } else if (method === "INVITE" && (out || call.ours) && !call.ended) {
      if (letsIn(status)) {
        if (call.shelf !== this.up) this.up.take(call);
        if (status >= 200) call.answered = true;
      } else if (status >= 300 && !call.answered) this.over(call);
    }
  }

  private over(call: CallPlace, ended = false): void {
    if (ended) call.ended = true;
    if (call.shelf === this.up || call.shelf === this.placed) this.calls.take(call);
  }

  private noteSource(kept: Kept): void {
    const host = hostOf(kept.remote);
    let place = this.bySource.get(host);
    if (!place) {
      place = new Place<Kept>(host);
      this.others.take(place);
    }
    this.others.add(place, kept);
  }

  private written(kept: Kept): TraceEntry {
    const remote = remoteOf(kept);
    return {
      at: kept.at,
      direction: kept.direction,
      remote,
      local: this.localFor(remote),
      text: masked(serializeMessage(kept.message).toString("utf8")),
    };
  }
}

/** The other side; the Via of a request of ours knows best how it went, a long one took TCP (RFC 3261 §18.1.1). */
function remoteOf({ direction, remote, message }: Kept): string {
  const via = direction === "out" && message.kind === "request" ? topVia(message) : undefined;
  return via?.transport === "TCP" ? remote.replace(/^udp:/, "tcp:") : remote;
}

/** Rings or is answered (RFC 3261 §12.1: an answer that makes a dialog). */
function letsIn(status: number): boolean {
  return status > 100 && status < 300;
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
