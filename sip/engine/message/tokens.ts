/** Small scanners shared by the header grammars (RFC 3261 §25.1). All run in linear time. */

const isToken = new Uint8Array(128);
for (const c of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~") {
  isToken[c.charCodeAt(0)] = 1;
}

/** Whether the whole text is one token (method, header name, parameter name). */
export function isTokenText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || isToken[code] === 0) return false;
  }
  return text.length > 0;
}

/** Index after the closing quote of a quoted string that opens at `start`, or -1 when it never closes. */
export function quotedEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 92) i++;
    else if (code === 34) return i + 1;
  }
  return -1;
}

/** First index of `wanted` (a char code) at or after `from` that is outside quotes and <>; -1 when none. */
export function indexOutside(text: string, wanted: number, from = 0): number {
  let angle = false;
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34 && !angle) {
      const end = quotedEnd(text, i);
      if (end < 0) return -1;
      i = end - 1;
    } else if (angle) {
      if (code === 62) angle = false;
    } else if (code === wanted) return i;
    else if (code === 60) angle = true;
  }
  return -1;
}

/** Splits a comma list; commas in quotes and in <> do not split. Empty elements are left out. */
export function splitList(value: string): string[] {
  if (!value.includes(",")) {
    const only = value.trim();
    return only === "" ? [] : [only];
  }
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const comma = indexOutside(value, 44, from);
    const part = (comma < 0 ? value.slice(from) : value.slice(from, comma)).trim();
    if (part !== "") parts.push(part);
    if (comma < 0) return parts;
    from = comma + 1;
  }
}

/** Header or URI parameters in order; names lower-case, quoted values as written with their quotes. */
export type Params = Map<string, string | undefined>;

/**
 * Parses ";a=b;c" (with or without the first ";", white space allowed around all separators).
 * Answers undefined for an empty or malformed parameter: ";;", "=x", an unclosed quote.
 */
export function parseParams(text: string): Params | undefined {
  const params: Params = new Map();
  let at = 0;
  const length = text.length;
  while (at < length && text.charCodeAt(at) <= 32) at++;
  if (at === length) return params;
  if (text.charCodeAt(at) === 59) at++;
  for (;;) {
    const end = text.includes('"', at) ? indexOutside(text, 59, at) : text.indexOf(";", at);
    const part = text.slice(at, end < 0 ? length : end);
    const eq = part.indexOf("=");
    const name = (eq < 0 ? part : part.slice(0, eq)).trim().toLowerCase();
    if (name === "" || name.includes('"')) return undefined;
    if (eq < 0) params.set(name, undefined);
    else {
      const value = part.slice(eq + 1).trim();
      if (value.charCodeAt(0) === 34 && quotedEnd(value, 0) !== value.length) return undefined;
      params.set(name, value);
    }
    if (end < 0) return params;
    at = end + 1;
  }
}

/** ";a=b;c", the reverse of parseParams. */
export function formatParams(params: Params): string {
  let text = "";
  for (const [name, value] of params) text += value === undefined ? `;${name}` : `;${name}=${value}`;
  return text;
}

/** Content of a quoted string (escapes undone); other text unchanged. */
export function unquote(text: string): string {
  if (text.length < 2 || text.charCodeAt(0) !== 34 || text.charCodeAt(text.length - 1) !== 34) return text;
  const inner = text.slice(1, -1);
  return inner.includes("\\") ? inner.replace(/\\([\s\S])/g, "$1") : inner;
}

/** As a quoted string. Line breaks cannot be quoted and become spaces. */
export function quote(text: string): string {
  return `"${text.replace(/[\r\n]+/g, " ").replace(/["\\]/g, "\\$&")}"`;
}
