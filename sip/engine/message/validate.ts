/**
 * What a well-formed but wrong message deserves (RFC 3261 §8.1.1, §8.2, §16.3, §18.1.2; RFC 4475): answered with
 * a status, dropped in silence, or accepted.
 */
import { isList, parseAddress, parseAddressList, tagOf } from "./address.ts";
import { parseCSeq, parseMaxForwards } from "./fields.ts";
import { getHeader, getHeaders, getList } from "./headers.ts";
import type { SipHeader, SipMessage, SipRequest, SipResponse } from "./model.ts";
import { reasonPhrase } from "./names.ts";
import { parseUri, uriScheme } from "./uri.ts";
import { formatVia, topVia } from "./via.ts";

export type Verdict =
  | { readonly action: "accept" }
  | { readonly action: "answer"; readonly status: number; readonly reason: string }
  | { readonly action: "drop"; readonly reason: string };

const ACCEPT: Verdict = { action: "accept" };

function answer(status: number, reason = reasonPhrase(status)): Verdict {
  return { action: "answer", status, reason };
}

/** Judges a parsed message. An ACK is never answered, a response never either: both are dropped when wrong. */
export function validateMessage(message: SipMessage): Verdict {
  if (message.kind === "response") return validateResponse(message);
  const verdict = validateRequest(message);
  if (verdict.action === "answer" && message.method === "ACK")
    return { action: "drop", reason: verdict.reason };
  return verdict;
}

type SingleName = "From" | "To" | "Call-ID" | "CSeq" | "Max-Forwards" | "Content-Type";
const SINGLE: ReadonlySet<string> = new Set<SingleName>([
  "From",
  "To",
  "Call-ID",
  "CSeq",
  "Max-Forwards",
  "Content-Type",
]);
type Single = Partial<Record<SingleName, string>>;

/** The header lines that may stand once only; the name of one that stands twice otherwise. */
function singles(headers: readonly SipHeader[]): Single | string {
  const found: Single = {};
  for (const { name, value } of headers) {
    if (!SINGLE.has(name)) continue;
    const key = name as keyof Single;
    if (found[key] !== undefined) return key;
    found[key] = value;
  }
  return found;
}

/**
 * How nearly all addresses and URIs look: what fits is well formed, and the full grammar needs not be gone through.
 * No two neighbours can match the same text, or the one is short, so that they take linear time. A Request-URI of a
 * REGISTER names no user.
 */
const PLAIN_URI =
  /^sips?:(?:[A-Za-z0-9_.+*-]{1,64}@)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?(?::[1-5]?\d{1,4})?(?:;transport=[a-z]{2,4})?$/;
