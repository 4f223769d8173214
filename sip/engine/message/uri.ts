/** SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966). */
import { formatParams, type Params, parseParams } from "./tokens.ts";

export interface SipUri {
  readonly kind: "sip";
  scheme: "sip" | "sips";
  /** User part as written, escapes kept; see `decodeUser`. */
  user?: string;
  password?: string;
  /** Host name, IPv4, or IPv6 in brackets. */
  host: string;
  port?: number;
  params: Params;
  /** What follows "?", as written, escapes kept. */
  headers?: string;
}

export interface TelUri {
  readonly kind: "tel";
  /** Number as written, with visual separators. */
  number: string;
  params: Params;
}

/** Any other scheme: kept, not understood. */
export interface OtherUri {
  readonly kind: "other";
  scheme: string;
  opaque: string;
}

export type Uri = SipUri | TelUri | OtherUri;

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]{0,63}$/;
const HOST = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/;
const IPV6 = /^\[[0-9A-Fa-f:.]{2,45}\]$/;
// Controls, space, quotes, <> and raw non-ASCII never stand unescaped in a URI we accept; the rest is tolerated.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const FORBIDDEN = /[\u0000-\u0020"<>\u007f]/;

/** Scheme of a URI in lower case, or undefined when it has none. */
export function uriScheme(text: string): string | undefined {
  const colon = text.indexOf(":");
  if (colon <= 0) return undefined;
  const scheme = text.slice(0, colon);
  return SCHEME.test(scheme) ? scheme.toLowerCase() : undefined;
}

/** Splits "host[:port]" with IPv6 brackets and white space around the colon; undefined when malformed. */
export function parseHostPort(text: string): { host: string; port?: number } | undefined {
  const close = text.charCodeAt(0) === 91 ? text.indexOf("]") : -1;
  const colon = text.indexOf(":", close + 1);
  const host = (colon < 0 ? text : text.slice(0, colon)).trim();
  if (!(close >= 0 ? IPV6.test(host) : HOST.test(host))) return undefined;
  if (colon < 0) return { host };
  const digits = text.slice(colon + 1).trim();
  if (!/^[0-9]{1,5}$/.test(digits)) return undefined;
  const port = Number(digits);
  return port > 65535 ? undefined : { host, port };
}

/** Parses a URI; undefined when a sip, sips or tel URI is malformed or there is no scheme. */
export function parseUri(text: string): Uri | undefined {
  const scheme = uriScheme(text);
  if (scheme === undefined || FORBIDDEN.test(text)) return undefined;
  const rest = text.slice(scheme.length + 1);
  if (scheme === "tel") return parseTel(rest);
  if (scheme !== "sip" && scheme !== "sips") return { kind: "other", scheme, opaque: rest };
  return parseSip(scheme, rest);
}

function parseSip(scheme: "sip" | "sips", rest: string): SipUri | undefined {
  // "@" is always escaped in the user part, in parameters and in headers, so the last one ends the user part:
  // "/", ";", "?" may stand in it unescaped (RFC 4475 §3.1.1.2).
  const at = rest.lastIndexOf("@");
  const uri: SipUri = { kind: "sip", scheme, host: "", params: new Map() };
  if (at >= 0) {
    const info = rest.slice(0, at);
    const colon = info.indexOf(":");
    uri.user = colon < 0 ? info : info.slice(0, colon);
    if (colon >= 0) uri.password = info.slice(colon + 1);
    if (uri.user === "" || uri.user.includes("@")) return undefined;
  }
  let tail = rest.slice(at + 1);
  const question = tail.indexOf("?");
  if (question >= 0) {
    uri.headers = tail.slice(question + 1);
    tail = tail.slice(0, question);
  }
  const semi = tail.indexOf(";");
  if (semi >= 0) {
    const params = parseParams(tail.slice(semi));
    if (!params) return undefined;
    uri.params = params;
    tail = tail.slice(0, semi);
  }
  const place = parseHostPort(tail);
  if (!place) return undefined;
  uri.host = place.host;
  if (place.port !== undefined) uri.port = place.port;
  return uri;
}

