/**
 * The pages as one web server. Each part of the pages is a module `ui/<area>/<x>/routes.tsx` that exports a function
 * `(app: App) => Elysia`; it is mounted in `parts` below. Every answer is hardened, every changing request must come
 * from our own pages.
 */
import { Elysia } from "elysia";
import type { App } from "../appliance/app.ts";
import { parts } from "./admin/parts.ts";
import { serveAsset } from "./assets/assets.ts";
import { errorPage } from "./components/error-page.tsx";
import { actorOf, noteAddress, refuse, visitOf } from "./http/index.ts";
import { listenWeb, type WebServer } from "./http/listen.ts";
import { fromOurPages, harden } from "./http/security.ts";

export type { WebServer } from "./http/listen.ts";

export interface Web {
  /** Answers one request; `address` is its source. */
  fetch(request: Request, address?: string): Promise<Response>;
  /** @throws EADDRINUSE as Bun reports it */
  listen(address: string, port: number): Promise<WebServer>;
}

/** The pages of an application. */
export function createWeb(app: App): Web {
  const pages = new Elysia({ normalize: false });
  for (const part of parts) pages.use(part(app));
  const visit = (request: Request) => visitOf(app, request, {}, actorOf(app, request));
  pages.onError(({ request, code, error }) => {
    const here = visit(request);
    return code === "NOT_FOUND"
      ? errorPage(here, 404, here.t("page.404"), here.t("page.404-text"))
      : refuse(here, error);
  });

  const answer = async (request: Request): Promise<Response> => {
    if (!fromOurPages(request)) {
      const here = visit(request);
      return errorPage(here, 403, here.t("page.csrf"), here.t("page.csrf-text"));
    }
    const file = request.method === "GET" ? serveAsset(new URL(request.url).pathname) : undefined;
    return file ?? (await pages.handle(request));
  };

  const fetch = async (request: Request, address = ""): Promise<Response> => {
    noteAddress(request, address);
    return harden(await answer(request));
  };

  return {
    fetch,
    listen: (hostname, port) => listenWeb(app, fetch, hostname, port),
  };
}
