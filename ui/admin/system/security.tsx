/** Attack defence: who is banned and why, the allow list, calls from strangers, the machine's firewall. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import type { SecurityView } from "../../../appliance/system/index.ts";
import {
  Badge,
  Button,
  Empty,
  Facts,
  type FormState,
  Mend,
  Notice,
  Shell,
  Table,
  TextField,
} from "../../components/index.ts";
import {
  type Complaints,
  type Ctx,
  type FormReader,
  handle,
  RAW,
  redirect,
  submitted,
  type Values,
} from "../../http/index.ts";
import type { Key } from "../../locale/index.ts";
import { textColumn } from "../entity/index.ts";

type BanRow = SecurityView["bans"][number];

/** A button that posts one value. */
function Deed(props: {
  to: string;
  name: string;
  value: string;
  label: string;
  title?: string;
  kind?: "danger" | "primary";
}): JSX.Element {
  return (
    <form method="post" action={props.to}>
      <input type="hidden" name={props.name} value={props.value} />
      <Button
        label={props.label}
        small
        {...(props.title === undefined ? {} : { about: props.title })}
        {...(props.kind === undefined ? {} : { kind: props.kind })}
      />
    </form>
  );
}

function bansTable(ctx: Ctx, view: SecurityView): JSX.Element {
  const { t, when } = ctx;
  if (!view.available) return <Notice tone="warn" text={t("security.unavailable")} />;
  if (view.bans.length === 0)
    return <Empty title={t("security.no-bans")} text={t("security.no-bans-text")} />;
  return (
    <Table
      visit={ctx}
      free
      rows={view.bans}
      columns={[
        textColumn("address", t("security.address"), (row: BanRow) => row.address, {}),
        {
          ...textColumn("reason", t("security.reason"), (row: BanRow) => t(`ban-reason.${row.reason}`), {}),
          wrap: true,
        },
        textColumn("since", t("security.since"), (row: BanRow) => when.minute(row.since), {}),
        textColumn("until", t("security.until"), (row: BanRow) => when.minute(row.until), {}),
        textColumn("evidence", t("security.evidence"), (row: BanRow) => String(row.evidence), {
          numeric: true,
        }),
        textColumn("times", t("security.times"), (row: BanRow) => String(row.times), { numeric: true }),
        {
          key: "deeds",
          label: "",
          cell: (row: BanRow) =>
            ctx.can("security.edit") ? (
              <div class="gap">
                <Deed
                  to="/security/lift"
                  name="address"
                  value={row.address}
                  label={t("security.lift")}
                  title={t("security.lift-of", { address: row.address })}
                />
                <Deed
                  to="/security/allow"
                  name="entry"
                  value={row.address}
                  label={t("security.allow")}
                  title={t("security.allow-of", { address: row.address })}
                />
              </div>
            ) : (
              ""
            ),
        },
      ]}
    />
  );
}

/** Differs when other addresses are banned, or one of them anew. */
function markOf({ available, bans }: SecurityView): string {
  return Bun.hash(JSON.stringify([available, bans.map((row) => [row.address, row.until])])).toString(36);
}

/**
 * Says by itself that others are banned than those shown. The list holds still meanwhile: with rows that move under the
 * pointer the wrong ban would be lifted.
 */
function bansNews(ctx: Ctx, view: SecurityView, shown: string): JSX.Element {
  const { t } = ctx;
  return (
    <div
      id="bans-news"
      hx-get={`/security/news?shown=${encodeURIComponent(shown)}`}
      hx-trigger="every 3s"
      hx-swap="outerMorph"
    >
      {markOf(view) === shown ? (
        ""
      ) : (
        <Notice
          tone="info"
          text={t("security.bans-changed")}
          action={
            <a class="btn small" href="/security" safe>
              {t("security.bans-show")}
            </a>
          }
        />
      )}
    </div>
  );
}

function firewallNotice(ctx: Ctx, view: SecurityView): JSX.Element {
  const problem = view.firewall?.problem ?? null;
  if (view.firewall === undefined || problem === null) return "";
  return (
    <Notice tone="warn" text={ctx.t(`security.firewall-${problem}`, { detail: view.firewall.detail })} />
  );
}

function firewallFact(ctx: Ctx, view: SecurityView): JSX.Element {
  const { t } = ctx;
  const { firewall } = view;
  if (firewall === undefined) return <Badge tone="plain" text={t("security.firewall-off")} />;
  if (firewall.problem !== null) return <Badge tone="warn" text={t("security.firewall-broken")} />;
  return <Badge tone="ok" text={t("security.firewall-on", { count: firewall.held })} />;
}

function countersCard(ctx: Ctx, view: SecurityView): JSX.Element {
  const { t } = ctx;
  const { counters } = view;
  const rows: readonly (readonly [Key, number])[] = [
    ["security.count-dropped", counters.dropped],
    ["security.count-slowed", counters.slowed],
    ["security.count-challenged", counters.challenged],
    ["security.count-failed", counters.failedSignIns],
    ["security.count-banned", counters.banned],
    ["security.count-sources", counters.sources],
  ];
  return (
    <section class="card">
      <h2 safe>{t("security.counters")}</h2>
      <div class="fields">
        <Facts
          facts={[
            ...rows.map(([key, count]): [string, JSX.Element] => [t(key), <span safe>{String(count)}</span>]),
            [t("security.firewall"), firewallFact(ctx, view)],
          ]}
        />
        {firewallNotice(ctx, view)}
      </div>
    </section>
  );
}

