/** Agents: list, form, and adding a series of them. */
import { type Children, Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { ValidationError } from "../../../appliance/kernel.ts";
import type { Agent, AgentInput, AgentSaved, AgentSeriesInput } from "../../../appliance/people/index.ts";
import {
  Button,
  CheckField,
  type Choice,
  type FormState,
  LinkButton,
  Notice,
  SelectField,
  Shell,
  TextField,
} from "../../components/index.ts";
import {
  type Ctx,
  type FormReader,
  handle,
  RAW,
  submitted,
  type Values,
  valuesOf,
} from "../../http/index.ts";
import {
  choicesOf,
  createdColumn,
  type EntityPage,
  enabledColumn,
  fieldsPane,
  linkColumn,
  textColumn,
} from "../entity/index.ts";
import { builtInName, departmentColumn, named } from "./pages.tsx";
import { SecretPage } from "./secrets.tsx";

interface AgentChoices {
  readonly roles: readonly Choice[];
  readonly departments: readonly Choice[];
  readonly numbers: readonly Choice[];
}

async function load(ctx: Ctx): Promise<AgentChoices> {
  const { people, routing } = ctx.app;
  return {
    roles: named(ctx.t, "role", await choicesOf(people.roles.options(ctx.actor))),
    departments: named(ctx.t, "department", await choicesOf(people.departments.options(ctx.actor))),
    numbers: await choicesOf(routing.displayedNumbers.options(ctx.actor)),
  };
}

export const agentsPage: EntityPage<Agent, AgentInput, AgentChoices, AgentSaved> = {
  name: "agents",
  title: "nav.agents",
  noun: "noun.agent",
  empty: "empty.agents",
  entity: (app) => app.people.agents,
  load,
  label: (row) => `${row.number} ${row.displayName}`,
  actions: (ctx) =>
    ctx.can("agents.edit") ? <LinkButton href="/agents/series" label={ctx.t("series.title")} /> : "",
  columns: (ctx) => [
    linkColumn("/agents", "number", ctx.t("f.agent-number"), (row) => row.number),
    textColumn("displayName", ctx.t("f.display-name"), (row) => row.displayName),
    textColumn("groups", ctx.t("f.groups"), (row) => row.groups.map((group) => group.name).join(", "), {}),
    textColumn("roleName", ctx.t("f.role"), (row) => builtInName(ctx.t, "role", row.roleName), {}),
    departmentColumn<Agent>(ctx.t),
    textColumn("displayedNumber", ctx.t("f.displayed-number"), (row) => row.displayedNumber, {
      hidden: true,
    }),
    enabledColumn<Agent>(ctx.t),
    createdColumn<Agent>(ctx),
  ],
  filters: ({ t }, { departments, roles }) => [
    { name: "departmentId", label: t("f.department"), options: departments },
    { name: "roleId", label: t("f.role"), options: roles },
  ],
  blank: () => valuesOf({ enabled: true, browserTimeoutS: 60 }),
  values: ({ groups: _, ...row }) => valuesOf(row),
  read: (r, row) => ({
    number: row ? row.number : r.text("number"),
    firstName: r.text("firstName"),
    lastName: r.text("lastName"),
    roleId: r.id("roleId"),
    departmentId: r.id("departmentId"),
    sipSecret: r.raw("sipSecret"),
    webPassword: r.raw("webPassword"),
    phonePin: r.raw("phonePin"),
    clickToCallOnly: r.flag("clickToCallOnly"),
    enabled: r.flag("enabled"),
    displayedNumberId: r.id("displayedNumberId"),
    workInBrowser: r.flag("workInBrowser"),
    browserTimeoutS: r.int("browserTimeoutS", 60),
  }),
  panes: (form, choices, row) => [
    fieldsPane(
      form,
      "general",
      <>
        <TextField
          form={form}
          name="number"
          type="tel"
          label={form.t("f.agent-number")}
          help={form.t("f.agent-number-help")}
          readonly={row !== undefined}
          required
        />
        <TextField form={form} name="lastName" label={form.t("f.last-name")} />
        <TextField form={form} name="firstName" label={form.t("f.first-name")} required />
        <WhereFields form={form} choices={choices} />
        <CheckField form={form} name="enabled" label={form.t("f.enabled")} />
      </>,
    ),
    fieldsPane(
      form,
      "advanced",
      <>
        <SecretFields form={form} keep={row !== undefined} />
        <SelectField
          form={form}
          name="displayedNumberId"
          label={form.t("f.displayed-number")}
          options={choices.numbers}
          none={form.t("f.displayed-number-none")}
        />
        <CheckField
          form={form}
          name="clickToCallOnly"
          label={form.t("f.click-only")}
          help={form.t("f.click-only-help")}
        />
        <CheckField form={form} name="workInBrowser" label={form.t("f.in-browser")} />
        <TextField
          form={form}
          name="browserTimeoutS"
          type="number"
          label={form.t("f.browser-timeout")}
          unit={form.t("form.seconds")}
        />
      </>,
    ),
  ],
  saved: (ctx, saved) => {
    const { sipSecret, webPassword, phonePin } = saved.secrets;
    if (sipSecret === null && webPassword === null && phonePin === null) return null;
    return (
      <SecretPage
        ctx={ctx}
        back="/agents"
        people={[
          { name: saved.displayName, number: saved.number, sip: sipSecret, web: webPassword, pin: phonePin },
        ]}
      />
    );
  },
};

function WhereFields(props: { form: FormState; choices: AgentChoices }): JSX.Element {
  const { form, choices } = props;
  const none = form.t("form.none");
  return (
    <>
      <SelectField form={form} name="roleId" label={form.t("f.role")} options={choices.roles} none={none} />
      <SelectField
        form={form}
        name="departmentId"
        label={form.t("f.department")}
        options={choices.departments}
        none={none}
      />
    </>
  );
}

function SecretFields(props: { form: FormState; keep: boolean }): JSX.Element {
  const { form } = props;
  const help = form.t(props.keep ? "form.keep-secret" : "f.secret-random");
  return (
    <>
      <TextField form={form} name="sipSecret" type="password" label={form.t("f.sip-secret")} help={help} />
      <TextField
        form={form}
        name="webPassword"
        type="password"
        label={form.t("f.web-password")}
        help={help}
      />
      <TextField
        form={form}
        name="phonePin"
        type="password"
        label={form.t("f.phone-pin")}
        help={form.t(props.keep ? "form.keep-secret" : "f.phone-pin-help")}
      />
    </>
  );
}

/** The numbers of a series, at most 500; empty when the entries make none. */
export function seriesNumbers(start: string, count: number): readonly string[] {
  if (!/^[1-9]\d{1,5}$/.test(start) || count < 1 || count > 500) return [];
  return Array.from({ length: count }, (_, i) => String(Number(start) + i)).filter(
    (n) => n.length === start.length,
  );
}

async function seriesPage(
  ctx: Ctx,
  values: Values,
  complaints: FormState["complaints"],
  preview?: Children,
): Promise<JSX.Element> {
  const { t } = ctx;
  const form: FormState = { t, values, complaints };
  const choices = await load(ctx);
  return (
    <Shell
      ctx={ctx}
      title={t("series.title")}
      crumbs={[{ label: t("nav.agents"), href: "/agents" }, { label: t("series.title") }]}
    >
      <form method="post" action="/agents/series" novalidate>
        <div class="card">
          <div class="fields">
            <TextField
              form={form}
              name="start"
              type="tel"
              label={t("series.start")}
              help={t("f.agent-number-help")}
              required
            />
            <TextField form={form} name="count" type="number" label={t("series.count")} required />
            <WhereFields form={form} choices={choices} />
            <SecretFields form={form} keep={false} />
            <CheckField
              form={form}
              name="clickToCallOnly"
              label={t("f.click-only")}
              help={t("f.click-only-help")}
            />
            <div class="row">
              <Button label={t("action.preview")} name="step" value="preview" />
            </div>
          </div>
        </div>
        {preview ?? ""}
      </form>
    </Shell>
  );
}

function readSeries(r: FormReader): AgentSeriesInput {
  const input = {
    start: r.text("start"),
    count: r.int("count", 0),
    roleId: r.id("roleId"),
    departmentId: r.id("departmentId"),
    sipSecret: r.raw("sipSecret"),
    webPassword: r.raw("webPassword"),
    phonePin: r.raw("phonePin"),
    clickToCallOnly: r.flag("clickToCallOnly"),
  };
  r.check();
  return input;
}

/** The passwords of the agents of a series, once. */
async function makeSeries(ctx: Ctx, input: AgentSeriesInput): Promise<JSX.Element> {
  const { t } = ctx;
  const made = await ctx.app.people.agents.addSeries(ctx.actor, input);
  return (
    <SecretPage
      ctx={ctx}
      back="/agents"
      note={[
        t("series.made", { count: made.created.length }),
        made.skipped.length > 0 ? t("series.skipped", { numbers: made.skipped.join(" ") }) : "",
      ].join(" ")}
      people={made.created.map((agent) => ({
        name: agent.displayName,
        number: agent.number,
        sip: agent.secrets.sipSecret,
        web: agent.secrets.webPassword,
        pin: agent.secrets.phonePin,
      }))}
    />
  );
}

/** The numbers of a series, those that are there marked. @throws ValidationError when there are none */
async function seriesPreview(ctx: Ctx, input: AgentSeriesInput): Promise<JSX.Element> {
  const { t } = ctx;
  const numbers = seriesNumbers(input.start, input.count);
  if (numbers.length === 0) throw new ValidationError({ start: { code: "error.agent-number" } });
  const { rows } = await ctx.app.people.agents.list(ctx.actor, { pageSize: 10_000 });
  const there = new Set(rows.map((agent) => agent.number));
  const fresh = numbers.filter((number) => !there.has(number)).length;
  return (
    <div class="card">
      <h2 safe>{t("series.preview")}</h2>
      <p class="row">
        {numbers.map((number) => (
          <span class={there.has(number) ? "badge warn" : "badge ok"} safe>
            {there.has(number) ? `${number} ${t("series.exists")}` : number}
          </span>
        ))}
      </p>
      {fresh > 0 ? (
        <Button label={t("series.make", { count: fresh })} kind="primary" name="step" value="make" />
      ) : (
        <Notice tone="warn" text={t("series.nothing")} />
      )}
    </div>
  );
}

/** Adding a series (W-3.1.2.24–32): fill in, look at the numbers, make them, keep the passwords. */
export function agentSeries(app: App) {
  return new Elysia()
    .get(
      "/agents/series",
      handle(app, "agents.edit", (ctx) => seriesPage(ctx, valuesOf({ count: 10 }), {})),
    )
    .post(
      "/agents/series",
      handle(app, "agents.edit", (ctx) =>
        submitted(
          ctx,
          async (r) => {
            const input = readSeries(r);
            if (r.text("step") === "make") return makeSeries(ctx, input);
            return seriesPage(ctx, r.values, {}, await seriesPreview(ctx, input));
          },
          (values, complaints) => seriesPage(ctx, values, complaints),
        ),
      ),
      RAW,
    );
}