function parseTel(rest: string): TelUri | undefined {
  const semi = rest.indexOf(";");
  const number = semi < 0 ? rest : rest.slice(0, semi);
  if (!/^\+?[0-9A-Fa-f*#().-]{1,64}$/.test(number)) return undefined;
  const params = parseParams(semi < 0 ? "" : rest.slice(semi));
  return params && { kind: "tel", number, params };
}

/** The reverse of parseUri. */
export function formatUri(uri: Uri): string {
  if (uri.kind === "other") return `${uri.scheme}:${uri.opaque}`;
  if (uri.kind === "tel") return `tel:${uri.number}${formatParams(uri.params)}`;
  const user =
    uri.user === undefined ? "" : `${uri.user}${uri.password === undefined ? "" : `:${uri.password}`}@`;
  const port = uri.port === undefined ? "" : `:${uri.port}`;
  const headers = uri.headers === undefined ? "" : `?${uri.headers}`;
  return `${uri.scheme}:${user}${uri.host}${port}${formatParams(uri.params)}${headers}`;
}

/** Undoes %HH escapes as UTF-8; broken escapes stay as written, never throws. */
export function unescapeUri(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-7][0-9A-Fa-f])/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
}

/** Escapes a text for use as the user part (RFC 3261 §25.1 `user`): everything but unreserved and user-unreserved. */
export function escapeUser(text: string): string {
  return text.replace(/[^A-Za-z0-9\-_.!~*'()&=+$,;?/]/gu, (char) => {
    let escaped = "";
    for (const byte of new TextEncoder().encode(char))
      escaped += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    return escaped;
  });
}

/** User part with escapes undone: what the dial plan compares. "" when there is none. */
export function decodeUser(uri: Uri): string {
  if (uri.kind === "sip") return unescapeUri(uri.user ?? "");
  return uri.kind === "tel" ? uri.number.replace(/[-.()]/g, "") : "";
}

/** Host without IPv6 brackets, lower-case. */
export function bareHost(host: string): string {
  return (host.startsWith("[") ? host.slice(1, -1) : host).toLowerCase();
}

const MUST_MATCH = ["user", "ttl", "method", "maddr", "transport"];

/** Whether two URIs are equal by RFC 3261 §19.1.4 (tel: RFC 3966 §5; other schemes: as text). */
export function sameUri(left: Uri, right: Uri): boolean {
  if (left.kind === "sip" && right.kind === "sip") return sameSip(left, right);
  if (left.kind === "tel" && right.kind === "tel") {
    return (
      decodeUser(left).toLowerCase() === decodeUser(right).toLowerCase() &&
      sameParams(left.params, right.params, true)
    );
  }
  return formatUri(left) === formatUri(right);
}

function sameSip(left: SipUri, right: SipUri): boolean {
  if (left.scheme !== right.scheme || left.port !== right.port) return false;
  if (!sameHost(left.host, right.host)) return false;
  if ((left.user === undefined) !== (right.user === undefined)) return false;
  if (unescapeUri(left.user ?? "") !== unescapeUri(right.user ?? "")) return false;
  if (unescapeUri(left.password ?? "") !== unescapeUri(right.password ?? "")) return false;
  return sameParams(left.params, right.params, false) && sameUriHeaders(left.headers, right.headers);
}

function sameParams(left: Params, right: Params, all: boolean): boolean {
  for (const [name, value] of left) {
    if (right.has(name)) {
      if (unescapeUri(value ?? "").toLowerCase() !== unescapeUri(right.get(name) ?? "").toLowerCase())
        return false;
    } else if (all || MUST_MATCH.includes(name)) return false;
  }
  for (const name of right.keys()) if (!left.has(name) && (all || MUST_MATCH.includes(name))) return false;
  return true;
}

function sameUriHeaders(left = "", right = ""): boolean {
  if (left === right) return true;
  const sorted = (text: string) =>
    text
      .split("&")
      .map((pair) => {
        const eq = pair.indexOf("=");
        return eq < 0
          ? pair.toLowerCase()
          : `${pair.slice(0, eq).toLowerCase()}=${unescapeUri(pair.slice(eq + 1))}`;
      })
      .sort()
      .join("&");
  return sorted(left) === sorted(right);
}

/** Whether two hosts are the same: names without case, IPv6 addresses in any spelling (RFC 5118 §4.8). */
export function sameHost(left: string, right: string): boolean {
  const a = bareHost(left);
  const b = bareHost(right);
  if (a === b) return true;
  return a.includes(":") && b.includes(":") && normalIpv6(a) === normalIpv6(b);
}

/** Canonical text of an IPv6 address (RFC 5952); the text itself when it is none. */
export function normalIpv6(address: string): string {
  try {
    // Three colons before an IPv4 part are a slip of RFC 3261's grammar; two are meant (RFC 5118 §4.10).
    const plain = bareHost(address).replace(/:::(?=\d+\.\d+\.\d+\.\d+$)/, "::");
    return new URL(`http://[${plain}]/`).hostname.slice(1, -1);
  } catch {
    return address.toLowerCase();
  }
}
