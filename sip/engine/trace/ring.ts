import type { SipMessage } from "../message/model.ts";
import { serializeMessage } from "../message/serialize.ts";
import { callIdOf } from "../transaction/index.ts";

export interface TraceEntry {
  /** UTC ms. */
  readonly at: number;
  readonly direction: "in" | "out";
  /** `proto:address:port` of the other side, or a flow name. */
  readonly remote: string;
  /** The message with secrets masked. */
  readonly text: string;
}

interface Kept {
  readonly at: number;
  readonly direction: "in" | "out";
  readonly remote: string;
  readonly message: SipMessage;
}

const TRACED = new Set(["INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "REFER", "NOTIFY", "INFO"]);
const SECRETS =
  /^((?:Proxy-)?Authorization|X-[A-Za-z-]*(?:Secret|Token|Password)[A-Za-z-]*)(\s*:\s*)(.*)$/gim;

/**
 * The last messages of the last calls, by Call-ID. Messages are kept as they are and written out only when asked for:
 * tracing must cost next to nothing while calls run.
 */
export class TraceRing {
  private readonly calls = new Map<string, Kept[]>();
  /** Call-IDs in a ring: asking a map for its oldest key again and again walks over all that were deleted. */
  private readonly order: string[] = [];
  private made = 0;

  /** @param maxCalls calls kept; the oldest goes first. @param maxMessages messages kept of each call. */
  constructor(
    private readonly maxCalls: number,
    private readonly maxMessages: number,
  ) {}

  get size(): number {
    return this.calls.size;
  }

  /** Notes a message of a call; registrations and keep-alives are left out. */
  note(direction: "in" | "out", remote: string, message: SipMessage): void {
    const method = message.kind === "request" ? message.method : methodOf(headerOf(message, "CSeq"));
    if (!TRACED.has(method) || this.maxCalls === 0) return;
    const callId = callIdOf(message);
    let kept = this.calls.get(callId);
    if (!kept) {
      const place = this.made++ % this.maxCalls;
      const oldest = this.order[place];
      if (oldest !== undefined) this.calls.delete(oldest);
      this.order[place] = callId;
      kept = [];
      this.calls.set(callId, kept);
    }
    if (kept.length >= this.maxMessages) kept.shift();
    kept.push({ at: Date.now(), direction, remote, message });
  }

  /** Messages of a call, oldest first; empty when it is not (or no longer) known. */
  entries(callId: string): TraceEntry[] {
    return (this.calls.get(callId) ?? []).map((kept) => ({
      at: kept.at,
      direction: kept.direction,
      remote: kept.remote,
      text: masked(serializeMessage(kept.message).toString("utf8")),
    }));
  }

  /** The call as one readable text. */
  text(callId: string): string {
    return this.entries(callId)
      .map((entry) => {
        const arrow = entry.direction === "in" ? "<-" : "->";
        return `${new Date(entry.at).toISOString()} ${arrow} ${entry.remote}\n${entry.text.replaceAll("\r\n", "\n")}`;
      })
      .join("\n");
  }
}

function headerOf(message: SipMessage, name: string): string {
  for (const entry of message.headers) if (entry.name === name) return entry.value;
  return "";
}

function methodOf(cseq: string): string {
  return cseq.slice(Math.max(cseq.lastIndexOf(" "), cseq.lastIndexOf("\t")) + 1);
}

/** Hides credentials and the keys of SDES media. */
export function masked(text: string): string {
  return text
    .replace(SECRETS, (_line, name: string, colon: string, value: string) => {
      const shown = value.replace(/(response|cnonce|nonce|opaque)="?[^",]*"?/gi, '$1="***"');
      return `${name}${colon}${/^digest/i.test(value) ? shown : "***"}`;
    })
    .replace(/(inline:)[A-Za-z0-9+/=]+/g, "$1***");
}
