/** What an app asks of the proxy, and the choice among the answers. */
import type { SipHeader, SipResponse } from "../message/model.ts";

/** `proxy|TXN|…` of the agent protocol, read. */
export interface ProxyOrder {
  /** Stay in the path of the dialog (Record-Route), or of a registration (Path). */
  readonly record: boolean;
  /** Try the Contacts of a 3xx instead of passing it back. */
  readonly redirects: boolean;
  /** All destinations at once instead of one after the other. */
  readonly parallel: boolean;
  /** Longest wait for any response of a destination and for its final one, ms; 0: none. */
  readonly provisionalMs: number;
  readonly finalMs: number;
  /** URIs in the order to try them. */
  readonly destinations: readonly string[];
  /** Headers to add. */
  readonly headers: readonly SipHeader[];
}

/** Reads the fields behind TXN; undefined without a usable destination. */
export function parseOrder(fields: readonly string[], headers: readonly SipHeader[]): ProxyOrder | undefined {
  const [record, , redirects, way, provisional, final, ...rest] = fields;
  const destinations = rest.map((text) => text.trim()).filter((text) => /^(sips?|tel):\S+$/i.test(text));
  if (destinations.length === 0 || destinations.length > MAX_TARGETS) return undefined;
  return {
    record: record === "remainInDialog",
    redirects: redirects === "followRedirects",
    parallel: way === "simultaneous",
    provisionalMs: duration(provisional ?? ""),
    finalMs: duration(final ?? ""),
    destinations,
    headers,
  };
}

/** Most destinations of one request, redirects included. */
export const MAX_TARGETS = 20;

/** "2s", "500ms" or plain seconds as ms; 0 for anything else. */
export function duration(text: string): number {
  const match = /^\s*(\d{1,7})\s*(ms|s)?\s*$/i.exec(text);
  if (!match) return 0;
  return Number(match[1]) * (match[2]?.toLowerCase() === "ms" ? 1 : 1000);
}

/** Statuses that tell the caller how to do better: preferred among the 4xx (RFC 3261 §16.7 step 6). */
const HELPFUL = new Set([401, 407, 415, 420, 484]);

function rank(status: number): number {
  if (status >= 600) return 0;
  if (status < 400) return 1;
  if (HELPFUL.has(status)) return 2;
  // A destination that said nothing (408) is the least telling of the 4xx.
  if (status < 500) return status === 408 ? 4 : 3;
  return status === 503 ? 6 : 5;
}

/** The best of the final responses; undefined when there is none. The first of equal ones wins. */
export function bestOf(responses: readonly SipResponse[]): SipResponse | undefined {
  let best: SipResponse | undefined;
  for (const response of responses) {
    if (!best || rank(response.status) < rank(best.status)) best = response;
  }
  return best;
}

/** Challenges of all 401 and 407 answers but the chosen one (RFC 3261 §16.7 step 7). */
export function otherChallenges(chosen: SipResponse, all: readonly SipResponse[]): SipHeader[] {
  if (chosen.status !== 401 && chosen.status !== 407) return [];
  const challenges = all
    .filter((response) => response !== chosen && (response.status === 401 || response.status === 407))
    .flatMap((response) => response.headers)
    .filter((entry) => entry.name === "WWW-Authenticate" || entry.name === "Proxy-Authenticate");
  return challenges.map((entry) => ({ ...entry }));
}
