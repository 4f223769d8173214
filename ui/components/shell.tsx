/** The frame of a page: sidebar, top bar with the live strip, breadcrumb, title and primary action. */
import { type Children, Html } from "@kitajs/html";
import { ASSETS } from "../assets/assets.ts";
import type { Ctx, Visit } from "../http/context.ts";
import { LIVE_SCRIPT, type LivePage, LiveStream } from "../live/stream.tsx";
import { NAVIGATION, type NavGroup } from "./navigation.ts";
import { Toasts } from "./toast.tsx";

export interface Crumb {
  readonly label: string;
  readonly href?: string;
}

const HTMX = JSON.stringify({ includeIndicatorCSS: false, extensions: "sse", noSwap: [204, 304] });

/** The document: head, styles and scripts. `scripts`: addresses of islands (addAsset). */
export function Document(props: {
  visit: Visit;
  title: string;
  children: Children;
  scripts?: readonly string[];
  bodyClass?: string;
}): JSX.Element {
  const { visit } = props;
  const scripts = [ASSETS.htmx.path, ASSETS.sse.path, ASSETS.app.path, ...(props.scripts ?? [])];
  return (
    <html lang={visit.lang} data-theme={visit.theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="htmx-config" content={HTMX} />
        <title safe>{`${props.title} · ${officeName(visit)}`}</title>
        <link rel="icon" href="/favicon.ico" />
        <link rel="stylesheet" href={ASSETS.css.path} />
        {scripts.map((src) => (
          <script src={src} nonce={visit.nonce} defer />
        ))}
      </head>
      <body class={props.bodyClass}>{props.children}</body>
    </html>
  );
}

function officeName(visit: Visit): string {
  const name = visit.app.system.setup.needed() ? "" : visit.app.system.settings.get().officeName;
  return name || visit.t("app.name");
}

/** The mark of the product. */
export function Logo(): JSX.Element {
  return (
    <svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true">
      <g fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">
        <path d="M12 6v6M12 12l-6 5M12 12l6 5" />
      </g>
      <g fill="currentColor">
        <circle cx="12" cy="5" r="2.4" />
        <circle cx="5.5" cy="17.5" r="2.4" />
        <circle cx="18.5" cy="17.5" r="2.4" />
      </g>
    </svg>
  );
}

/**
 * A page of the office. `actions` holds at most one primary button. `panel` is a side panel with its own address.
 * The top bar's `strip` is filled by the live pages (element id "live-strip").
 */
export function Shell(props: {
  ctx: Ctx;
  title: string;
  children: Children;
  crumbs?: readonly Crumb[];
  actions?: Children;
  lead?: string;
  panel?: Children;
  scripts?: readonly string[];
  /** Which live regions the page has besides the top bar's. */
  live?: LivePage;
}): JSX.Element {
  const { ctx } = props;
  return (
    <Document visit={ctx} title={props.title} scripts={[LIVE_SCRIPT, ...(props.scripts ?? [])]}>
      <a class="skip" href="#main" safe>
        {ctx.t("shell.skip")}
      </a>
      <div class="shell">
        <a class="brand" href="/">
          <Logo />
          <span safe>{officeName(ctx)}</span>
        </a>
        <header class="topbar">
          <section class="strip" id="live-strip" aria-label={ctx.t("shell.live")} />
          <PersonMenu ctx={ctx} />
        </header>
        <Sidebar ctx={ctx} />
        <main class="main" id="main">
          <LiveStream visit={ctx} page={props.live ?? "strip"} />
          <Crumbs crumbs={props.crumbs ?? []} />
          <div class="page-head">
            <h1 safe>{props.title}</h1>
            <div class="actions">{props.actions ?? ""}</div>
          </div>
          {props.lead ? (
            <p class="lead" safe>
              {props.lead}
            </p>
          ) : (
            ""
          )}
          {props.children}
        </main>
      </div>
      <div id="panel">{props.panel ?? ""}</div>
      <div id="dialog" />
      <form id="columns-form" method="post" hidden />
      <Toasts visit={ctx} />
    </Document>
  );
}

function Crumbs(props: { crumbs: readonly Crumb[] }): JSX.Element {
  if (props.crumbs.length === 0) return "";
  return (
    <nav class="crumbs" aria-label="breadcrumb">
      {props.crumbs.map((crumb, index) => (
        <>
          {index > 0 ? <span aria-hidden="true">/</span> : ""}
          {crumb.href ? (
            <a href={crumb.href} safe>
              {crumb.label}
            </a>
          ) : (
            <span safe>{crumb.label}</span>
          )}
        </>
      ))}
    </nav>
  );
}

function Sidebar(props: { ctx: Ctx }): JSX.Element {
  const { ctx } = props;
  const allowed = (group: NavGroup) => group.items.filter((item) => ctx.can(item.permission));
  const here = (href: string) =>
    href === "/" ? ctx.url.pathname === "/" : `${ctx.url.pathname}/`.startsWith(`${href}/`);
  return (
    <nav class="side" aria-label={ctx.t("nav.search")}>
      <input
        type="search"
        data-nav-search
        placeholder={ctx.t("nav.search")}
        aria-label={ctx.t("nav.search")}
        autocomplete="off"
      />
      {NAVIGATION.filter((group) => allowed(group).length > 0).map((group) => (
        <details open>
          <summary safe>{ctx.t(group.label)}</summary>
          {allowed(group).map((item) => (
            <a href={item.href} {...(here(item.href) ? { "aria-current": "page" } : {})} safe>
              {ctx.t(item.label)}
            </a>
          ))}
        </details>
      ))}
    </nav>
  );
}

function PersonMenu(props: { ctx: Ctx }): JSX.Element {
  const { ctx } = props;
  const choice = (name: string, value: string, label: string, chosen: boolean) => (
    <button type="submit" class="item" name={name} value={value} aria-pressed={chosen ? "true" : "false"}>
      <span aria-hidden="true">{chosen ? "✓" : "\u2003"}</span>
      <span safe>{label}</span>
    </button>
  );
  return (
    <details class="menu">
      <summary class="btn quiet" aria-label={ctx.t("shell.person-menu")}>
        <span safe>{ctx.actor.name}</span> <span aria-hidden="true">▾</span>
      </summary>
      <div class="menu-body">
        <form method="post" action="/preferences">
          <input type="hidden" name="back" value={ctx.url.pathname + ctx.url.search} />
          <div class="head" safe>
            {ctx.t("shell.language")}
          </div>
          {choice("language", "zh-CN", "简体中文", ctx.lang === "zh-CN")}
          {choice("language", "en", "English", ctx.lang === "en")}
          <div class="head" safe>
            {ctx.t("shell.theme")}
          </div>
          {choice("theme", "light", ctx.t("shell.theme-light"), ctx.theme === "light")}
          {choice("theme", "dark", ctx.t("shell.theme-dark"), ctx.theme === "dark")}
        </form>
        <hr />
        <a href="/password" safe>
          {ctx.t("shell.change-password")}
        </a>
        <form method="post" action="/sign-out">
          <button type="submit" class="item" safe>
            {ctx.t("shell.sign-out")}
          </button>
        </form>
      </div>
    </details>
  );
}

/** A page without the shell: sign-in, wizard, errors. */
export function Plain(props: {
  visit: Visit;
  title: string;
  wide?: boolean;
  children: Children;
  foot?: Children;
}): JSX.Element {
  return (
    <Document visit={props.visit} title={props.title}>
      <main class="plain">
        <div class={props.wide ? "box wide" : "box"}>
          <div class="logo">
            <Logo />
            <span safe>{officeName(props.visit)}</span>
          </div>
          <div class="card">{props.children}</div>
          <div class="foot">{props.foot ?? ""}</div>
        </div>
      </main>
    </Document>
  );
}
