/**
 * Cheap access to the few header fields that transactions and dialogs look at on every message. They work on the
 * header text directly, because a full grammar per message would cost more than everything else together.
 */
import { getHeader, getList } from "../message/headers.ts";
import type { SipHeader, SipMessage, SipRequest, SipResponse } from "../message/model.ts";

/** Value of a `;name=value` parameter after the name-addr or via-parm; "" for one without a value. */
export function parameter(value: string, name: string): string | undefined {
  const tail = parameterTail(value);
  for (const part of splitParameters(tail)) {
    const equals = part.indexOf("=");
    const key = (equals < 0 ? part : part.slice(0, equals)).trim();
    if (key.toLowerCase() === name) return equals < 0 ? "" : part.slice(equals + 1).trim();
  }
  return undefined;
}

function parameterTail(value: string): string {
  let from = 0;
  if (value.includes('"') || value.includes("<")) {
    let quoted = false;
    for (let index = 0; index < value.length; index++) {
      const char = value[index];
      if (quoted && char === "\\") index++;
      else if (char === '"') quoted = !quoted;
      else if (!quoted && char === "<") {
        const close = value.indexOf(">", index);
        from = close < 0 ? value.length : close + 1;
        break;
      }
    }
  }
  const semicolon = value.indexOf(";", from);
  return semicolon < 0 ? "" : value.slice(semicolon + 1);
}

function splitParameters(tail: string): string[] {
  if (!tail.includes('"')) return tail.split(";");
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let index = 0; index < tail.length; index++) {
    const char = tail[index];
    if (quoted && char === "\\") index++;
    else if (char === '"') quoted = !quoted;
    else if (char === ";" && !quoted) {
      parts.push(tail.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(tail.slice(start));
  return parts;
}

/** The `tag` of a From or To value. */
export function tagOf(value: string | undefined): string | undefined {
  if (value === undefined || !value.includes("tag")) return undefined;
  const tag = parameter(value, "tag");
  return tag === "" ? undefined : tag;
}

/** The URI inside a name-addr or addr-spec (parameters of an addr-spec belong to the header, RFC 3261 §20). */
export function uriOf(value: string): string {
  let quoted = false;
  for (let index = 0; index < value.length; index++) {
    const char = value[index];
    if (quoted && char === "\\") index++;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === "<") {
      const close = value.indexOf(">", index);
      return value.slice(index + 1, close < 0 ? undefined : close).trim();
    }
  }
  const semicolon = value.indexOf(";");
  return (semicolon < 0 ? value : value.slice(0, semicolon)).trim();
}

/** Whether a URI can stand in a request line; a peer's Contact may hold anything. */
export function fitsRequestLine(uri: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"]+$/.test(uri);
}

/** URI of the first Contact, as the target of later requests (RFC 3261 §12.1); `fallback` without a usable one. */
export function contactTarget(message: SipMessage, fallback: string): string {
  const [contact] = getList(message, "Contact");
  const uri = contact === undefined ? "" : uriOf(contact);
  return fitsRequestLine(uri) ? uri : fallback;
}

export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** CSeq as number and method; number is -1 when it is not one. */
export function cseqOf(message: SipMessage): CSeq {
  const value = getHeader(message, "CSeq") ?? "";
  const match = /^(\d{1,10})\s+(\S+)/.exec(value);
  if (!match) return { number: -1, method: "" };
  return { number: Number(match[1]), method: match[2] ?? "" };
}

export function callIdOf(message: SipMessage): string {
  return getHeader(message, "Call-ID") ?? "";
}

export interface HostPort {
  readonly host: string;
  /** Undefined when the URI names none. */
  readonly port?: number;
}

/** Host and port of a SIP URI; undefined for anything else. IPv6 hosts come without brackets. */
export function hostPortOf(uri: string): HostPort | undefined {
  const match = /^sips?:(?:[^@]*@)?(\[[^\]]+\]|[^:;?>@[\]]+)(?::(\d{1,5}))?(?:[;?].*)?$/i.exec(uri.trim());
  if (!match) return undefined;
  const host = (match[1] ?? "").toLowerCase().replace(/^\[|\]$/g, "");
  return match[2] === undefined ? { host } : { host, port: Number(match[2]) };
}

/** User part of a SIP URI, without password; "" when there is none. */
export function userOf(uri: string): string {
  const match = /^(?:sips?|tel):([^@]*)@/i.exec(uri);
  return (match?.[1] ?? "").split(":")[0] ?? "";
}

/** A URI parameter (before any "?headers"), lower-cased name; "" for one without a value. */
export function uriParameter(uri: string, name: string): string | undefined {
  const at = uri.indexOf("@");
  const semicolon = uri.indexOf(";", Math.max(at, 0));
  if (semicolon < 0) return undefined;
  for (const part of (uri.slice(semicolon + 1).split("?")[0] ?? "").split(";")) {
    const [key = "", value] = part.split("=", 2);
    if (key.trim().toLowerCase() === name) return value?.trim() ?? "";
  }
  return undefined;
}

/** Host for use inside a URI or Via: IPv6 gets brackets. */
export function uriHost(address: string): string {
  return address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
}

/** A response with the header fields every response copies from its request (RFC 3261 §8.2.6.2). */
export function replyTo(request: SipRequest, status: number, reason: string, toTag?: string): SipResponse {
  const copied: SipHeader[] = [];
  for (const entry of request.headers) if (entry.name === "Via") copied.push({ ...entry });
  for (const name of ["From", "To", "Call-ID", "CSeq"]) {
    const value = getHeader(request, name);
    if (value === undefined) continue;
    const tagged = name === "To" && toTag !== undefined && tagOf(value) === undefined;
    copied.push({ name, value: tagged ? `${value};tag=${toTag}` : value });
  }
  return { kind: "response", status, reason, headers: copied, body: new Uint8Array(0) };
}
