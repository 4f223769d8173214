/** The usual columns of lists. */
import { Html } from "@kitajs/html";
import { Enabled } from "../../components/index.ts";
import type { Ctx } from "../../http/index.ts";
import type { Translate } from "../../locale/index.ts";
import type { ListColumn } from "./model.ts";

interface Traits {
  readonly sort?: boolean;
  readonly hidden?: boolean;
  readonly numeric?: boolean;
}

export function textColumn<Row>(
  key: string,
  label: string,
  text: (row: Row) => string | number,
  traits: Traits = { sort: true },
): ListColumn<Row> {
  return { key, label, ...traits, cell: (row) => <span safe>{String(text(row))}</span> };
}

/** The column that leads to the row's form. */
export function linkColumn<Row extends { readonly id: number }>(
  base: string,
  key: string,
  label: string,
  text: (row: Row) => string,
): ListColumn<Row> {
  return {
    key,
    label,
    sort: true,
    cell: (row) => (
      <a href={`${base}/${row.id}`} safe>
        {text(row) || "—"}
      </a>
    ),
  };
}

export function enabledColumn<Row extends { readonly enabled: boolean }>(t: Translate): ListColumn<Row> {
  return { key: "enabled", label: t("f.enabled"), cell: (row) => <Enabled t={t} on={row.enabled} /> };
}

const ON_WISH: Traits = { sort: true, hidden: true };

/** When the row was made; shown on wish unless `traits` say otherwise. */
export function createdColumn<Row extends { readonly createdAt: number }>(
  ctx: Ctx,
  traits = ON_WISH,
): ListColumn<Row> {
  return textColumn("createdAt", ctx.t("column.created"), (row) => ctx.when.minute(row.createdAt), traits);
}

/** When the row was changed; shown on wish unless `traits` say otherwise. */
export function updatedColumn<Row extends { readonly updatedAt: number }>(
  ctx: Ctx,
  traits = ON_WISH,
): ListColumn<Row> {
  return textColumn("updatedAt", ctx.t("column.updated"), (row) => ctx.when.minute(row.updatedAt), traits);
}

/** When the row was made and changed; shown on wish. */
export function stampColumns<Row extends { readonly createdAt: number; readonly updatedAt: number }>(
  ctx: Ctx,
): readonly ListColumn<Row>[] {
  return [createdColumn(ctx), updatedColumn(ctx)];
}
