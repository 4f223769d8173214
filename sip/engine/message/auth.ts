/** WWW-Authenticate, Authorization and kin (RFC 3261 §20.44, RFC 8760): parse and format, no cryptography. */
import { indexOutside, isTokenText, quote, quotedEnd, unquote } from "./tokens.ts";

/** A challenge or credentials: scheme and parameters, values without quotes, names lower-case. */
export interface AuthValue {
  /** As written: "Digest". Compare without case. */
  scheme: string;
  params: Map<string, string>;
}

/** Parameters that stand without quotes (RFC 7616 §3.3, §3.4); `qop` is quoted in challenges only. */
const BARE = new Set(["algorithm", "stale", "nc", "userhash"]);

/**
 * Parses one challenge or one credentials value (a header line holds one; several are several lines).
 * Undefined when malformed. Unknown schemes parse too when they have parameters.
 */
export function parseAuth(value: string): AuthValue | undefined {
  const text = value.trim();
  const space = text.search(/[ \t]/);
  const scheme = space < 0 ? text : text.slice(0, space);
  if (!isTokenText(scheme)) return undefined;
  const params = new Map<string, string>();
  let at = space < 0 ? text.length : space;
  while (at < text.length) {
    const comma = indexOutside(text, 44, at);
    const part = (comma < 0 ? text.slice(at) : text.slice(at, comma)).trim();
    at = comma < 0 ? text.length : comma + 1;
    if (part === "") continue;
    const eq = part.indexOf("=");
    const name = part.slice(0, Math.max(eq, 0)).trim().toLowerCase();
    if (!isTokenText(name)) return undefined;
    const raw = part.slice(eq + 1).trim();
    if (raw.charCodeAt(0) === 34 && quotedEnd(raw, 0) !== raw.length) return undefined;
    params.set(name, unquote(raw));
  }
  return { scheme, params };
}

function formatAuth(value: AuthValue, bare: (name: string) => boolean): string {
  const parts: string[] = [];
  for (const [name, text] of value.params) parts.push(`${name}=${bare(name) ? text : quote(text)}`);
  return parts.length === 0 ? value.scheme : `${value.scheme} ${parts.join(", ")}`;
}

/** A challenge line (WWW-Authenticate, Proxy-Authenticate): qop is quoted. */
export function formatChallenge(value: AuthValue): string {
  return formatAuth(value, (name) => BARE.has(name));
}

/** A credentials line (Authorization, Proxy-Authorization): qop is not quoted. */
export function formatCredentials(value: AuthValue): string {
  return formatAuth(value, (name) => BARE.has(name) || name === "qop");
}
