/**
 * From a route's function to an answer: who asks, what they may do, and a readable page for every refusal.
 * `handle` is for signed-in people, `open` for pages before sign-in. Use with Elysia as `.get(path, handle(app, …), RAW)`.
 */
import type { App } from "../../appliance/app.ts";
import { ForbiddenError, NotFoundError, permit, UseCaseError } from "../../appliance/kernel.ts";
import { errorPage } from "../components/error-page.tsx";
import { type Ctx, contextOf, type Visit, visitOf } from "./context.ts";
import { cookie, SESSION_COOKIE } from "./cookies.ts";
import { TooLargeError } from "./forms.ts";
import { html, redirect } from "./reply.ts";

/** Route option: the body is left to readForm, which limits its size. */
export const RAW = { parse: "none" } as const;

interface RouteInput {
  readonly request: Request;
  readonly params?: unknown;
}
type Answer = Response | JSX.Element;
type Route = (input: RouteInput) => Promise<Response>;

function paramsOf(input: RouteInput): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, item] of Object.entries(input.params ?? {})) found[name] = String(item);
  return found;
}

/** A route anybody may open. */
export function open(app: App, answer: (visit: Visit) => Promise<Answer> | Answer): Route {
  return async (input) => {
    const visit = visitOf(app, input.request, paramsOf(input));
    return settle(visit, () => answer(visit));
  };
}

/** A route for signed-in people who hold `permission` (null: everybody signed in). */
export function handle(
  app: App,
  permission: string | null,
  answer: (ctx: Ctx) => Promise<Answer> | Answer,
): Route {
  return async (input) => {
    const actor = actorOf(app, input.request);
    const visit = visitOf(app, input.request, paramsOf(input), actor);
    if (!actor) {
      if (app.system.setup.needed()) return redirect(visit, "/setup");
      const back =
        input.request.method === "GET" && !visit.partial ? visit.url.pathname + visit.url.search : "/";
      return redirect(visit, back === "/" ? "/sign-in" : `/sign-in?back=${encodeURIComponent(back)}`);
    }
    const ctx = contextOf(visit, actor);
    return settle(ctx, () => {
      if (permission !== null) permit(actor, permission);
      return answer(ctx);
    });
  };
}

/** The person behind a request's session cookie. */
export function actorOf(app: App, request: Request): Ctx["actor"] | undefined {
  const token = cookie(request, SESSION_COOKIE);
  if (!token) return undefined;
  const visit = visitOf(app, request, {});
  return app.people.actorOfToken(token, visit.address);
}

async function settle(visit: Visit, answer: () => Promise<Answer> | Answer): Promise<Response> {
  try {
    const result = await answer();
    return result instanceof Response ? result : await html(visit, result);
  } catch (error) {
    return refuse(visit, error);
  }
}

/** The page for a refusal or a fault. Faults are logged with a number the page shows. */
export function refuse(visit: Visit, error: unknown): Promise<Response> {
  const { t } = visit;
  if (error instanceof ForbiddenError) {
    const permission = String(error.params["permission"] ?? "");
    return errorPage(visit, 403, t("page.403"), t("page.403-text", { permission }));
  }
  if (error instanceof NotFoundError) return errorPage(visit, 404, t("page.404"), t("page.404-text"));
  if (error instanceof TooLargeError) {
    const limit = Math.round(error.limit / 1024 / 1024);
    return errorPage(visit, 413, t("page.413"), t("page.413-text", { limit }));
  }
  if (error instanceof UseCaseError)
    return errorPage(visit, 422, t("error.validation"), t.code(error.code, error.params));
  const id = crypto.randomUUID().slice(0, 8);
  console.error(`page ${visit.request.method} ${visit.url.pathname} failed (${id})`, error);
  return errorPage(visit, 500, t("page.500"), t("page.500-text", { id }));
}
