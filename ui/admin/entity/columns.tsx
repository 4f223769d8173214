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

/** When the row was made and changed; shown on wish. */
export function stampColumns<Row extends { readonly createdAt: number; readonly updatedAt: number }>(
  ctx: Ctx,
): readonly ListColumn<Row>[] {
  const { t, when } = ctx;
  return [
    textColumn("createdAt", t("column.created"), (row) => when.minute(row.createdAt), {
      sort: true,
      hidden: true,
    }),
    textColumn("updatedAt", t("column.updated"), (row) => when.minute(row.updatedAt), {
      sort: true,
      hidden: true,
    }),
  ];
}
