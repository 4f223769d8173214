/** Answers: pages, pieces of pages, redirects. */
import type { Visit } from "./context.ts";
import { contentSecurityPolicy } from "./security.ts";

/** A page or a piece of one. */
export async function html(
  visit: Pick<Visit, "nonce">,
  body: JSX.Element,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const text = await body;
  return new Response(text.startsWith("<html") ? `<!doctype html>${text}` : text, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": contentSecurityPolicy(visit.nonce),
      vary: "HX-Request",
      ...headers,
    },
  });
}

/** Sends the browser to another page, whether it asks itself or by htmx. */
export function redirect(
  visit: Pick<Visit, "partial">,
  to: string,
  cookies: readonly string[] = [],
): Response {
  const headers = new Headers(visit.partial ? { "hx-redirect": to } : { location: to });
  for (const item of cookies) headers.append("set-cookie", item);
  return new Response(null, { status: visit.partial ? 200 : 303, headers });
}
