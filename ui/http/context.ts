/** What a page knows about the request it answers. */
import type { App } from "../../appliance/app.ts";
import type { SessionActor } from "../../appliance/people/index.ts";
import { type Language, preferredLanguage, type Translate, t } from "../locale/index.ts";
import { cookie } from "./cookies.ts";
import { makeNonce } from "./security.ts";

/** A request before it is known who sends it (sign-in, wizard, error pages). */
export interface Visit {
  readonly app: App;
  readonly request: Request;
  readonly url: URL;
  /** Path parameters of the route. */
  readonly params: Readonly<Record<string, string>>;
  readonly lang: Language;
  readonly t: Translate;
  readonly theme: "light" | "dark";
  /** For the CSP; every script tag carries it. */
  readonly nonce: string;
  /** htmx asks for a piece of the page. */
  readonly partial: boolean;
  /** Source address. */
  readonly address: string;
}

/** A request of a signed-in person; use cases take `actor`. */
export interface Ctx extends Visit {
  readonly actor: SessionActor;
  /** Whether the person holds a permission (for hiding what would be refused; the use case checks again). */
  can(permission: string): boolean;
  /** Dates and times in the office's time zone. */
  readonly when: When;
}

export interface When {
  /** "2026-11-21 09:05"; "" for null. */
  minute(at: number | null): string;
  /** "2026-11-21 09:05:12". */
  second(at: number | null): string;
}

const addresses = new WeakMap<Request, string>();

/** The server notes where a request comes from. */
export function noteAddress(request: Request, address: string): void {
  addresses.set(request, address);
}

export function addressOf(request: Request): string {
  return addresses.get(request) ?? "";
}

function makeWhen(timeZone: string): When {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  return {
    minute: (at) => (at === null ? "" : format.format(at).slice(0, 16)),
    second: (at) => (at === null ? "" : format.format(at)),
  };
}

const clocks = new Map<string, When>();
/** Formats times of a zone. */
export function whenIn(timeZone: string): When {
  const known = clocks.get(timeZone);
  if (known) return known;
  const made = makeWhen(timeZone);
  clocks.set(timeZone, made);
  return made;
}

/** The visit of a request; language and theme from the person, the cookies of the sign-in page, the browser. */
export function visitOf(
  app: App,
  request: Request,
  params: Readonly<Record<string, string>>,
  actor?: SessionActor,
): Visit {
  const wish = cookie(request, "lang");
  const asked: Language =
    wish === "en" || wish === "zh-CN" ? wish : preferredLanguage(request.headers.get("accept-language"));
  const office: Language = app.system.setup.needed() ? asked : app.system.settings.get().language;
  const lang: Language = actor ? (actor.language ?? office) : wish === undefined ? office : asked;
  return {
    app,
    request,
    url: new URL(request.url),
    params,
    lang,
    t: t(lang),
    theme: actor?.theme ?? (cookie(request, "theme") === "dark" ? "dark" : "light"),
    nonce: makeNonce(),
    partial: request.headers.get("hx-request") === "true",
    address: addressOf(request),
  };
}

/** The context of a signed-in person. */
export function contextOf(visit: Visit, actor: SessionActor): Ctx {
  return {
    ...visit,
    actor,
    can: (permission) => actor.permissions.includes("*") || actor.permissions.includes(permission),
    when: whenIn(visit.app.system.settings.get().timeZone),
  };
}
