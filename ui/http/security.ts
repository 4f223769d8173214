/** What every answer carries and every changing request must prove. */

/** A fresh nonce for the scripts of one page. */
export function makeNonce(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64");
}

export function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'self'",
    `script-src 'nonce-${nonce}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/**
 * Whether a request may change something: browsers mark where it comes from with Sec-Fetch-Site and Origin. A request
 * without either mark is refused; programs send Origin.
 */
export function fromOurPages(request: Request): boolean {
  if (request.method === "GET" || request.method === "HEAD" || request.method === "OPTIONS") return true;
  const site = request.headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return false;
  const origin = request.headers.get("origin");
  if (origin === null) return site !== null;
  try {
    return new URL(origin).host === (request.headers.get("host") ?? new URL(request.url).host);
  } catch {
    return false;
  }
}

/** Adds the headers that belong on every answer; those already set stay. */
export function harden(response: Response): Response {
  const set = (name: string, value: string): void => {
    if (!response.headers.has(name)) response.headers.set(name, value);
  };
  set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  set("x-content-type-options", "nosniff");
  set("x-frame-options", "DENY");
  set("referrer-policy", "same-origin");
  set("cross-origin-opener-policy", "same-origin");
  set("cross-origin-resource-policy", "same-origin");
  set("permissions-policy", "camera=(), geolocation=(), microphone=(self)");
  set("cache-control", "no-store");
  return response;
}
