/** Reading and changing the header list of a message. Names may be given in any case or compact. */
import type { SipHeader, SipMessage } from "./model.ts";
import { canonicalName, isCanonical } from "./names.ts";
import { splitList } from "./tokens.ts";

type HasHeaders = Pick<SipMessage, "headers">;

function matcher(name: string): (header: SipHeader) => boolean {
  const wanted = canonicalName(name);
  if (isCanonical(wanted)) return (header) => header.name === wanted;
  const lower = wanted.toLowerCase();
  return (header) => header.name === wanted || header.name.toLowerCase() === lower;
}

/** Value of the first header line of that name. */
export function getHeader(message: HasHeaders, name: string): string | undefined {
  const headers = message.headers;
  if (isCanonical(name)) {
    for (const header of headers) if (header.name === name) return header.value;
    return undefined;
  }
  return headers.find(matcher(name))?.value;
}

/** Values of all header lines of that name, one a line (comma lists are not split). */
export function getHeaders(message: HasHeaders, name: string): string[] {
  const matches = matcher(name);
  const values: string[] = [];
  for (const header of message.headers) if (matches(header)) values.push(header.value);
  return values;
}

/** All values of a list header, comma lists split (quotes and <> respected). Not for the authentication headers. */
export function getList(message: HasHeaders, name: string): string[] {
  return getHeaders(message, name).flatMap(splitList);
}

/** Option tags or other tokens of a list header, lower-cased (Supported, Require, Allow is better read by getList). */
export function getTokens(message: HasHeaders, name: string): Set<string> {
  return new Set(getList(message, name).map((token) => token.toLowerCase()));
}

export function hasHeader(message: HasHeaders, name: string): boolean {
  return getHeader(message, name) !== undefined;
}

/** Replaces all lines of that name by one (or several), at the place of the first, or at the end. */
export function setHeader(message: HasHeaders, name: string, value: string | readonly string[]): void {
  const matches = matcher(name);
  const at = message.headers.findIndex(matches);
  const kept = at < 0 ? message.headers : message.headers.filter((header) => !matches(header));
  const lines = (typeof value === "string" ? [value] : value).map((text) => ({
    name: canonicalName(name),
    value: text,
  }));
  kept.splice(at < 0 ? kept.length : at, 0, ...lines);
  message.headers = kept;
}

/** Puts a line in front of all others of that name (or in front of everything): Via, Route, Record-Route. */
export function prependHeader(message: HasHeaders, name: string, value: string): void {
  const at = message.headers.findIndex(matcher(name));
  message.headers.splice(Math.max(at, 0), 0, { name: canonicalName(name), value });
}

/** Adds a line at the end. */
export function appendHeader(message: HasHeaders, name: string, value: string): void {
  message.headers.push({ name: canonicalName(name), value });
}

/** Removes all lines of that name; tells whether there was one. */
export function removeHeader(message: HasHeaders, name: string): boolean {
  const matches = matcher(name);
  const kept = message.headers.filter((header) => !matches(header));
  const removed = kept.length !== message.headers.length;
  message.headers = kept;
  return removed;
}

/** Takes the first element of a list header away (popping a Via or a Route) and returns it. */
export function shiftHeader(message: HasHeaders, name: string): string | undefined {
  const at = message.headers.findIndex(matcher(name));
  const line = message.headers[at];
  if (!line) return undefined;
  const [first, ...rest] = splitList(line.value);
  if (rest.length > 0) line.value = rest.join(", ");
  else message.headers.splice(at, 1);
  return first;
}

/** Replaces the first element of a list header, leaving the others of the same line as they are. */
export function replaceFirst(message: HasHeaders, name: string, value: string): void {
  const line = message.headers.find(matcher(name));
  if (!line) prependHeader(message, name, value);
  else line.value = line.value.includes(",") ? [value, ...splitList(line.value).slice(1)].join(", ") : value;
}
