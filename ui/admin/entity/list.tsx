/** The list page of an entity: search, filters, columns, sorting, paging, deleting several with confirmation. */
import { Html } from "@kitajs/html";
import {
  addressWith,
  Button,
  Empty,
  Filters,
  LinkButton,
  Notice,
  Pager,
  Shell,
  Table,
} from "../../components/index.ts";
import { type Ctx, cookie } from "../../http/index.ts";
import type { EntityPage, ListColumn } from "./model.ts";

const PAGE_SIZE = 50;

export async function listPage<Row extends { readonly id: number }, Input, C, Saved>(
  ctx: Ctx,
  page: EntityPage<Row, Input, C, Saved>,
): Promise<JSX.Element> {
  const query = ctx.url.searchParams;
  const choices = await page.load(ctx);
  const filters = page.filters?.(ctx, choices) ?? [];
  const set = Object.fromEntries(
    filters.flatMap((filter) => {
      const chosen = query.get(filter.name);
      return chosen ? [[filter.name, chosen]] : [];
    }),
  );
  const sort = query.get("sort") ?? undefined;
  const descending = query.get("dir") === "desc";
  const found = await page.entity(ctx.app).list(ctx.actor, {
    search: query.get("q") ?? "",
    filters: set,
    ...(sort ? { sort, descending } : {}),
    page: Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1),
    pageSize: PAGE_SIZE,
  });
  const all = page.columns(ctx, choices);
  const shown = chosenColumns(ctx, page.name, all);
  const mayEdit = ctx.can(`${page.name}.edit`);
  const add = mayEdit ? (
    <LinkButton
      href={page.addHref ?? `/${page.name}/new`}
      label={ctx.t("form.new", { what: ctx.t(page.noun) })}
      kind="primary"
    />
  ) : (
    ""
  );
  const asked = query.get("q") || Object.keys(set).length > 0;
  const body = (
    <div id="list">
      {found.total > 0 || asked ? (
        <Filters
          visit={ctx}
          filters={filters}
          end={<ColumnMenu ctx={ctx} name={page.name} all={all} shown={shown} />}
        />
      ) : (
        ""
      )}
      {found.total === 0 ? (
        asked ? (
          <Empty
            title={ctx.t("table.no-match")}
            text={ctx.t("table.no-match-help")}
            action={<LinkButton href={`/${page.name}`} label={ctx.t("table.clear")} />}
          />
        ) : (
          <Empty title={ctx.t(page.title)} text={ctx.t(page.empty)} action={add} />
        )
      ) : (
        <form
          method="get"
          action={`/${page.name}/delete`}
          hx-get={`/${page.name}/delete`}
          hx-target="#dialog"
        >
          {mayEdit ? (
            <div class="bulk">
              <span safe>{ctx.t("table.selected")}</span>
              <Button label={ctx.t("action.delete")} kind="danger" small />
            </div>
          ) : (
            ""
          )}
          <Table
            visit={ctx}
            columns={shown}
            rows={found.rows}
            sort={sort}
            descending={descending}
            pick={
              mayEdit
                ? { id: (row: Row) => String(row.id), name: (row: Row) => page.label(row, ctx) }
                : undefined
            }
          />
          <Pager visit={ctx} total={found.total} page={found.page} pageSize={found.pageSize} />
        </form>
      )}
    </div>
  );
  if (ctx.partial) return body;
  return (
    <Shell
      ctx={ctx}
      title={ctx.t(page.title)}
      actions={
        <>
          {page.actions ? page.actions(ctx) : ""}
          {found.total > 0 ? add : ""}
        </>
      }
    >
      {body}
    </Shell>
  );
}

function chosenColumns<Row>(
  ctx: Ctx,
  name: string,
  all: readonly ListColumn<Row>[],
): readonly ListColumn<Row>[] {
  const stored = cookie(ctx.request, `columns_${name}`)?.split(",");
  const kept = all.filter((column) => (stored ? stored.includes(column.key) : !column.hidden));
  return kept.length > 0 ? kept : all.slice(0, 1);
}

function ColumnMenu<Row>(props: {
  ctx: Ctx;
  name: string;
  all: readonly ListColumn<Row>[];
  shown: readonly ListColumn<Row>[];
}): JSX.Element {
  const { ctx } = props;
  return (
    <details class="menu">
      <summary class="btn" safe>
        {`${ctx.t("table.columns")} ▾`}
      </summary>
      <div class="menu-body">
        {props.all.map((column) => (
          <label>
            <input
              type="checkbox"
              name="column"
              value={column.key}
              form="columns-form"
              checked={props.shown.includes(column)}
            />
            <span safe>{column.label}</span>
          </label>
        ))}
        <button
          type="submit"
          class="btn small"
          form="columns-form"
          formaction={`/${props.name}/columns?back=${encodeURIComponent(addressWith(ctx.url, {}))}`}
          safe
        >
          {ctx.t("table.apply")}
        </button>
      </div>
    </details>
  );
}

/** The confirmation: names what is destroyed. As a dialog for htmx, as a page otherwise. */
export async function deletePage<Row extends { readonly id: number }, Input, C, Saved>(
  ctx: Ctx,
  page: EntityPage<Row, Input, C, Saved>,
  ids: readonly number[],
  problem?: string,
): Promise<JSX.Element> {
  const rows: Row[] = [];
  for (const id of ids) rows.push(await page.entity(ctx.app).get(ctx.actor, id));
  const title = ctx.t("delete.title", { what: ctx.t(page.noun) });
  const count = rows.length;
  const body = (
    <form method="post" action={`/${page.name}/delete`} hx-post={`/${page.name}/delete`} hx-target="#dialog">
      {problem ? <Notice tone="danger" text={problem} /> : ""}
      <p safe>{count > 0 ? ctx.t("delete.names", { count }) : ctx.t("delete.nothing")}</p>
      <ul>
        {rows.map((row) => (
          <li safe>{page.label(row, ctx)}</li>
        ))}
      </ul>
      {rows.map((row) => (
        <input type="hidden" name="ids" value={String(row.id)} />
      ))}
      <div class="actions">
        {ctx.partial ? (
          <button type="button" class="btn" data-close safe>
            {ctx.t("action.cancel")}
          </button>
        ) : (
          <LinkButton href={`/${page.name}`} label={ctx.t("action.cancel")} />
        )}
        {count > 0 ? <Button label={ctx.t("delete.confirm", { count })} kind="danger solid" /> : ""}
      </div>
    </form>
  );
  if (ctx.partial)
    return (
      <dialog data-open aria-labelledby="dialog-title">
        <h2 id="dialog-title" safe>
          {title}
        </h2>
        {body}
      </dialog>
    );
  return (
    <Shell ctx={ctx} title={title}>
      <div class="card">{body}</div>
    </Shell>
  );
}