const PLAIN_ADDRESS =
  /^[A-Za-z0-9_.-]{0,64} ?<sips?:[A-Za-z0-9_.+*-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?(?::[1-5]?\d{1,4})?(?:;transport=[a-z]{2,4})?>(?:;tag=[A-Za-z0-9_.-]{1,128})?$/;

/** For From and To: true when nothing is wrong with it for sure. */
export function isPlainAddress(value: string): boolean {
  return PLAIN_ADDRESS.test(value);
}

/** True when nothing is wrong with that URI for sure, also as a Contact without brackets. */
export function isPlainUri(text: string): boolean {
  return PLAIN_URI.test(text);
}

/** The checks both kinds share; a reason in words when one fails. */
function commonFault(message: SipMessage): { fault: string } | { single: Single; method: string } {
  const single = singles(message.headers);
  if (typeof single === "string") return { fault: `Repeated ${single} Header` };
  for (const name of ["From", "To", "Call-ID", "CSeq"] as const) {
    if (!single[name]) return { fault: `Missing ${name} Header` };
  }
  if (/\s/.test(single["Call-ID"] ?? "")) return { fault: "Malformed Call-ID Header" };
  const cseq = parseCSeq(single.CSeq ?? "");
  if (!cseq) return { fault: "Malformed CSeq Header" };
  for (const name of ["From", "To"] as const) {
    if (isPlainAddress(single[name] ?? "")) continue;
    const address = parseAddress(single[name] ?? "");
    if (!address || uriScheme(address.uri) === undefined) return { fault: `Malformed ${name} Header` };
    if (address.params.has("tag") && !address.params.get("tag")) return { fault: `Malformed ${name} Tag` };
    if (/^sips?:/i.test(address.uri) && !parseUri(address.uri)) return { fault: `Malformed ${name} Header` };
  }
  return { single, method: cseq.method };
}

function validateRequest(request: SipRequest): Verdict {
  const via = topVia(request);
  if (getHeader(request, "Via") === undefined) return { action: "drop", reason: "Missing Via Header" };
  if (!via) return answer(400, "Malformed Via Header");
  const common = commonFault(request);
  if ("fault" in common) return answer(400, common.fault);
  if (common.method !== request.method) return answer(400, "CSeq Method Does Not Match");
  const hops = common.single["Max-Forwards"];
  if (hops !== undefined && parseMaxForwards(hops) === undefined)
    return answer(400, "Malformed Max-Forwards Header");
  if (request.uri.length > 2048) return answer(414);
  return validateUri(request.uri) ?? validateContact(request) ?? ACCEPT;
}

function validateUri(text: string): Verdict | undefined {
  if (isPlainUri(text)) return undefined;
  const scheme = uriScheme(text);
  if (scheme === undefined) return answer(400, "Malformed Request-URI");
  if (scheme !== "sip" && scheme !== "sips" && scheme !== "tel") return answer(416);
  const uri = parseUri(text);
  if (!uri) return answer(400, "Malformed Request-URI");
  // Headers are not allowed in a Request-URI (RFC 3261 §19.1.1, RFC 4475 §3.1.2.11).
  if (uri.kind === "sip" && uri.headers !== undefined) return answer(400, "Headers In Request-URI");
  return undefined;
}

function validateContact(request: SipRequest): Verdict | undefined {
  const contacts = getHeaders(request, "Contact");
  for (const value of contacts) {
    if (value === "*" && request.method === "REGISTER") continue;
    if (!isPlainUri(value) && !isPlainAddress(value) && !parseAddressList(value))
      return answer(400, "Malformed Contact Header");
  }
  if (request.method === "INVITE" && contacts.length + countLists(contacts) > 1) {
    return answer(400, "Several Contacts In INVITE");
  }
  return undefined;
}

function countLists(values: readonly string[]): number {
  return values.filter(isList).length;
}

function validateResponse(response: SipResponse): Verdict {
  if (!topVia(response)) return { action: "drop", reason: "Missing Or Malformed Via Header" };
  const common = commonFault(response);
  return "fault" in common ? { action: "drop", reason: common.fault } : ACCEPT;
}

/** Option tags of Require (or Proxy-Require) that are not in `supported`: to be answered with 420 and Unsupported. */
export function unsupportedExtensions(
  request: SipRequest,
  supported: ReadonlySet<string>,
  header: "Require" | "Proxy-Require" = "Require",
): string[] {
  return getList(request, header).filter((tag) => !supported.has(tag.toLowerCase()));
}

/**
 * A response without a transaction (RFC 3261 §8.2.6, §8.2.7): Vias, From, To, Call-ID and CSeq as far as the request
 * has them. The To tag is made from the request's own fields, so that a repeated request gets the same tag.
 */
export function statelessResponse(
  request: SipRequest,
  status: number,
  reason = reasonPhrase(status),
): SipResponse {
  const headers: SipHeader[] = [];
  for (const { name, value } of request.headers) if (name === "Via") headers.push({ name, value });
  for (const name of ["From", "To", "Call-ID", "CSeq"]) {
    const value = getHeader(request, name);
    if (value !== undefined) headers.push({ name, value });
  }
  const to = headers.find((header) => header.name === "To");
  if (to && status > 100 && parseAddress(to.value) && tagOf(to.value) === undefined) {
    const via = topVia(request);
    const seed = `${via ? formatVia(via) : ""}|${getHeader(request, "Call-ID")}|${getHeader(request, "CSeq")}|${to.value}`;
    to.value = `${to.value};tag=${Bun.hash(seed).toString(36)}`;
  }
  return { kind: "response", status, reason, headers, body: new Uint8Array(0) };
}
