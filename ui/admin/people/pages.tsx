/** Accounts, departments, extensions: how their pages look. */
import { Html } from "@kitajs/html";
import type {
  Account,
  AccountInput,
  Department,
  DepartmentInput,
  Extension,
  ExtensionInput,
  ExtensionSaved,
} from "../../../appliance/people/index.ts";
import { CheckField, type Choice, SelectField, TextField } from "../../components/index.ts";
import { valuesOf } from "../../http/index.ts";
import type { Translate } from "../../locale/index.ts";
import {
  choicesOf,
  createdColumn,
  type EntityPage,
  enabledColumn,
  fieldsPane,
  type ListColumn,
  linkColumn,
  textColumn,
  updatedColumn,
} from "../entity/index.ts";
import { SecretPage } from "./secrets.tsx";

/** Built-in names are locale keys. */
export function builtInName(t: Translate, kind: "role" | "department", name: string): string {
  return t.has(`${kind}.${name}`) ? t.code(`${kind}.${name}`) : name;
}

export function named(
  t: Translate,
  kind: "role" | "department",
  options: readonly Choice[],
): readonly Choice[] {
  return options.map((item) => ({ ...item, label: builtInName(t, kind, item.label) }));
}

/** The department of an agent or an account. */
export function departmentColumn<Row extends { readonly departmentName: string }>(
  t: Translate,
): ListColumn<Row> {
  return textColumn("departmentName", t("f.department"), (row) =>
    builtInName(t, "department", row.departmentName),
  );
}

interface RolesAndDepartments {
  readonly roles: readonly Choice[];
  readonly departments: readonly Choice[];
}

const LANGUAGES: readonly Choice[] = [
  { value: "zh-CN", label: "简体中文" },
  { value: "en", label: "English" },
];

export const accountsPage: EntityPage<Account, AccountInput, RolesAndDepartments> = {
  name: "accounts",
  title: "nav.accounts",
  noun: "noun.account",
  empty: "empty.accounts",
  entity: (app) => app.people.accounts,
  load: async (ctx) => ({
    roles: named(ctx.t, "role", await choicesOf(ctx.app.people.roles.options(ctx.actor))),
    departments: named(ctx.t, "department", await choicesOf(ctx.app.people.departments.options(ctx.actor))),
  }),
  label: (row) => `${row.displayName} (${row.username})`,
  columns: (ctx) => [
    linkColumn("/accounts", "username", ctx.t("f.username"), (row) => row.username),
    textColumn("displayName", ctx.t("f.display-name"), (row) => row.displayName),
    textColumn("roleName", ctx.t("f.role"), (row) => builtInName(ctx.t, "role", row.roleName)),
    departmentColumn<Account>(ctx.t),
    textColumn("agentNumber", ctx.t("f.agent-number"), (row) => row.agentNumber, {}),
    enabledColumn<Account>(ctx.t),
    textColumn("lastSignInAt", ctx.t("f.last-sign-in"), (row) => ctx.when.minute(row.lastSignInAt)),
    createdColumn<Account>(ctx),
  ],
  filters: ({ t }, { roles, departments }) => [
    { name: "roleId", label: t("f.role"), options: roles },
    { name: "departmentId", label: t("f.department"), options: departments },
  ],
  blank: () => valuesOf({ enabled: true }),
  values: (row) => valuesOf({ ...row }),
  read: (r) => ({
    username: r.text("username"),
    displayName: r.text("displayName"),
    password: r.raw("password"),
    roleId: r.mustId("roleId"),
    departmentId: r.id("departmentId"),
    language: r.text("language") === "" ? null : r.pick("language", ["zh-CN", "en"]),
    enabled: r.flag("enabled"),
  }),
  panes: (form, { roles, departments }, row) => [
    fieldsPane(
      form,
      "general",
      <>
        <TextField form={form} name="username" label={form.t("f.username")} required />
        <TextField form={form} name="displayName" label={form.t("f.display-name")} />
        <TextField
          form={form}
          name="password"
          type="password"
          label={form.t("f.password")}
          help={row ? form.t("form.keep-secret") : form.t("f.password-help")}
          required={!row}
        />
        <SelectField
          form={form}
          name="roleId"
          label={form.t("f.role")}
          options={roles}
          none={form.t("form.choose")}
          required
        />
        <SelectField
          form={form}
          name="departmentId"
          label={form.t("f.department")}
          options={departments}
          none={form.t("form.none")}
        />
        <SelectField
          form={form}
          name="language"
          label={form.t("f.language")}
          options={LANGUAGES}
          none={form.t("f.language-office")}
        />
        <CheckField form={form} name="enabled" label={form.t("f.enabled")} />
      </>,
    ),
  ],
};

