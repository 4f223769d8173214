/** name-addr / addr-spec with header parameters: From, To, Contact, Route, Refer-To … (RFC 3261 §20.10, §25.1). */
import {
  formatParams,
  indexOutside,
  type Params,
  parseParams,
  quote,
  quotedEnd,
  splitList,
  unquote,
} from "./tokens.ts";

export interface Address {
  /** Display name, quotes and escapes undone; undefined when there is none. */
  display?: string;
  /** URI as text; see parseUri. */
  uri: string;
  params: Params;
}

/**
 * Parses one address. Tolerates white space inside <> and display names of any unquoted characters;
 * undefined for unbalanced quotes or brackets, empty URI, empty parameters, and a bare addr-spec that contains
 * "?" or "," (RFC 3261 §20: such a URI must stand in brackets).
 */
export function parseAddress(value: string): Address | undefined {
  let at = 0;
  let display: string | undefined;
  while (value.charCodeAt(at) === 32 || value.charCodeAt(at) === 9) at++;
  if (value.charCodeAt(at) === 34) {
    const end = quotedEnd(value, at);
    if (end < 0) return undefined;
    display = unquote(value.slice(at, end));
    at = end;
  }
  const open = value.indexOf("<", at);
  // Without a display name a "<" may only be the first thing, or stand in a quoted parameter value.
  if (open < 0 || (display === undefined && beforeBracketIsUri(value, at, open))) {
    return display === undefined ? parseBare(value.slice(at)) : undefined;
  }
  const between = value.slice(at, open).trim();
  if (display === undefined) {
    if (between !== "") display = between;
  } else if (between !== "") return undefined;
  if (between.includes('"')) return undefined;
  const close = value.indexOf(">", open + 1);
  if (close < 0) return undefined;
  const uri = value.slice(open + 1, close).trim();
  if (uri === "") return undefined;
  const tail = value.slice(close + 1).trim();
  if (tail !== "" && tail.charCodeAt(0) !== 59) return undefined;
  const params = parseParams(tail);
  return params && { ...(display === undefined ? {} : { display }), uri, params };
}

function beforeBracketIsUri(value: string, from: number, open: number): boolean {
  const semi = value.indexOf(";", from);
  return semi >= 0 && semi < open && value.slice(from, semi).includes(":");
}

function parseBare(text: string): Address | undefined {
  const semi = text.indexOf(";");
  const uri = (semi < 0 ? text : text.slice(0, semi)).trim();
  if (uri === "" || /[\s"<>?,]/.test(uri)) return undefined;
  const params = parseParams(semi < 0 ? "" : text.slice(semi));
  return params && { uri, params };
}

/** Parses a comma list of addresses (Contact, Route, Record-Route, Path); undefined when one is malformed. */
export function parseAddressList(value: string): Address[] | undefined {
  const list: Address[] = [];
  for (const part of splitList(value)) {
    const address = parseAddress(part);
    if (!address) return undefined;
    list.push(address);
  }
  return list.length > 0 ? list : undefined;
}

/** `"display" <uri>;params`, always with brackets. */
export function formatAddress(address: Address): string {
  const display = address.display === undefined || address.display === "" ? "" : `${quote(address.display)} `;
  return `${display}<${address.uri}>${formatParams(address.params)}`;
}

/** The tag of a From or To value; undefined when there is none. */
export function tagOf(value: string): string | undefined {
  if (!/tag/i.test(value)) return undefined;
  return parseAddress(value)?.params.get("tag");
}

/** The value with its tag set or replaced. The text before the parameters stays as received. */
export function withTag(value: string, tag: string): string {
  if (tagOf(value) === undefined) return `${value};tag=${tag}`;
  const address = parseAddress(value);
  if (!address) return value;
  address.params.set("tag", tag);
  return formatAddress(address);
}

/** A header value that must be a single address but holds a list: comma outside quotes and brackets. */
export function isList(value: string): boolean {
  return value.includes(",") && indexOutside(value, 44) >= 0;
}
