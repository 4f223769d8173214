/** Keys in SIP INFO, and keys that arrive twice. */

const KEY = /^[0-9A-D*#]$/;

/**
 * The key in an INFO body: "application/dtmf-relay" (Signal=5, Duration=160) or "application/dtmf" (5).
 * Undefined for other bodies; 10 and 11 are * and #, as some phones send them.
 */
export function infoDigit(contentType: string | undefined, body: string): string | undefined {
  const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase();
  let text: string | undefined;
  if (type === "application/dtmf-relay") text = /^\s*Signal\s*=\s*(\S+)/im.exec(body)?.[1];
  else if (type === "application/dtmf") text = /^\s*(?:Signal\s*=\s*)?(\S+)\s*$/i.exec(body)?.[1];
  const key = text === "10" ? "*" : text === "11" ? "#" : text?.toUpperCase();
  return key !== undefined && KEY.test(key) ? key : undefined;
}

/** The body of an INFO that presses a key, 160 ms; undefined for what is no key. */
export function infoBody(digit: string): string | undefined {
  return KEY.test(digit) ? `Signal=${digit}\r\nDuration=160\r\n` : undefined;
}

type Via = "rfc4733" | "info";

/** How far apart the two copies of one key may arrive, ms: an RFC 4733 event is known at once, INFO after release. */
const PAIR_MS = 1500;

/**
 * Merges keys from RFC 4733 and INFO. A phone that sends both gives each key once: a key by one way cancels against
 * the next same key by the other way.
 */
export class DigitMerge {
  #waiting: { digit: string; via: Via; at: number }[] = [];

  /** Whether this key is a new one. `at` in ms of any one clock. */
  accept(digit: string, via: Via, at: number): boolean {
    this.#waiting = this.#waiting.filter((entry) => at - entry.at < PAIR_MS);
    const twin = this.#waiting.findIndex((entry) => entry.digit === digit && entry.via !== via);
    if (twin >= 0) {
      this.#waiting.splice(twin, 1);
      return false;
    }
    this.#waiting.push({ digit, via, at });
    return true;
  }
}
