/** Displayed numbers, blacklist, outbound rules, inbound routes, pause reasons. */
import { Html } from "@kitajs/html";
import type { PauseReason, PauseReasonInput } from "../../../appliance/queueing/index.ts";
import type {
  BlacklistInput,
  BlacklistRow,
  DestinationOption,
  DisplayedNumberInput,
  DisplayedNumberRow,
  InboundRouteInput,
  InboundRouteRow,
  OutboundRuleInput,
  OutboundRuleRow,
} from "../../../appliance/routing/index.ts";
import {
  CheckField,
  type Choice,
  DestinationField,
  destinationText,
  destinationValues,
  LinkButton,
  mustReadDestination,
  SelectField,
  TextField,
} from "../../components/index.ts";
import { valuesOf } from "../../http/index.ts";
import {
  choicesOf,
  createdColumn,
  type EntityPage,
  enabledColumn,
  fieldsPane,
  linkColumn,
  stampColumns,
  textColumn,
  visibleOr,
} from "../entity/index.ts";

export const displayedNumbersPage: EntityPage<DisplayedNumberRow, DisplayedNumberInput, readonly Choice[]> = {
  name: "displayed-numbers",
  title: "nav.displayed-numbers",
  noun: "noun.displayed-number",
  empty: "empty.displayed-numbers",
  entity: (app) => app.routing.displayedNumbers,
  load: (ctx) => choicesOf(ctx.app.routing.trunks.options(ctx.actor)),
  label: (row) => row.number,
  columns: (ctx) => [
    linkColumn("/displayed-numbers", "number", ctx.t("f.number"), (row) => row.number),
    textColumn("supplier", ctx.t("f.supplier"), (row) => row.supplier),
    textColumn("trunkName", ctx.t("f.trunk"), (row) => row.trunkName),
    ...stampColumns<DisplayedNumberRow>(ctx),
  ],
  blank: () => ({}),
  values: (row) => valuesOf({ ...row }),
  read: (r) => ({ number: r.text("number"), supplier: r.text("supplier"), trunkId: r.id("trunkId") }),
  panes: (form, trunks) => [
    fieldsPane(
      form,
      "general",
      <>
        <TextField form={form} name="number" type="tel" label={form.t("f.number")} required />
        <SelectField
          form={form}
          name="trunkId"
          label={form.t("f.trunk")}
          options={trunks}
          none={form.t("f.trunk-any")}
        />
        <TextField form={form} name="supplier" label={form.t("f.supplier")} />
      </>,
    ),
  ],
};

export const blacklistPage: EntityPage<BlacklistRow, BlacklistInput, null> = {
  name: "blacklist",
  title: "nav.blacklist",
  noun: "noun.blacklist",
  empty: "empty.blacklist",
  entity: (app) => app.routing.blacklist,
  load: async () => null,
  label: (row) => row.number,
  columns: (ctx) => [
    linkColumn("/blacklist", "number", ctx.t("f.number"), (row) => row.number),
    textColumn("note", ctx.t("f.note"), (row) => row.note),
    createdColumn<BlacklistRow>(ctx, { sort: true }),
  ],
  actions: (ctx) =>
    ctx.can("blacklist.edit") ? <LinkButton href="/blacklist/many" label={ctx.t("blacklist.many")} /> : "",
  blank: () => ({}),
  values: (row) => valuesOf({ ...row }),
  read: (r) => ({ number: r.text("number"), note: r.text("note") }),
  panes: (form) => [
    fieldsPane(
      form,
      "general",
      <>
        <TextField form={form} name="number" type="tel" label={form.t("f.number")} required />
        <TextField form={form} name="note" label={form.t("f.note")} />
      </>,
    ),
  ],
};

export const outboundRulesPage: EntityPage<OutboundRuleRow, OutboundRuleInput, readonly Choice[]> = {
  name: "outbound-rules",
  title: "nav.outbound-rules",
  noun: "noun.outbound-rule",
  empty: "empty.outbound-rules",
  entity: (app) => app.routing.outboundRules,
  load: (ctx) => choicesOf(ctx.app.routing.trunks.options(ctx.actor)),
  label: (row) => row.name,
  columns: (ctx) => [
    textColumn("position", ctx.t("f.position"), (row) => row.position),
    linkColumn("/outbound-rules", "name", ctx.t("f.name"), (row) => row.name),
    textColumn("prefix", ctx.t("f.prefix"), (row) => row.prefix || ctx.t("table.all")),
    textColumn("trunkName", ctx.t("f.trunk"), (row) => row.trunkName),
    enabledColumn<OutboundRuleRow>(ctx.t),
    ...stampColumns<OutboundRuleRow>(ctx),
  ],
  blank: () => valuesOf({ enabled: true, position: 1, minLength: 0, maxLength: 0 }),
  values: (row) => valuesOf({ ...row }),
  read: (r) => ({
    name: r.text("name"),
    position: r.int("position", 1),
    prefix: r.text("prefix"),
    minLength: r.int("minLength", 0),
    maxLength: r.int("maxLength", 0),
    removePrefix: r.text("removePrefix"),
    addPrefix: r.text("addPrefix"),
    replaceNumber: r.text("replaceNumber"),
    trunkId: r.mustId("trunkId"),
    enabled: r.flag("enabled"),
  }),
  panes: (form, trunks) => [
    fieldsPane(
      form,
      "general",
      <>
        <TextField form={form} name="name" label={form.t("f.name")} required />
        <TextField form={form} name="prefix" label={form.t("f.prefix")} help={form.t("f.prefix-help")} />
        <SelectField
          form={form}
          name="trunkId"
          label={form.t("f.trunk")}
          options={trunks}
          none={form.t("form.choose")}
          required
        />
        <TextField
          form={form}
          name="position"
          type="number"
          label={form.t("f.position")}
          help={form.t("f.position-help")}
        />
        <CheckField form={form} name="enabled" label={form.t("f.enabled")} />
      </>,
    ),
    fieldsPane(
      form,
      "advanced",
      <>
        <TextField form={form} name="minLength" type="number" label={form.t("f.min-length")} />
        <TextField
          form={form}
          name="maxLength"
          type="number"
          label={form.t("f.max-length")}
          help={form.t("f.zero-no-limit")}
        />
        <TextField form={form} name="removePrefix" label={form.t("f.remove-prefix")} />
        <TextField form={form} name="addPrefix" label={form.t("f.add-prefix")} />
        <TextField
          form={form}
          name="replaceNumber"
          label={form.t("f.replace-number")}
          help={form.t("f.replace-help")}
        />
      </>,
    ),
  ],
};

