/** Routing pages that are no lists: feature codes, the default route, adding many numbers to the blacklist. */
import { type Children, Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { ValidationError } from "../../../appliance/kernel.ts";
import { FEATURES } from "../../../appliance/routing/index.ts";
import {
  DestinationField,
  destinationValues,
  type FormState,
  GuardedForm,
  Notice,
  readDestination,
  SaveBar,
  Shell,
  TextArea,
  TextField,
} from "../../components/index.ts";
import {
  type Complaints,
  type Ctx,
  FormReader,
  handle,
  html,
  RAW,
  readForm,
  redirect,
  type Values,
} from "../../http/index.ts";
import type { Key } from "../../locale/index.ts";

interface Page {
  readonly path: string;
  readonly title: Key;
  readonly lead: Key;
  readonly back: string;
  readonly crumb?: Key;
  readonly edit: string;
  readonly label?: Key;
}

function framed(ctx: Ctx, page: Page, complaints: Complaints, fields: Children): JSX.Element {
  const { t } = ctx;
  const wrong = Object.keys(complaints).length;
  const form = (
    <GuardedForm id="special-form" action={page.path} dirty={wrong > 0}>
      {wrong > 0 ? <Notice tone="danger" text={t("form.fix", { count: wrong })} /> : ""}
      <div class="card">
        <div class="fields">{fields}</div>
      </div>
      {ctx.can(page.edit) ? (
        <SaveBar t={t} backHref={page.back} label={page.label ? t(page.label) : undefined} />
      ) : (
        ""
      )}
    </GuardedForm>
  );
  if (ctx.partial) return form;
  const crumbs = page.crumb ? [{ label: t(page.crumb), href: page.back }, { label: t(page.title) }] : [];
  return (
    <Shell ctx={ctx} title={t(page.title)} lead={t(page.lead)} crumbs={crumbs}>
      {form}
    </Shell>
  );
}

const formOf = (ctx: Ctx, page: Page, values: Values, complaints: Complaints): FormState => ({
  t: ctx.t,
  values,
  complaints,
  locked: !ctx.can(page.edit),
});

const CODES: Page = {
  path: "/feature-codes",
  title: "nav.feature-codes",
  lead: "feature-codes.lead",
  back: "/",
  edit: "feature-codes.edit",
};

function codesPage(ctx: Ctx, values: Values, complaints: Complaints): JSX.Element {
  const form = formOf(ctx, CODES, values, complaints);
  return framed(
    ctx,
    CODES,
    complaints,
    FEATURES.map((feature) => (
      <TextField
        form={form}
        name={feature}
        type="tel"
        label={ctx.t(`feature.${feature}`)}
        help={ctx.t(`feature.${feature}-help`)}
      />
    )),
  );
}

const ROUTE: Page = {
  path: "/default-route",
  title: "default-route.title",
  lead: "default-route.lead",
  back: "/inbound-routes",
  crumb: "nav.inbound-routes",
  edit: "inbound-routes.edit",
};

async function routePage(ctx: Ctx, values: Values, complaints: Complaints): Promise<JSX.Element> {
  return framed(
    ctx,
    ROUTE,
    complaints,
    <DestinationField
      form={formOf(ctx, ROUTE, values, complaints)}
      name="destination"
      label={ctx.t("f.destination")}
      none={ctx.t("default-route.none")}
      options={await ctx.app.routing.destinations(ctx.actor)}
    />,
  );
}

const MANY: Page = {
  path: "/blacklist/many",
  title: "blacklist.many",
  lead: "blacklist.many-lead",
  back: "/blacklist",
  crumb: "nav.blacklist",
  edit: "blacklist.edit",
  label: "blacklist.add",
};

function manyPage(ctx: Ctx, values: Values, complaints: Complaints): JSX.Element {
  const form = formOf(ctx, MANY, values, complaints);
  return framed(
    ctx,
    MANY,
    complaints,
    <>
      <TextArea
        form={form}
        name="numbers"
        label={ctx.t("blacklist.numbers")}
        help={ctx.t("blacklist.numbers-help")}
        rows={10}
        required
      />
      <TextField form={form} name="note" label={ctx.t("f.note")} />
    </>,
  );
}

/** Saves, or shows the page again with what was typed and what is wrong with it. */
async function saveOr(
  ctx: Ctx,
  r: FormReader,
  to: string,
  save: () => Promise<unknown>,
  again: (complaints: Complaints) => JSX.Element | Promise<JSX.Element>,
): Promise<Response> {
  if (Object.keys(r.complaints).length > 0) return html(ctx, await again(r.complaints), 422);
  try {
    await save();
    return redirect(ctx, to);
  } catch (error) {
    if (error instanceof ValidationError) return html(ctx, await again(error.fields), 422);
    throw error;
  }
}

export function specialRoutes(app: App) {
  const { routing } = app;
  return new Elysia()
    .get(
      CODES.path,
      handle(app, "feature-codes.view", async (ctx) => {
        const rows = await routing.featureCodes.list(ctx.actor);
        return codesPage(ctx, Object.fromEntries(rows.map((row) => [row.feature, [row.code]])), {});
      }),
    )
    .post(
      CODES.path,
      handle(app, CODES.edit, async (ctx) => {
        const { values } = await readForm(ctx.request);
        const r = new FormReader(values);
        const codes = FEATURES.map((feature) => ({ feature, code: r.text(feature) })).filter(
          ({ code }) => code !== "",
        );
        return saveOr(
          ctx,
          r,
          `${CODES.path}?done=saved`,
          () => routing.featureCodes.save(ctx.actor, codes),
          (complaints) => codesPage(ctx, values, complaints),
        );
      }),
      RAW,
    )
    .get(
      ROUTE.path,
      handle(app, "inbound-routes.view", async (ctx) =>
        routePage(ctx, destinationValues("destination", await routing.defaultRoute.get(ctx.actor)), {}),
      ),
    )
    .post(
      ROUTE.path,
      handle(app, ROUTE.edit, async (ctx) => {
        const { values } = await readForm(ctx.request);
        const r = new FormReader(values);
        const destination = readDestination(r, "destination");
        return saveOr(
          ctx,
          r,
          `${ROUTE.path}?done=saved`,
          () => routing.defaultRoute.save(ctx.actor, destination),
          (complaints) => routePage(ctx, values, complaints),
        );
      }),
      RAW,
    )
    .get(
      MANY.path,
      handle(app, MANY.edit, (ctx) => manyPage(ctx, {}, {})),
    )
    .post(
      MANY.path,
      handle(app, MANY.edit, async (ctx) => {
        const { values } = await readForm(ctx.request);
        const r = new FormReader(values);
        if (r.text("numbers") === "") r.complaints["numbers"] = { code: "error.required" };
        return saveOr(
          ctx,
          r,
          "/blacklist?done=saved",
          () => routing.blacklist.addMany(ctx.actor, r.text("numbers"), r.text("note")),
          (complaints) => manyPage(ctx, values, complaints),
        );
      }),
      RAW,
    );
}
