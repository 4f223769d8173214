/** Via (RFC 3261 §20.42, RFC 3581). */
import { getHeader, replaceFirst } from "./headers.ts";
import type { SipMessage } from "./model.ts";
import { formatParams, indexOutside, isTokenText, type Params, parseParams } from "./tokens.ts";
import { parseHostPort } from "./uri.ts";

export interface Via {
  /** Protocol version, "2.0". */
  version: string;
  /** Upper-case: UDP, TCP, TLS, WS, WSS, SCTP or an unknown token. */
  transport: string;
  /** sent-by host, IPv6 in brackets (missing brackets are tolerated, RFC 5118 §4.5, and added). */
  host: string;
  port?: number;
  params: Params;
}

/** The magic cookie of RFC 3261 §8.1.1.7. */
export const BRANCH_COOKIE = "z9hG4bK";

/** Parses one Via element; undefined when malformed. White space around all separators is allowed. */
export function parseVia(text: string): Via | undefined {
  const first = text.indexOf("/");
  const second = text.indexOf("/", first + 1);
  if (first < 0 || second < 0 || text.slice(0, first).trim().toUpperCase() !== "SIP") return undefined;
  const version = text.slice(first + 1, second).trim();
  let at = second + 1;
  while (text.charCodeAt(at) <= 32) at++;
  const start = at;
  while (at < text.length && text.charCodeAt(at) > 32) at++;
  const transport = text.slice(start, at).toUpperCase();
  if (!isTokenText(transport) || !isTokenText(version)) return undefined;
  const semi = text.indexOf(";", at);
  const place = parseSentBy((semi < 0 ? text.slice(at) : text.slice(at, semi)).trim());
  const params = parseParams(semi < 0 ? "" : text.slice(semi));
  if (!place || !params) return undefined;
  return { version, transport, ...place, params };
}

function parseSentBy(text: string): { host: string; port?: number } | undefined {
  const bareIpv6 = text.charCodeAt(0) !== 91 && text.indexOf(":") !== text.lastIndexOf(":");
  return parseHostPort(bareIpv6 ? `[${text}]` : text);
}

/** The last Via read: each message is asked for it several times in a row on its way up. */
let lastText: string | undefined;
let lastVia: Via | undefined;

/** The first Via element of a message; undefined when missing or malformed. Not to be changed: copy it first. */
export function topVia(message: Pick<SipMessage, "headers">): Readonly<Via> | undefined {
  const value = getHeader(message, "Via");
  if (value === undefined) return undefined;
  if (value === lastText) return lastVia;
  const comma = value.includes(",") ? indexOutside(value, 44) : -1;
  lastVia = parseVia(comma < 0 ? value : value.slice(0, comma));
  lastText = value;
  return lastVia;
}

/** Replaces the first Via element. `via` is not to be changed afterwards. */
export function setTopVia(message: SipMessage, via: Readonly<Via>): void {
  const text = formatVia(via);
  replaceFirst(message, "Via", text);
  if (getHeader(message, "Via") !== text) return;
  lastText = text;
  lastVia = via;
}

/** "SIP/2.0/UDP host:port;params". */
export function formatVia(via: Readonly<Via>): string {
  const port = via.port === undefined ? "" : `:${via.port}`;
  return `SIP/${via.version}/${via.transport} ${via.host}${port}${formatParams(via.params)}`;
}

/**
 * The branch when it identifies the transaction by itself (magic cookie and something after it); undefined for
 * RFC 2543 elements and for the bare cookie (RFC 4475 §3.2.1), which need the matching of RFC 3261 §17.2.3.
 */
export function uniqueBranch(via: Via): string | undefined {
  const branch = via.params.get("branch");
  if (branch === undefined || branch.length <= BRANCH_COOKIE.length) return undefined;
  return branch.slice(0, BRANCH_COOKIE.length).toLowerCase() === "z9hg4bk" ? branch : undefined;
}
