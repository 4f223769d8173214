/** Trunks, with their live state in words. */
import { Html } from "@kitajs/html";
import type { TrunkInput, TrunkRow } from "../../../appliance/routing/index.ts";
import { CheckField, type Choice, SelectField, TextArea, TextField } from "../../components/index.ts";
import { valuesOf } from "../../http/index.ts";
import {
  choicesOf,
  type EntityPage,
  enabledColumn,
  fieldsPane,
  linkColumn,
  stampColumns,
  textColumn,
} from "../entity/index.ts";
import { optionPanes, readOptions, TRUNK_START } from "./trunk-options.tsx";
import { LiveTrunkBadge, TrunkStateCard } from "./trunk-state.tsx";

export const trunksPage: EntityPage<TrunkRow, TrunkInput, readonly Choice[]> = {
  name: "trunks",
  title: "nav.trunks",
  noun: "noun.trunk",
  empty: "empty.trunks",
  entity: (app) => app.routing.trunks,
  load: (ctx) => choicesOf(ctx.app.routing.trunks.options(ctx.actor)),
  label: (row) => row.name,
  columns: (ctx) => [
    { ...linkColumn<TrunkRow>("/trunks", "name", ctx.t("f.name"), (row) => row.name), wrap: true },
    {
      key: "state",
      label: ctx.t("f.state"),
      wrap: true,
      cell: (row) => <LiveTrunkBadge ctx={ctx} id={row.id} />,
    },
    textColumn("kind", ctx.t("f.kind"), (row) => ctx.t(`trunk-kind.${row.kind}`)),
    {
      key: "host",
      label: ctx.t("f.host"),
      cell: (row) => {
        const place = row.port ? `${row.host}:${row.port}` : row.host;
        return (
          <span class="clip" title={place} safe>
            {place}
          </span>
        );
      },
    },
    textColumn("username", ctx.t("f.username"), (row) => row.username),
    textColumn("maxCalls", ctx.t("f.max-calls"), (row) => row.maxCalls || "∞", { sort: true, numeric: true }),
    enabledColumn<TrunkRow>(ctx.t),
    ...stampColumns<TrunkRow>(ctx),
  ],
  blank: (ctx) =>
    valuesOf({
      ...TRUNK_START,
      country: ctx.app.system.settings.get().country,
      areaCode: ctx.app.system.settings.get().areaCode,
      enabled: true,
      kind: "registration",
      transport: "udp",
      port: 5060,
      maxCalls: 0,
      registerExpiresS: 300,
      optionsPingS: 30,
      codecs: "PCMA PCMU",
      identityHeader: "pai",
    }),
  values: (row) =>
    valuesOf({ ...row, codecs: row.codecs.join(" "), allowedAddresses: row.allowedAddresses.join("\n") }),
  read: (r) => ({
    name: r.text("name"),
    enabled: r.flag("enabled"),
    kind: r.pick("kind", ["registration", "ip"]),
    host: r.text("host"),
    port: r.int("port", 0),
    transport: r.pick("transport", ["udp", "tcp", "tls"]),
    username: r.text("username"),
    authUsername: r.text("authUsername"),
    password: r.raw("password"),
    fromDomain: r.text("fromDomain"),
    outboundProxy: r.text("outboundProxy"),
    allowedAddresses: r.list("allowedAddresses"),
    maxCalls: r.int("maxCalls", 0),
    registerExpiresS: r.int("registerExpiresS", 300),
    optionsPingS: r.int("optionsPingS", 0),
    codecs: r.list("codecs"),
    identityHeader: r.pick("identityHeader", ["none", "pai", "ppi", "rpid"]),
    ...readOptions(r),
  }),
  panes: (form, trunks, row) => {
    const { t } = form;
    const words = (items: readonly string[]) =>
      items.map((item) => ({ value: item, label: item.toUpperCase() }));
    return [
      fieldsPane(
        form,
        "general",
        <>
          <TextField form={form} name="name" label={t("f.name")} required />
          <SelectField
            form={form}
            name="kind"
            label={t("f.kind")}
            shows="kind"
            options={(["registration", "ip"] as const).map((item) => ({
              value: item,
              label: t(`trunk-kind.${item}`),
            }))}
          />
          <TextField form={form} name="host" label={t("f.host")} help={t("f.host-help")} required />
          <TextField form={form} name="username" label={t("f.username")} />
          <TextField
            form={form}
            name="password"
            type="password"
            label={t("f.password")}
            help={row?.hasPassword ? t("form.keep-secret") : undefined}
          />
          <CheckField form={form} name="enabled" label={t("f.enabled")} />
        </>,
      ),
      fieldsPane(
        form,
        "advanced",
        <>
          <TextField form={form} name="port" type="number" label={t("secret.port")} help={t("f.port-help")} />
          <SelectField
            form={form}
            name="transport"
            label={t("f.transport")}
            options={words(["udp", "tcp", "tls"])}
          />
          <TextField
            form={form}
            name="authUsername"
            label={t("f.auth-username")}
            help={t("f.auth-username-help")}
          />
          <TextField form={form} name="fromDomain" label={t("f.from-domain")} />
          <TextField form={form} name="outboundProxy" label={t("f.outbound-proxy")} />
          <TextArea
            form={form}
            name="allowedAddresses"
            label={t("f.allowed-addresses")}
            help={t("f.allowed-addresses-help")}
          />
          <TextField
            form={form}
            name="registerExpiresS"
            type="number"
            label={t("f.register-expires")}
            unit={t("form.seconds")}
          />
          <TextField
            form={form}
            name="optionsPingS"
            type="number"
            label={t("f.options-ping")}
            unit={t("form.seconds")}
            help={t("f.zero-off")}
          />
        </>,
      ),
      ...optionPanes(form, trunks, row),
    ];
  },
  aside: (ctx, row) => <TrunkStateCard ctx={ctx} id={row.id} />,
};
