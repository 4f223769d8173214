/**
 * The SIP message parser (RFC 3261 §7, §18.3, §25): bytes to SipMessage in linear time, under fixed limits.
 * It checks structure only (start line, header lines, Content-Length); the values are checked by validate.ts.
 */

import type { SipHeader, SipMessage, SipRequest } from "./model.ts";
import { canonicalName } from "./names.ts";
import { isTokenText } from "./tokens.ts";

/** Bounds of one message. */
export const LIMITS = {
  /** Start line and headers together, bytes. */
  headBytes: 65_536,
  /** One header with its folded lines, characters. */
  lineChars: 16_384,
  headers: 256,
  bodyBytes: 1_048_576,
} as const;

export type ParseFailureCode =
  | "empty"
  | "start-line"
  | "version"
  | "no-end"
  | "header-syntax"
  | "too-large"
  | "content-length";

export interface ParseFailure {
  readonly ok: false;
  readonly code: ParseFailureCode;
  /** In words, fit for a reason phrase and a log line. */
  readonly reason: string;
  /** Status to answer a request with, where `partial` is present. */
  readonly status: 400 | 413 | 505;
  /** The readable part of a broken request; present when it can be answered (it has a Via and is not an ACK). */
  readonly partial?: SipRequest;
}

export type ParseResult = { readonly ok: true; readonly message: SipMessage } | ParseFailure;

type Broken = Pick<ParseFailure, "code" | "reason" | "status">;
type StartLine = { method: string; uri: string } | { status: number; reason: string };

const NOTHING = new Uint8Array(0);

/**
 * Index just behind the empty line that ends the header section, searching from `from`; -1 when it is not there.
 * Lines may end in CRLF or LF.
 */
export function headEnd(bytes: Uint8Array, from = 0): number {
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    const next = bytes[at + 1];
    if (next === 10) return at + 2;
    if (next === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return -1;
}

/**
 * Parses one message: a datagram, a WebSocket message, or what the stream framer cut out. Empty lines in front are
 * skipped. A body longer than Content-Length is trimmed, a shorter one is an error (RFC 3261 §18.3). Never throws.
 */
export function parseMessage(bytes: Uint8Array): ParseResult {
  let start = 0;
  while (bytes[start] === 13 || bytes[start] === 10) start++;
  if (start === bytes.length) return { ok: false, code: "empty", reason: "Empty Message", status: 400 };
  const end = headEnd(bytes, start);
  const headStop = end < 0 ? bytes.length : end;
  let broken: Broken | undefined;
  if (headStop - start > LIMITS.headBytes) {
    broken = { code: "too-large", reason: "Header Section Too Large", status: 400 };
  } else if (end < 0) broken = { code: "no-end", reason: "Header Section Not Ended", status: 400 };
  const head = decode(bytes, start, Math.min(headStop, start + LIMITS.headBytes));

  const lineEnd = head.indexOf("\n");
  const first = head.slice(0, lineEnd < 0 ? head.length : lineEnd).trimEnd();
  const startLine = parseStartLine(first);
  if ("code" in startLine) {
    broken = startLine;
    if (!startLine.line) return failure(startLine);
  }
  const headers: SipHeader[] = [];
  const fault = lineEnd < 0 ? undefined : parseHeaders(head, lineEnd + 1, headers);
  broken ??= fault;
  const line: StartLine = "code" in startLine ? (startLine.line ?? { status: 0, reason: "" }) : startLine;
  if (broken) return failure(broken, line, headers);

  let body: Uint8Array = headStop < bytes.length ? bytes.subarray(headStop) : NOTHING;
  const length = contentLength(headers);
  if (length !== undefined) {
    if (length < 0) return failure(badLength("Bad Content-Length"), line, headers);
    if (length > body.length) return failure(badLength("Body Shorter Than Content-Length"), line, headers);
    if (length < body.length) body = length === 0 ? NOTHING : body.subarray(0, length);
  }
  if (body.length > LIMITS.bodyBytes) {
    return failure({ code: "too-large", reason: "Body Too Large", status: 413 }, line, headers);
  }
  const message: SipMessage =
    "method" in line
      ? { kind: "request", method: line.method, uri: line.uri, headers, body }
      : { kind: "response", status: line.status, reason: line.reason, headers, body };
  return { ok: true, message };
}

function badLength(reason: string): Broken {
  return { code: "content-length", reason, status: 400 };
}

function failure(broken: Broken, line?: StartLine, headers?: SipHeader[]): ParseFailure {
  const { code, reason, status } = broken;
  const answerable =
    line &&
    headers &&
    "method" in line &&
    line.method !== "ACK" &&
    headers.some((header) => header.name === "Via");
  if (!answerable) return { ok: false, code, reason, status };
  const partial: SipRequest = { kind: "request", method: line.method, uri: line.uri, headers, body: NOTHING };
  return { ok: false, code, reason, status, partial };
}

function decode(bytes: Uint8Array, from: number, to: number): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("utf8", from, to);
}

