/** Routing pages that are no lists: feature codes, the default route, adding many numbers to the blacklist. */
import { type Children, Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { FEATURES } from "../../../appliance/routing/index.ts";
import {
  DestinationField,
  destinationValues,
  type FormState,
  GuardedForm,
  Mend,
  readDestination,
  SaveBar,
  Shell,
  TextArea,
  TextField,
} from "../../components/index.ts";
import {
  type Complaints,
  type Ctx,
  handle,
  RAW,
  redirect,
  submitted,
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

function framed(ctx: Ctx, page: Page, form: FormState, fields: Children): JSX.Element {
  const { t } = ctx;
  const body = (
    <GuardedForm id="special-form" action={page.path} dirty={Object.keys(form.complaints).length > 0}>
      <Mend form={form} />
      <div class="card">
        <div class="fields">{fields}</div>
      </div>
      {form.locked ? (
        ""
      ) : (
        <SaveBar t={t} backHref={page.back} label={page.label ? t(page.label) : undefined} />
      )}
    </GuardedForm>
  );
  if (ctx.partial) return body;
  const crumbs = page.crumb ? [{ label: t(page.crumb), href: page.back }, { label: t(page.title) }] : [];
  return (
    <Shell ctx={ctx} title={t(page.title)} lead={t(page.lead)} crumbs={crumbs}>
      {body}
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
    form,
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
  const form = formOf(ctx, ROUTE, values, complaints);
  return framed(
    ctx,
    ROUTE,
    form,
    <DestinationField
      form={form}
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
    form,
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
      handle(app, CODES.edit, (ctx) =>
        submitted(
          ctx,
          async (r) => {
            const codes = FEATURES.map((feature) => ({ feature, code: r.text(feature) })).filter(
              ({ code }) => code !== "",
            );
            await routing.featureCodes.save(ctx.actor, codes);
            return redirect(ctx, `${CODES.path}?done=saved`);
          },
          (values, complaints) => codesPage(ctx, values, complaints),
        ),
      ),
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
      handle(app, ROUTE.edit, (ctx) =>
        submitted(
          ctx,
          async (r) => {
            const destination = readDestination(r, "destination");
            r.check();
            await routing.defaultRoute.save(ctx.actor, destination);
            return redirect(ctx, `${ROUTE.path}?done=saved`);
          },
          (values, complaints) => routePage(ctx, values, complaints),
        ),
      ),
      RAW,
    )
    .get(
      MANY.path,
      handle(app, MANY.edit, (ctx) => manyPage(ctx, {}, {})),
    )
    .post(
      MANY.path,
      handle(app, MANY.edit, (ctx) =>
        submitted(
          ctx,
          async (r) => {
            if (r.text("numbers") === "") r.complaints["numbers"] = { code: "error.required" };
            r.check();
            await routing.blacklist.addMany(ctx.actor, r.text("numbers"), r.text("note"));
            return redirect(ctx, "/blacklist?done=saved");
          },
          (values, complaints) => manyPage(ctx, values, complaints),
        ),
      ),
      RAW,
    );
}
