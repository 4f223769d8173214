/** A request outside a dialog that is answered once and forgotten (RFC 3261 §10, §11): REGISTER, OPTIONS. */

import type { SipRequest } from "../engine/message/model.ts";
import { canonicalName, reasonPhrase } from "../engine/message/names.ts";
import { parseMessage } from "../engine/message/parse.ts";
import { frameBytes, MAX_FRAME_BYTES, wireHeaders } from "./headers.ts";
import type { IncomingRequest, ResponseOptions, SipSource } from "./model.ts";
import type { AgentWire } from "./wire.ts";

export class StraightRequest implements IncomingRequest {
  readonly dialogId = "";
  readonly #request: SipRequest;
  readonly #transaction: string;
  readonly #wire: AgentWire;
  readonly source: SipSource;
  #answered = false;

  constructor(request: SipRequest, leader: readonly string[], wire: AgentWire) {
    this.#request = request;
    this.#transaction = leader[8] ?? "";
    this.#wire = wire;
    this.source = { protocol: leader[4] || "udp", address: leader[5] ?? "", port: Number(leader[6]) || 5060 };
  }

  get method(): string {
    return this.#request.method;
  }

  get uri(): string {
    return this.#request.uri;
  }

  get body(): string {
    const { body } = this.#request;
    return body.length === 0 ? "" : Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8");
  }

  get callId(): string {
    return this.header("Call-ID") ?? "";
  }

  /** All lines of that name, joined by commas. */
  header(name: string): string | undefined {
    const wanted = canonicalName(name);
    let value: string | undefined;
    for (const line of this.#request.headers) {
      if (line.name === wanted) value = value === undefined ? line.value : `${value},${line.value}`;
    }
    return value;
  }

  respond(status: number, options: ResponseOptions = {}): Promise<boolean> {
    const headers = wireHeaders(options.headers, options.body);
    const body = options.body ?? "";
    if (this.#answered || frameBytes(headers, body) > MAX_FRAME_BYTES) return Promise.resolve(false);
    if (status >= 200) this.#answered = true;
    const reason = options.reason?.replace(/[\r\n]+/g, " ") || reasonPhrase(status);
    let text = `sip|${this.#transaction}|\r\nSIP/2.0 ${status} ${reason}\r\n`;
    for (const { name, value } of this.#request.headers)
      if (ECHOED.has(name)) text += `${name}: ${value}\r\n`;
    for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
    text += `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    return new Promise((resolve) => this.#wire.command(text, resolve));
  }

  async accept(): Promise<undefined> {
    return undefined;
  }

  onCancel(): void {}

  onUpdate(): void {}
}

/** What the engine wants to see again of the request. */
const ECHOED = new Set(["From", "To", "Call-ID", "CSeq"]);

/** The methods of the straight way, as their request line starts. */
const STARTS = ["REGISTER ", "OPTIONS "].map((text) => Buffer.from(text));

/** Reads a frame of the engine; undefined when it is for drachtio-srf (another method, in a dialog, not readable). */
export function straightRequest(
  leader: readonly string[],
  message: Buffer,
  wire: AgentWire,
): StraightRequest | undefined {
  if (leader[2] !== "network" || (leader[9] ?? "") !== "") return undefined;
  if (!STARTS.some((start) => message.subarray(0, start.length).equals(start))) return undefined;
  const parsed = parseMessage(message);
  if (!parsed.ok || parsed.message.kind !== "request") return undefined;
  const to = parsed.message.headers.find((line) => line.name === "To")?.value ?? "";
  return /;\s*tag\s*=/i.test(to) ? undefined : new StraightRequest(parsed.message, leader, wire);
}