/** Request line or status line. A broken one that still shows a method keeps it in `line`, to be answered. */
function parseStartLine(text: string): StartLine | (Broken & { line?: StartLine }) {
  const broken: Broken = { code: "start-line", reason: "Malformed Start Line", status: 400 };
  if (/^SIP\//i.test(text)) {
    const match = /^SIP\/2\.0 +([1-6][0-9][0-9])(?: ([^\r]*))?$/i.exec(text);
    return match ? { status: Number(match[1]), reason: (match[2] ?? "").trim() } : broken;
  }
  const methodEnd = text.indexOf(" ");
  const versionStart = text.lastIndexOf(" ") + 1;
  const method = text.slice(0, Math.max(methodEnd, 0));
  const version = text.slice(versionStart);
  if (!isTokenText(method) || method.length > 64 || !/^SIP\/[0-9.]{1,16}$/i.test(version)) return broken;
  // Several spaces around the URI are unambiguous, so they are ignored (RFC 4475 §3.1.2.9).
  const uri = text.slice(methodEnd, versionStart).trim();
  const line = { method, uri };
  if (version.slice(4) !== "2.0")
    return { code: "version", reason: "Version Not Supported", status: 505, line };
  if (uri === "" || /[\s"<>]/.test(uri))
    return { code: "start-line", reason: "Malformed Request-URI", status: 400, line };
  return line;
}

/** Fills `headers`; goes on behind a broken line, so that the rest can serve the answer, and reports the first fault. */
function parseHeaders(head: string, from: number, headers: SipHeader[]): Broken | undefined {
  let fault: Broken | undefined;
  let last: SipHeader | undefined;
  let at = from;
  while (at < head.length) {
    const newline = head.indexOf("\n", at);
    const stop = newline < 0 ? head.length : newline;
    const next = stop + 1;
    const lead = head.charCodeAt(at);
    if (stop === at || (lead === 13 && stop === at + 1)) break;
    if (lead === 32 || lead === 9) {
      const more = head.slice(at, stop).trim();
      if (last && !more.includes("\r")) last.value = unfold(last.value, more);
      else fault ??= { code: "header-syntax", reason: "Malformed Header Line", status: 400 };
      if (last && last.value.length > LIMITS.lineChars) {
        fault ??= { code: "too-large", reason: "Header Too Long", status: 400 };
        last = undefined;
      }
    } else if (stop - at > LIMITS.lineChars) {
      fault ??= { code: "too-large", reason: "Header Too Long", status: 400 };
      last = undefined;
    } else {
      last = parseLine(head, at, stop);
      if (!last) fault ??= { code: "header-syntax", reason: "Malformed Header Line", status: 400 };
      else if (headers.length === LIMITS.headers) {
        return fault ?? { code: "too-large", reason: "Too Many Headers", status: 400 };
      } else headers.push(last);
    }
    at = next;
  }
  return fault;
}

function unfold(value: string, more: string): string {
  if (value === "") return more;
  return more === "" ? value : `${value} ${more}`;
}

function parseLine(head: string, from: number, stop: number): SipHeader | undefined {
  const colon = head.indexOf(":", from);
  if (colon <= from || colon >= stop) return undefined;
  let nameEnd = colon;
  while (head.charCodeAt(nameEnd - 1) === 32 || head.charCodeAt(nameEnd - 1) === 9) nameEnd--;
  const name = head.slice(from, nameEnd);
  if (!isTokenText(name)) return undefined;
  let valueStart = colon + 1;
  let valueEnd = stop;
  while (valueStart < valueEnd && isBlank(head.charCodeAt(valueStart))) valueStart++;
  while (valueEnd > valueStart && isBlank(head.charCodeAt(valueEnd - 1))) valueEnd--;
  const value = head.slice(valueStart, valueEnd);
  // A bare CR is a line end to some parsers behind us: never let one through.
  return value.includes("\r") ? undefined : { name: canonicalName(name), value };
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 13;
}

/** Declared length; undefined when absent, -1 when malformed or given twice with different values. */
function contentLength(headers: readonly SipHeader[]): number | undefined {
  let length: number | undefined;
  for (const header of headers) {
    if (header.name !== "Content-Length") continue;
    const value = /^[0-9]{1,9}$/.test(header.value) ? Number(header.value) : -1;
    if (value < 0 || (length !== undefined && length !== value)) return -1;
    length = value;
  }
  return length;
}
