/** The form page of an entity: tabs, complaints beside the fields, sticky save bar. */
import { Html } from "@kitajs/html";
import {
  GuardedForm,
  LinkButton,
  Notice,
  SaveBar,
  Shell,
  type TabPane,
  Tabs,
} from "../../components/index.ts";
import type { Complaints, Ctx, Values } from "../../http/index.ts";
import type { EntityPage } from "./model.ts";

export interface Shown<Row> {
  readonly row: Row | undefined;
  readonly values: Values;
  readonly complaints: Complaints;
  /** Typed but not saved. */
  readonly dirty: boolean;
  /** A refusal that belongs to no field. */
  readonly problem?: string;
}

/** The form alone (for a 422 answer) or the whole page. */
export async function formPage<Row extends { readonly id: number }, Input, C, Saved>(
  ctx: Ctx,
  page: EntityPage<Row, Input, C, Saved>,
  shown: Shown<Row>,
): Promise<JSX.Element> {
  const { t } = ctx;
  const { row } = shown;
  const choices = await page.load(ctx);
  const locked = !ctx.can(`${page.name}.edit`) || (row !== undefined && (page.fixed?.(row) ?? false));
  const state = { t, values: shown.values, complaints: shown.complaints, locked };
  const panes = await markFailed(page.panes(state, choices, row, ctx), shown.complaints);
  const wrong = Object.keys(shown.complaints);
  const homeless = wrong.filter((name) => !panes.text.includes(`data-field="${name}"`));
  const words = homeless.map((name) => {
    const complaint = shown.complaints[name];
    return complaint ? t.code(complaint.code, complaint.params) : "";
  });
  const form = (
    <GuardedForm id="entity-form" action={`/${page.name}/${row ? row.id : "new"}`} dirty={shown.dirty}>
      {shown.problem ? <Notice tone="danger" text={shown.problem} /> : ""}
      {wrong.length > 0 ? (
        <Notice tone="danger" text={[t("form.fix", { count: wrong.length }), ...words].join(" ")} />
      ) : (
        ""
      )}
      {locked && !page.fixed ? <Notice tone="info" text={t("form.read-only")} /> : ""}
      <div class="card">
        <Tabs panes={panes.panes} />
      </div>
      {locked ? "" : <SaveBar t={t} backHref={`/${page.name}`} />}
    </GuardedForm>
  );
  if (ctx.partial) return form;
  const title = row ? page.label(row, ctx) : t("form.new", { what: t(page.noun) });
  const aside = row && page.aside ? page.aside(ctx, row, choices) : null;
  return (
    <Shell
      ctx={ctx}
      title={title}
      crumbs={[{ label: t(page.title), href: `/${page.name}` }, { label: title }]}
      actions={
        row && !locked ? (
          <LinkButton href={`/${page.name}/delete?ids=${row.id}`} label={t("action.delete")} kind="danger" />
        ) : (
          ""
        )
      }
    >
      {aside ? (
        <div class="split">
          {form}
          <div>{aside}</div>
        </div>
      ) : (
        form
      )}
    </Shell>
  );
}

async function markFailed(
  panes: readonly TabPane[],
  complaints: Complaints,
): Promise<{ panes: readonly TabPane[]; text: string }> {
  const marked: TabPane[] = [];
  let text = "";
  for (const pane of panes) {
    const body = await pane.body;
    text += body;
    const failed = Object.keys(complaints).some((name) => body.includes(`data-field="${name}"`));
    marked.push({ ...pane, body, failed });
  }
  return { panes: marked, text };
}