export const inboundRoutesPage: EntityPage<InboundRouteRow, InboundRouteInput, readonly DestinationOption[]> =
  {
    name: "inbound-routes",
    title: "nav.inbound-routes",
    noun: "noun.inbound-route",
    empty: "empty.inbound-routes",
    entity: (app) => app.routing.inboundRoutes,
    load: (ctx) => visibleOr(ctx.app.routing.destinations(ctx.actor), []),
    label: (row) => row.name,
    actions: (ctx) => <LinkButton href="/default-route" label={ctx.t("default-route.title")} />,
    columns: (ctx, options) => [
      textColumn("position", ctx.t("f.position"), (row) => row.position),
      linkColumn("/inbound-routes", "name", ctx.t("f.name"), (row) => row.name),
      textColumn(
        "value",
        ctx.t("f.match"),
        (row) =>
          `${ctx.t(`subject.${row.subject}`)} · ${ctx.t(`method.${row.method}`)} ${row.value || ctx.t("table.all")}`,
      ),
      textColumn(
        "destination",
        ctx.t("f.destination"),
        (row) => destinationText(ctx, row.destination, options),
        {},
      ),
      ...stampColumns<InboundRouteRow>(ctx),
    ],
    blank: () => valuesOf({ position: 1, subject: "did", method: "prefix" }),
    values: ({ destination, ...row }) => ({
      ...valuesOf(row),
      ...destinationValues("destination", destination),
    }),
    read: (r) => ({
      name: r.text("name"),
      position: r.int("position", 1),
      subject: r.pick("subject", ["did", "caller"]),
      method: r.pick("method", ["prefix", "pattern", "group", "region"]),
      value: r.text("value"),
      removeCallerPrefix: r.text("removeCallerPrefix"),
      addCallerPrefix: r.text("addCallerPrefix"),
      lastAgentFirst: r.flag("lastAgentFirst"),
      destination: mustReadDestination(r, "destination"),
    }),
    panes: (form, options) => [
      fieldsPane(
        form,
        "general",
        <>
          <TextField form={form} name="name" label={form.t("f.name")} required />
          <SelectField
            form={form}
            name="subject"
            label={form.t("f.subject")}
            options={(["did", "caller"] as const).map((item) => ({
              value: item,
              label: form.t(`subject.${item}`),
            }))}
          />
          <SelectField
            form={form}
            name="method"
            label={form.t("f.method")}
            options={(["prefix", "pattern", "group"] as const).map((item) => ({
              value: item,
              label: form.t(`method.${item}`),
            }))}
          />
          <TextField form={form} name="value" label={form.t("f.value")} help={form.t("f.value-help")} />
          <DestinationField
            form={form}
            name="destination"
            label={form.t("f.destination")}
            options={options}
            required
          />
          <TextField
            form={form}
            name="position"
            type="number"
            label={form.t("f.position")}
            help={form.t("f.position-help")}
          />
        </>,
      ),
      fieldsPane(
        form,
        "advanced",
        <>
          <TextField form={form} name="removeCallerPrefix" label={form.t("f.remove-caller-prefix")} />
          <TextField form={form} name="addCallerPrefix" label={form.t("f.add-caller-prefix")} />
          <CheckField form={form} name="lastAgentFirst" label={form.t("f.last-agent-first")} />
        </>,
      ),
    ],
  };

export const pauseReasonsPage: EntityPage<PauseReason, PauseReasonInput, null> = {
  name: "pause-reasons",
  title: "nav.pause-reasons",
  noun: "noun.pause-reason",
  empty: "empty.pause-reasons",
  entity: (app) => app.queueing.pauseReasons,
  load: async () => null,
  label: (row, { t }) => t.code(row.name),
  columns: (ctx) => [
    textColumn("position", ctx.t("f.position"), (row) => row.position),
    linkColumn("/pause-reasons", "name", ctx.t("f.name"), (row) => ctx.t.code(row.name)),
    ...stampColumns<PauseReason>(ctx),
  ],
  blank: () => valuesOf({ position: 1 }),
  values: (row) => valuesOf({ ...row }),
  read: (r) => ({ name: r.text("name"), position: r.int("position", 1) }),
  panes: (form, _none, row) => [
    fieldsPane(
      form,
      "general",
      <>
        <TextField
          form={form}
          name="name"
          label={form.t("f.name")}
          required
          readonly={row?.name.startsWith("pause-reason.")}
        />
        <TextField
          form={form}
          name="position"
          type="number"
          label={form.t("f.position")}
          help={form.t("f.pause-position-help")}
        />
      </>,
    ),
  ],
};
