/** Headers with a numeric or simple grammar: CSeq, RSeq, RAck, Max-Forwards, Expires, Content-Length. */
import { isTokenText } from "./tokens.ts";

export interface CSeq {
  /** 0 … 2^32-1 */
  readonly sequence: number;
  readonly method: string;
}

const MAX_32 = 0xffffffff;

/** A decimal of at most 32 bits; undefined otherwise. Leading zeroes are fine. */
export function parseUint32(text: string): number | undefined {
  const digits = text.trim();
  if (!/^[0-9]{1,64}$/.test(digits)) return undefined;
  const value = Number(digits);
  return value <= MAX_32 ? value : undefined;
}

/** "314159 INVITE" (RFC 3261 §20.16). */
export function parseCSeq(value: string): CSeq | undefined {
  let at = 0;
  let sequence = 0;
  for (; at < value.length; at++) {
    const digit = value.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    sequence = sequence * 10 + digit;
  }
  const gap = value.charCodeAt(at);
  if (at === 0 || sequence > MAX_32 || !(gap === 32 || gap === 9)) return undefined;
  const method = value.slice(at).trim();
  return isTokenText(method) ? { sequence, method } : undefined;
}

export interface RAck {
  readonly rseq: number;
  readonly cseq: number;
  readonly method: string;
}

/** "776656 1 INVITE" (RFC 3262 §7.2). */
export function parseRAck(value: string): RAck | undefined {
  const [rseqText = "", cseqText = "", method = "", ...rest] = value.trim().split(/[ \t]+/, 4);
  const rseq = parseUint32(rseqText);
  const cseq = parseUint32(cseqText);
  if (rest.length > 0 || rseq === undefined || cseq === undefined || !isTokenText(method)) return undefined;
  return { rseq, cseq, method };
}

/** Max-Forwards, 0 … 255; undefined when malformed. */
export function parseMaxForwards(value: string): number | undefined {
  const hops = parseUint32(value);
  return hops !== undefined && hops <= 255 ? hops : undefined;
}

/** Seconds; values beyond 32 bits count as 2^32-1 (RFC 4475 §3.1.2.4); undefined when not a number. */
export function parseSeconds(value: string): number | undefined {
  const text = value.trim();
  if (/^[0-9]+$/.test(text)) return Math.min(Number(text), MAX_32);
  return undefined;
}
