/** Traces written by hand, for the tests of the rules. */
import { FINDING_CODES, type Finding } from "./finding.ts";
import { explainTrace } from "./findings.ts";
import { ladderOf } from "./ladder.ts";
import type { TraceEntry } from "./ring.ts";
import type { LegMedia, TraceParty } from "./talks.ts";

export const PHONE = "udp:192.168.1.20:5060";
export const OUTSIDE = "udp:203.0.113.9:5060";

interface Line {
  readonly at?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly sdp?: string;
  readonly cseq?: number;
}

/** One Call-ID with one other side; `ours`: we placed it. */
export class Script {
  readonly entries: TraceEntry[] = [];
  constructor(
    private readonly callId: string,
    private readonly remote = PHONE,
  ) {}

  /** `< INVITE`, `> 486 Busy Here INVITE`: way, then method or status line with the method it answers. */
  say(line: string, options: Line = {}): this {
    const [way = "", ...words] = line.split(" ");
    const status = /^\d{3}$/.test(words[0] ?? "");
    const method = (status ? words.at(-1) : words[0]) ?? "";
    const start = status
      ? `SIP/2.0 ${words.slice(0, -1).join(" ")}`
      : `${method} sip:1002@192.168.1.1 SIP/2.0`;
    const { sdp } = options;
    const headers = {
      Via: "SIP/2.0/UDP h;branch=z9hG4bK1",
      From: "<sip:1001@h>;tag=a",
      To: `<sip:1002@h>${["BYE", "UPDATE", "INFO"].includes(method) ? ";tag=b" : ""}`,
      "Call-ID": this.callId,
      CSeq: `${options.cseq ?? 1} ${method}`,
      ...(sdp === undefined ? {} : { "Content-Type": "application/sdp" }),
      ...options.headers,
    };
    const head = Object.entries(headers).map(([name, text]) => `${name}: ${text}`);
    const text = `${[start, ...head].join("\r\n")}\r\n\r\n${sdp ?? ""}`;
    const at = options.at ?? (this.entries.at(-1)?.at ?? 0) + 10;
    const direction = way === "<" ? "in" : "out";
    this.entries.push({ at, direction, remote: this.remote, local: "udp:192.168.1.1:5060", text });
    return this;
  }

  /** The last line goes again at each of these times. */
  again(...times: readonly number[]): this {
    const last = this.entries.at(-1);
    if (last) for (const at of times) this.entries.push({ ...last, at });
    return this;
  }
}

/** A description with one audio stream. */
export function sdp(
  options: { address?: string; codecs?: string; way?: string; profile?: string; port?: number } = {},
): string {
  const { address = "192.168.1.20", codecs = "8 0", way, profile = "RTP/AVP", port = 4000 } = options;
  return `v=0\r\nc=IN IP4 ${address}\r\nm=audio ${port} ${profile} ${codecs}\r\n${way ? `a=${way}\r\n` : ""}`;
}

/** A call that was set up well: they called us, or we called them. */
export function talking(way: "<" | ">", remote = PHONE, answer = sdp(), offer = sdp()): Script {
  const back = way === "<" ? ">" : "<";
  return new Script("call", remote)
    .say(`${way} INVITE`, { sdp: offer })
    .say(`${back} 200 OK INVITE`, { sdp: answer })
    .say(`${way} ACK`);
}

export function partyOf(changes: Partial<TraceParty> = {}): TraceParty {
  return {
    callId: "call",
    leg: "leg",
    name: "1002",
    trunk: false,
    answeredAt: null,
    endedAt: null,
    ...changes,
  };
}

/** What the rules find. `now`: 40 s. */
export function explain(
  script: Script | readonly Script[],
  parties: readonly TraceParty[] = [],
  media: readonly LegMedia[] = [],
): Finding[] {
  const entries = [script].flat().flatMap((one) => (one as Script).entries);
  return explainTrace({ ladder: ladderOf(entries), parties, media, now: 40_000 });
}

/** Codes of what is found. */
export function codes(...asked: Parameters<typeof explain>): string[] {
  return explain(...asked).map((found) => found.code);
}

export const ALL_CODES: readonly string[] = FINDING_CODES;