function byHandCard(form: FormState): JSX.Element {
  const { t } = form;
  return (
    <section class="card">
      <h2 safe>{t("security.by-hand")}</h2>
      <form method="post" action="/security/ban" class="fields">
        <TextField form={form} name="address" label={t("security.address")} required />
        <TextField
          form={form}
          name="minutes"
          type="number"
          label={t("security.duration")}
          unit={t("security.minutes")}
        />
        <div>
          <Button label={t("security.ban")} kind="danger" />
        </div>
      </form>
    </section>
  );
}

function allowCard(ctx: Ctx, view: SecurityView, form: FormState): JSX.Element {
  const { t } = ctx;
  const edit = ctx.can("security.edit");
  return (
    <section class="card">
      <h2 safe>{t("security.allow-list")}</h2>
      <p class="muted" safe>
        {t(view.allow.length === 0 ? "security.allow-none" : "security.allow-list-help")}
      </p>
      <div class="fields">
        {view.allow.map((entry) => (
          <div class="row">
            <code safe>{entry}</code>
            {edit ? (
              <Deed
                to="/security/disallow"
                name="entry"
                value={entry}
                label={t("security.remove")}
                title={t("security.remove-of", { address: entry })}
              />
            ) : (
              ""
            )}
          </div>
        ))}
        {edit ? (
          <form method="post" action="/security/allow" class="fields">
            <TextField
              form={form}
              name="entry"
              label={t("security.allow-entry")}
              {...(view.allow.length === 0 ? { help: t("security.allow-list-help") } : {})}
              required
            />
            <div>
              <Button label={t("action.add")} />
            </div>
          </form>
        ) : (
          ""
        )}
      </div>
    </section>
  );
}

function strangersCard(ctx: Ctx, view: SecurityView): JSX.Element {
  const { t } = ctx;
  const on = view.anonymousCalls;
  return (
    <section class="card">
      <h2 safe>{t("security.strangers")}</h2>
      <Notice tone={on ? "warn" : "ok"} text={t(on ? "security.strangers-on" : "security.strangers-off")} />
      {ctx.can("security.edit") ? (
        <Deed
          to="/security/strangers"
          name="on"
          value={on ? "" : "1"}
          label={t(on ? "security.strangers-refuse" : "security.strangers-allow")}
        />
      ) : (
        ""
      )}
    </section>
  );
}

async function securityPage(ctx: Ctx, values: Values, complaints: Complaints): Promise<JSX.Element> {
  const { t } = ctx;
  const view = await ctx.app.security.view(ctx.actor);
  const form: FormState = { t, values, complaints, locked: !ctx.can("security.edit") };
  return (
    <Shell ctx={ctx} title={t("nav.security")} lead={t("security.lead")}>
      <Mend form={form} />
      <section class="card">
        <h2 safe>{t("security.bans")}</h2>
        {bansNews(ctx, view, markOf(view))}
        <div>{bansTable(ctx, view)}</div>
      </section>
      <div class="grid">
        {countersCard(ctx, view)}
        {allowCard(ctx, view, form)}
        <div>
          {ctx.can("security.edit") ? byHandCard(form) : ""}
          {strangersCard(ctx, view)}
        </div>
      </div>
    </Shell>
  );
}

/** A posted form: `work` does it and names the word for it; a refused one shows the page again with what was typed. */
function posted(app: App, work: (ctx: Ctx, form: FormReader) => Promise<string>) {
  return handle(app, "security.edit", (ctx) =>
    submitted(
      ctx,
      async (r) => redirect(ctx, `/security?done=${await work(ctx, r)}`),
      (values, complaints) => securityPage(ctx, values, complaints),
    ),
  );
}

export function securityRoutes(app: App) {
  return new Elysia()
    .get(
      "/security",
      handle(app, "security.view", (ctx) => securityPage(ctx, { minutes: ["1440"] }, {})),
    )
    .get(
      "/security/news",
      handle(app, "security.view", async (ctx) =>
        bansNews(ctx, await ctx.app.security.view(ctx.actor), ctx.url.searchParams.get("shown") ?? ""),
      ),
    )
    .post("/security/lift", posted(app, deeds.lift), RAW)
    .post("/security/ban", posted(app, deeds.ban), RAW)
    .post("/security/allow", posted(app, deeds.allow), RAW)
    .post("/security/disallow", posted(app, deeds.disallow), RAW)
    .post("/security/strangers", posted(app, deeds.strangers), RAW);
}

const deeds = {
  async lift(ctx: Ctx, form: FormReader) {
    await ctx.app.security.lift(ctx.actor, form.text("address"));
    return "lifted";
  },
  async ban(ctx: Ctx, form: FormReader) {
    await ctx.app.security.ban(ctx.actor, { address: form.text("address"), minutes: form.int("minutes", 0) });
    return "banned";
  },
  async allow(ctx: Ctx, form: FormReader) {
    await ctx.app.security.allow(ctx.actor, form.text("entry"));
    return "saved";
  },
  async disallow(ctx: Ctx, form: FormReader) {
    await ctx.app.security.disallow(ctx.actor, form.text("entry"));
    return "deleted";
  },
  async strangers(ctx: Ctx, form: FormReader) {
    await ctx.app.security.setAnonymousCalls(ctx.actor, form.flag("on"));
    return "saved";
  },
};
