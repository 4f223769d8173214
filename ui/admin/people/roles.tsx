/** Roles: the permission matrix. */
import { Html } from "@kitajs/html";
import { PERMISSIONS, type Role, type RoleInput, SCOPES } from "../../../appliance/people/index.ts";
import { Field, type FormState, Notice, SelectField, TextField } from "../../components/index.ts";
import { valuesOf } from "../../http/index.ts";
import { type EntityPage, fieldsPane, linkColumn, textColumn, updatedColumn } from "../entity/index.ts";
import { builtInName } from "./pages.tsx";

const PARTS = [
  ...new Set(PERMISSIONS.filter((p) => p.endsWith(".edit")).map((p) => p.slice(0, -".edit".length))),
];
const ACTIONS = PERMISSIONS.filter(
  (p) => !PARTS.some((part) => p === `${part}.view` || p === `${part}.edit`),
);

function Box(props: { form: FormState; permission: string; label: string }): JSX.Element {
  const { form, permission } = props;
  const held = form.values["permissions"] ?? [];
  return (
    <input
      type="checkbox"
      name="permissions"
      value={permission}
      aria-label={props.label}
      checked={held.includes("*") || held.includes(permission)}
      disabled={form.locked === true}
    />
  );
}

function Matrix(props: { form: FormState }): JSX.Element {
  const { form } = props;
  const { t } = form;
  const word = (part: string) => (t.has(`nav.${part}`) ? t.code(`nav.${part}`) : t.code(`part.${part}`));
  return (
    <div class="fields">
      <div class="table-wrap free">
        <table class="matrix">
          <thead>
            <tr>
              <th safe>{t("matrix.part")}</th>
              <th class="c" safe>
                {t("matrix.view")}
              </th>
              <th class="c" safe>
                {t("matrix.edit")}
              </th>
            </tr>
          </thead>
          <tbody>
            {PARTS.map((part) => (
              <tr>
                <td safe>{word(part)}</td>
                <td class="c">
                  <Box form={form} permission={`${part}.view`} label={`${word(part)}: ${t("matrix.view")}`} />
                </td>
                <td class="c">
                  <Box form={form} permission={`${part}.edit`} label={`${word(part)}: ${t("matrix.edit")}`} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h3 safe>{t("matrix.actions")}</h3>
      <div class="grid">
        {ACTIONS.map((action) => (
          <label class="check">
            <Box form={form} permission={action} label={t.code(`action.${action}`)} />
            <span safe>{t.code(`action.${action}`)}</span>
          </label>
        ))}
      </div>
    </div>
  );
}

export const rolesPage: EntityPage<Role, RoleInput, null> = {
  name: "roles",
  title: "nav.roles",
  noun: "noun.role",
  empty: "empty.roles",
  entity: (app) => app.people.roles,
  load: async () => null,
  label: (row, { t }) => builtInName(t, "role", row.name),
  fixed: (row) => row.builtIn,
  columns: (ctx) => [
    linkColumn("/roles", "name", ctx.t("f.name"), (row) => builtInName(ctx.t, "role", row.name)),
    textColumn("scope", ctx.t("f.scope"), (row) => ctx.t(`scope.${row.scope}`)),
    textColumn("accounts", ctx.t("f.accounts"), (row) => row.accounts, { sort: true, numeric: true }),
    updatedColumn<Role>(ctx, { sort: true }),
  ],
  blank: () => valuesOf({ scope: "own" }),
  values: (row) => valuesOf({ ...row }),
  read: (r) => ({
    name: r.text("name"),
    scope: r.pick("scope", ["own", "groups", "department", "all"]),
    permissions: r.all("permissions"),
  }),
  panes: (form, _choices, row) => [
    fieldsPane(
      form,
      "general",
      <>
        {row?.builtIn ? (
          <Notice tone="info" text={form.t(row.permissions.includes("*") ? "matrix.all" : "role.fixed")} />
        ) : (
          ""
        )}
        <TextField form={form} name="name" label={form.t("f.name")} required />
        <SelectField
          form={form}
          name="scope"
          label={form.t("f.scope")}
          options={SCOPES.map((scope) => ({ value: scope, label: form.t(`scope.${scope}`) }))}
        />
        <Field form={form} name="permissions" label={form.t("f.permissions")} wide>
          <Matrix form={form} />
        </Field>
      </>,
    ),
  ],
};
