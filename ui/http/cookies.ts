/** Reading and writing cookies. */

export const SESSION_COOKIE = "zongji_session";

/**
 * The session by HTTPS has a name of its own: a browser keeps a cookie of a secure page from being replaced by the
 * plain one, so with one name a person could not sign in at both.
 */
function nameAt(request: Request, name: string): string {
  return name === SESSION_COOKIE && isSecure(request) ? `__Host-${name}` : name;
}

function isSecure(request: Request): boolean {
  return new URL(request.url).protocol === "https:";
}

/** The cookie's value, or undefined. */
export function cookie(request: Request, plainName: string): string | undefined {
  const name = nameAt(request, plainName);
  for (const part of (request.headers.get("cookie") ?? "").split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) {
      try {
        return decodeURIComponent(part.slice(at + 1).trim());
      } catch {
        return undefined;
      }
    }
  }
  return undefined;
}

/** A Set-Cookie value: HttpOnly, SameSite=Lax, Secure when the page came by https. maxAgeS 0 deletes it. */
export function setCookie(request: Request, name: string, value: string, maxAgeS: number): string {
  const secure = isSecure(request) ? "; Secure" : "";
  return `${nameAt(request, name)}=${encodeURIComponent(value)}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeS}${secure}`;
}