export const departmentsPage: EntityPage<Department, DepartmentInput, readonly Choice[]> = {
  name: "departments",
  title: "nav.departments",
  noun: "noun.department",
  empty: "empty.departments",
  entity: (app) => app.people.departments,
  load: async (ctx) =>
    named(ctx.t, "department", await choicesOf(ctx.app.people.departments.options(ctx.actor))),
  label: (row, { t }) => builtInName(t, "department", row.name),
  columns: (ctx) => [
    linkColumn("/departments", "name", ctx.t("f.name"), (row) => builtInName(ctx.t, "department", row.name)),
    textColumn(
      "parentName",
      ctx.t("f.parent"),
      (row) => builtInName(ctx.t, "department", row.parentName),
      {},
    ),
    textColumn("members", ctx.t("f.members"), (row) => row.members, { sort: true, numeric: true }),
    updatedColumn<Department>(ctx, { sort: true }),
  ],
  blank: () => ({}),
  values: (row) => valuesOf({ ...row }),
  read: (r) => ({ name: r.text("name"), parentId: r.id("parentId") }),
  panes: (form, departments, row) => [
    fieldsPane(
      form,
      "general",
      <>
        <TextField form={form} name="name" label={form.t("f.name")} required />
        <SelectField
          form={form}
          name="parentId"
          label={form.t("f.parent")}
          options={departments.filter((item) => item.value !== String(row?.id))}
          none={form.t("f.parent-none")}
        />
      </>,
    ),
  ],
};

export const extensionsPage: EntityPage<Extension, ExtensionInput, readonly Choice[], ExtensionSaved> = {
  name: "extensions",
  title: "nav.extensions",
  noun: "noun.extension",
  empty: "empty.extensions",
  entity: (app) => app.people.extensions,
  load: (ctx) => choicesOf(ctx.app.routing.displayedNumbers.options(ctx.actor)),
  label: (row) => `${row.number} ${row.name}`.trim(),
  columns: (ctx) => [
    linkColumn("/extensions", "number", ctx.t("f.number"), (row) => row.number),
    textColumn("name", ctx.t("f.name"), (row) => row.name),
    textColumn("agentName", ctx.t("f.agent"), (row) => row.agentName, {}),
    textColumn("displayedNumber", ctx.t("f.displayed-number"), (row) => row.displayedNumber, {}),
    textColumn("dnd", ctx.t("f.dnd"), (row) => ctx.t(row.dnd ? "yes" : "no"), {}),
    enabledColumn<Extension>(ctx.t),
    updatedColumn<Extension>(ctx),
  ],
  blank: () => valuesOf({ enabled: true }),
  values: (row) => valuesOf({ ...row }),
  read: (r) => ({
    number: r.text("number"),
    name: r.text("name"),
    enabled: r.flag("enabled"),
    allowRemote: r.flag("allowRemote"),
    dnd: r.flag("dnd"),
    displayedNumberId: r.id("displayedNumberId"),
    secret: r.raw("secret"),
  }),
  panes: (form, numbers, row) => [
    fieldsPane(
      form,
      "general",
      <>
        <TextField form={form} name="number" label={form.t("f.number")} type="tel" required />
        <TextField form={form} name="name" label={form.t("f.name")} />
        <TextField
          form={form}
          name="secret"
          type="password"
          label={form.t("f.sip-secret")}
          help={form.t(row ? "form.keep-secret" : "f.secret-random")}
        />
        <CheckField form={form} name="enabled" label={form.t("f.enabled")} />
      </>,
    ),
    fieldsPane(
      form,
      "advanced",
      <>
        <SelectField
          form={form}
          name="displayedNumberId"
          label={form.t("f.displayed-number")}
          options={numbers}
          none={form.t("f.displayed-number-none")}
        />
        <CheckField form={form} name="dnd" label={form.t("f.dnd")} />
        <CheckField
          form={form}
          name="allowRemote"
          label={form.t("f.allow-remote")}
          help={form.t("f.allow-remote-help")}
        />
      </>,
    ),
  ],
  saved: (ctx, saved) =>
    saved.secret === null ? null : (
      <SecretPage
        ctx={ctx}
        back="/extensions"
        people={[{ name: saved.name, number: saved.number, sip: saved.secret, web: null, pin: null }]}
      />
    ),
};
