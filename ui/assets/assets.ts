/** The browser's files, inside the binary. Each has an address with its content's hash and may be cached for ever. */

import sse from "htmx.org/dist/ext/hx-sse.min.js" with { type: "text" };
import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import app from "./app.client.js" with { type: "text" };
import css from "./app.css" with { type: "text" };

export interface Asset {
  readonly path: string;
  readonly body: string;
  readonly type: string;
}

const JS = "text/javascript; charset=utf-8";

/** An asset under /assets/, its name carrying the hash of its content. */
export function asset(name: string, body: string, type = JS): Asset {
  const hash = new Bun.CryptoHasher("sha256").update(body).digest("hex").slice(0, 12);
  const dot = name.lastIndexOf(".");
  return { path: `/assets/${name.slice(0, dot)}.${hash}${name.slice(dot)}`, body, type };
}

export const ASSETS = {
  css: asset("app.css", css, "text/css; charset=utf-8"),
  htmx: asset("htmx.js", htmx),
  sse: asset("hx-sse.js", sse),
  app: asset("app.js", app),
} as const;

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="5" fill="#0f766e"/><g fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"><path d="M12 7v5M12 12l-5 4M12 12l5 4"/><circle cx="12" cy="6" r="1.6" fill="#fff"/><circle cx="6.5" cy="17" r="1.6" fill="#fff"/><circle cx="17.5" cy="17" r="1.6" fill="#fff"/></g></svg>';

const served = new Map<string, Asset>([
  ...Object.values(ASSETS).map((item): [string, Asset] => [item.path, item]),
  ["/favicon.ico", { path: "/favicon.ico", body: ICON, type: "image/svg+xml" }],
]);

/** Lets a part of the pages add a file of its own (an island); returns its address. */
export function addAsset(name: string, body: string, type = JS): string {
  const item = asset(name, body, type);
  served.set(item.path, item);
  return item.path;
}

/** The file at `path`, or undefined. */
export function serveAsset(path: string): Response | undefined {
  const item = served.get(path);
  if (!item) return undefined;
  return new Response(item.body, {
    headers: {
      "content-type": item.type,
      "cache-control": path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "max-age=86400",
    },
  });
}
