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
  // Nearly every name is asked for in its canonical spelling, which is that of the lines too.
  for (const header of message.headers) if (header.name === name) return header.value;
  return isCanonical(name) ? undefined : message.headers.find(matcher(name))?.value;
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
  const matches = matcher(name);
  const values: string[] = [];
  for (const header of message.headers) if (matches(header)) values.push(...splitList(header.value));
  return values;
}

/** True when a token list header (Require, Supported …) holds `token` (given in lower case), case-insensitively. */
export function hasToken(message: HasHeaders, name: string, token: string): boolean {
  return getList(message, name).some((entry) => entry.toLowerCase() === token);
}

/** Replaces the first line of that name (or adds one at the end) and drops further ones. */
export function setHeader(message: HasHeaders, name: string, value: string): void {
  const matches = matcher(name);
  let seen = false;
  for (let index = 0; index < message.headers.length; index++) {
    const header = message.headers[index];
    if (!header || !matches(header)) continue;
    if (seen) message.headers.splice(index--, 1);
    else header.value = value;
    seen = true;
  }
  if (!seen) message.headers.push({ name: canonicalName(name), value });
}

/** Removes all lines of that name. */
export function removeHeader(message: HasHeaders, name: string): void {
  const matches = matcher(name);
  if (message.headers.some(matches)) message.headers = message.headers.filter((header) => !matches(header));
}

/** Puts a line in front of all others of that name (or in front of everything): Via, Route, Record-Route. */
export function prependHeader(message: HasHeaders, name: string, value: string): void {
  const at = message.headers.findIndex(matcher(name));
  message.headers.splice(Math.max(at, 0), 0, { name: canonicalName(name), value });
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
