/** The office's numbers, and "what would happen" to a call. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import type { DestinationOption, DidInput, DidRow } from "../../../appliance/routing/index.ts";
import {
  Button,
  CheckField,
  type Choice,
  DestinationField,
  destinationText,
  destinationValues,
  readDestination,
  SelectField,
  TextField,
} from "../../components/index.ts";
import { type Ctx, handle, valuesOf } from "../../http/index.ts";
import { whyWords } from "../calls/words.ts";
import {
  choicesOf,
  type EntityPage,
  enabledColumn,
  fieldsPane,
  linkColumn,
  stampColumns,
  textColumn,
  visibleOr,
} from "../entity/index.ts";

interface DidChoices {
  readonly trunks: readonly Choice[];
  readonly destinations: readonly DestinationOption[];
}

export const didsPage: EntityPage<DidRow, DidInput, DidChoices> = {
  name: "dids",
  title: "nav.dids",
  noun: "noun.did",
  empty: "empty.dids",
  entity: (app) => app.routing.dids,
  load: async (ctx) => ({
    trunks: await choicesOf(ctx.app.routing.trunks.options(ctx.actor)),
    destinations: await visibleOr(ctx.app.routing.destinations(ctx.actor), []),
  }),
  label: (row) => `${row.number} ${row.name}`.trim(),
  columns: (ctx, { destinations }) => [
    linkColumn("/dids", "number", ctx.t("f.number"), (row) => row.number),
    textColumn("name", ctx.t("f.name"), (row) => row.name),
    textColumn(
      "destination",
      ctx.t("f.destination"),
      (row) =>
        row.destination ? destinationText(ctx, row.destination, destinations) : ctx.t("f.destination-none"),
      {},
    ),
    textColumn("trunkName", ctx.t("f.trunk"), (row) => row.trunkName),
    textColumn("groupLabel", ctx.t("f.group-label"), (row) => row.groupLabel),
    textColumn("lastUsedAt", ctx.t("f.last-used"), (row) => ctx.when.minute(row.lastUsedAt)),
    enabledColumn<DidRow>(ctx.t),
    ...stampColumns<DidRow>(ctx),
  ],
  filters: (ctx, { trunks }) => [{ name: "trunkId", label: ctx.t("f.trunk"), options: trunks }],
  blank: () => valuesOf({ enabled: true }),
  values: ({ destination, ...row }) => ({
    ...valuesOf(row),
    ...destinationValues("destination", destination),
  }),
  read: (r) => ({
    number: r.text("number"),
    name: r.text("name"),
    groupLabel: r.text("groupLabel"),
    trunkId: r.id("trunkId"),
    destination: readDestination(r, "destination"),
    callerNumberPrefix: r.text("callerNumberPrefix"),
    callerNamePrefix: r.text("callerNamePrefix"),
    enabled: r.flag("enabled"),
    note: r.text("note"),
  }),
  panes: (form, { trunks, destinations }) => {
    const { t } = form;
    return [
      fieldsPane(
        form,
        "general",
        <>
          <TextField
            form={form}
            name="number"
            type="tel"
            label={t("f.number")}
            help={t("f.did-help")}
            required
          />
          <TextField form={form} name="name" label={t("f.name")} />
          <SelectField
            form={form}
            name="trunkId"
            label={t("f.trunk")}
            options={trunks}
            none={t("f.trunk-any")}
          />
          <DestinationField
            form={form}
            name="destination"
            label={t("f.destination")}
            none={t("f.destination-none")}
            options={destinations}
          />
          <CheckField form={form} name="enabled" label={t("f.enabled")} />
        </>,
      ),
      fieldsPane(
        form,
        "advanced",
        <>
          <TextField
            form={form}
            name="groupLabel"
            label={t("f.group-label")}
            help={t("f.group-label-help")}
          />
          <TextField form={form} name="callerNumberPrefix" label={t("f.caller-number-prefix")} />
          <TextField form={form} name="callerNamePrefix" label={t("f.caller-name-prefix")} />
          <TextField form={form} name="note" label={t("f.note")} />
        </>,
      ),
    ];
  },
  aside: (ctx, row) => {
    const form = { t: ctx.t, values: {}, complaints: {} };
    return (
      <form class="card" method="get" action="/explain" hx-get="/explain" hx-target="#explained">
        <h2 safe>{ctx.t("explain.title")}</h2>
        <input type="hidden" name="did" value={row.number.split(/[\s,]+/)[0] ?? ""} />
        <div class="fields">
          <TextField
            form={form}
            name="caller"
            type="tel"
            label={ctx.t("explain.caller")}
            placeholder="13800001234"
          />
          <TextField form={form} name="at" type="datetime-local" label={ctx.t("explain.at")} />
          <div>
            <Button label={ctx.t("action.test")} />
          </div>
          <p class="muted" safe>
            {ctx.t("explain.help")}
          </p>
        </div>
        <div id="explained" aria-live="polite" />
      </form>
    );
  },
};

/** UTC ms of a local date and time in a zone; NaN when it is none. */
export function officeTime(local: string, timeZone: string): number {
  const wall = Date.parse(`${local}:00Z`);
  if (Number.isNaN(wall)) return Number.NaN;
  const shown = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    dateStyle: "short",
    timeStyle: "medium",
  }).format(wall);
  return wall - (Date.parse(`${shown.replace(" ", "T")}Z`) - wall);
}

function explainList(ctx: Ctx): JSX.Element {
  const query = ctx.url.searchParams;
  const asked = officeTime(query.get("at") ?? "", ctx.app.system.settings.get().timeZone);
  const at = Number.isNaN(asked) ? ctx.app.now() : asked;
  const steps = ctx.app.routing.explain(ctx.actor, query.get("did") ?? "", query.get("caller") ?? "", at);
  return (
    <ol class="trace">
      {steps.map((step) => (
        <li>
          <span class="muted" safe>{`${ctx.t(`explain.${step.what}`)}: `}</span>
          <span safe>{step.why ? whyWords(ctx.t, step.why) : step.text}</span>
        </li>
      ))}
    </ol>
  );
}

export function explainRoutes(app: App) {
  return new Elysia().get("/explain", handle(app, "dids.view", explainList));
}
