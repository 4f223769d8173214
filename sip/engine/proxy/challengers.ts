/** Which of several destinations asked a caller for credentials: their digest is for that one alone. */
import { getHeader } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/model.ts";
import { callIdOf, tagOf, uriOf } from "../transaction/index.ts";

/** A phone answers a challenge at once; after this time, ms, the order of the app holds again. */
const REMEMBERED_MS = 2_000;
const MOST = 1_000;

export class Challengers {
  /** The oldest first. */
  private readonly known = new Map<string, { readonly uri: string; readonly until: number }>();

  /** @param uri destination, as the app named it. */
  note(request: SipRequest, uri: string, now: number): void {
    const key = attemptOf(request);
    this.known.delete(key);
    for (const [oldest, { until }] of this.known) {
      if (until > now && this.known.size < MOST) break;
      this.known.delete(oldest);
    }
    this.known.set(key, { uri, until: now + REMEMBERED_MS });
  }

  /** The destinations of a request, the one it brings credentials for in front. */
  order(request: SipRequest, destinations: readonly string[], now: number): readonly string[] {
    const credentials = getHeader(request, "Authorization") ?? getHeader(request, "Proxy-Authorization");
    if (credentials === undefined || tagOf(getHeader(request, "To")) !== undefined) return destinations;
    const key = attemptOf(request);
    const known = this.known.get(key);
    this.known.delete(key);
    if (!known || known.until <= now || !destinations.includes(known.uri)) return destinations;
    return [known.uri, ...destinations.filter((uri) => uri !== known.uri)];
  }
}

/** Equal for a request and its repetition with credentials (RFC 3261 §22.2); some phones take a new From tag. */
function attemptOf(request: SipRequest): string {
  return [request.method, callIdOf(request), uriOf(getHeader(request, "From") ?? "")].join(" ");
}

/** Whether a response asks for credentials that can be given. */
export function isChallenge({ status, headers }: SipResponse): boolean {
  const name = status === 401 ? "WWW-Authenticate" : status === 407 ? "Proxy-Authenticate" : undefined;
  return headers.some((entry) => entry.name === name && /\bnonce\s*=/i.test(entry.value));
}
