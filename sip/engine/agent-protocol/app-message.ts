/** SIP text as an app writes it: often without Via, Call-ID or CSeq, names in any case. */
import type { SipHeader } from "../message/model.ts";
import { canonicalName, isCanonical } from "../message/names.ts";
import { isTokenText } from "../message/tokens.ts";

export type AppMessage =
  | ({ readonly kind: "request"; readonly method: string; readonly uri: string } & AppContent)
  | ({ readonly kind: "response"; readonly status: number; readonly reason: string } & AppContent);

export interface AppContent {
  readonly headers: SipHeader[];
  readonly body: Uint8Array;
}

export type AppRequest = Extract<AppMessage, { kind: "request" }>;
export type AppResponse = Extract<AppMessage, { kind: "response" }>;

/** Known names get their canonical spelling, others capitals after "-"; X- names stay as written. */
export function wireName(name: string): string {
  const canonical = canonicalName(name);
  if (isCanonical(canonical) || /^x-/i.test(name)) return canonical;
  return name.replace(/(^|-)([a-z])/g, (_all, dash: string, letter: string) => dash + letter.toUpperCase());
}

const BREAKS = /[\r\n\0]/;

/** Reads the message of a frame; undefined when the start line is none. Invalid header names are left out. */
export function parseAppMessage(bytes: Uint8Array): AppMessage | undefined {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf("\r\n\r\n");
  const head = buffer.toString("utf8", 0, end < 0 ? buffer.length : end);
  const body = end < 0 ? new Uint8Array(0) : new Uint8Array(buffer.subarray(end + 4));
  const lines = head.split("\r\n");
  const headers: SipHeader[] = [];
  for (let n = 1; n < lines.length; n++) {
    const line = lines[n] ?? "";
    const last = headers[headers.length - 1];
    const lead = line.charCodeAt(0);
    if ((lead === 32 || lead === 9) && last) {
      last.value = `${last.value} ${line.trim()}`;
      continue;
    }
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trim();
    // A bare CR or LF inside a value would split the message for whoever reads it next.
    if (isTokenText(name)) {
      const value = line.slice(colon + 1);
      headers.push({
        name: wireName(name),
        value: (BREAKS.test(value) ? value.replace(/[\r\n\0]+/g, " ") : value).trim(),
      });
    }
  }
  const start = lines[0] ?? "";
  const status = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/i.exec(start);
  if (status) return { kind: "response", status: Number(status[1]), reason: status[2] ?? "", headers, body };
  const request = /^([A-Za-z]+) (\S+) SIP\/2\.0$/i.exec(start);
  if (!request) return undefined;
  const [, method = "", uri = ""] = request;
  return { kind: "request", method: method.toUpperCase(), uri, headers, body };
}
