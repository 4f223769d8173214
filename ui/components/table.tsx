/** Tables with sorting, picking and paging; the toolbar with search, filters and chips. */
import { type Children, Html } from "@kitajs/html";
import type { Visit } from "../http/context.ts";

export interface Column<Row> {
  readonly key: string;
  readonly label: string;
  cell(row: Row): JSX.Element;
  /** The list can be sorted by this key. */
  readonly sort?: boolean;
  readonly numeric?: boolean;
  readonly wrap?: boolean;
}

/** The page's address with some query parameters changed; undefined removes one. Paging starts anew unless kept. */
export function addressWith(url: URL, changes: Readonly<Record<string, string | undefined>>): string {
  const next = new URLSearchParams(url.search);
  next.delete("done");
  if (!("page" in changes)) next.delete("page");
  for (const [name, item] of Object.entries(changes))
    if (item === undefined || item === "") next.delete(name);
    else next.set(name, item);
  const query = next.toString();
  return query ? `${url.pathname}?${query}` : url.pathname;
}

/** A table; `pick` adds check boxes named "ids". Links replace #list by htmx and change the address. */
export function Table<Row>(props: {
  visit: Visit;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  sort?: string;
  descending?: boolean;
  pick?: { id(row: Row): string; name(row: Row): string };
  rowId?(row: Row): string;
  free?: boolean;
}): JSX.Element {
  const { visit, columns, pick } = props;
  return (
    <div class={props.free ? "table-wrap free" : "table-wrap"} tabindex="0">
      <table>
        <thead>
          <tr>
            {pick ? (
              <th class="pick">
                <input type="checkbox" data-pick-all aria-label={visit.t("table.select-all")} />
              </th>
            ) : (
              ""
            )}
            {columns.map((column) => {
              const sorted = props.sort === column.key;
              const direction = props.descending ? "descending" : "ascending";
              const to = addressWith(visit.url, {
                sort: column.key,
                dir: sorted && !props.descending ? "desc" : undefined,
              });
              return (
                <th
                  scope="col"
                  class={column.numeric ? "num" : ""}
                  {...(sorted ? { "aria-sort": direction } : {})}
                >
                  {column.sort ? (
                    <a href={to} {...listLink(to)} safe>
                      {sorted ? `${column.label} ${props.descending ? "↓" : "↑"}` : column.label}
                    </a>
                  ) : (
                    <span safe>{column.label}</span>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr id={props.rowId?.(row)}>
              {pick ? (
                <td class="pick">
                  <input
                    type="checkbox"
                    name="ids"
                    value={pick.id(row)}
                    aria-label={visit.t("table.select-row", { name: pick.name(row) })}
                  />
                </td>
              ) : (
                ""
              )}
              {columns.map((column) => (
                <td class={`${column.numeric ? "num" : ""} ${column.wrap ? "wrap" : ""}`}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Attributes of a link that replaces the list and keeps the address true. */
export function listLink(to: string): Record<string, string> {
  return { "hx-get": to, "hx-target": "#list", "hx-swap": "outerMorph", "hx-push-url": "true" };
}

export function Pager(props: { visit: Visit; total: number; page: number; pageSize: number }): JSX.Element {
  const { visit, total, page, pageSize } = props;
  const pages = Math.max(1, Math.ceil(total / pageSize));
  const step = (to: number, label: string) => {
    const href = addressWith(visit.url, { page: String(to) });
    return to < 1 || to > pages ? (
      <span class="btn small" aria-disabled="true" safe>
        {label}
      </span>
    ) : (
      <a class="btn small" href={href} {...listLink(href)} safe>
        {label}
      </a>
    );
  };
  return (
    <nav class="pager" aria-label={visit.t("table.page", { page, pages })}>
      <span safe>{visit.t("table.total", { total })}</span>
      {pages > 1 ? (
        <>
          <span safe>{visit.t("table.page", { page, pages })}</span>
          {step(page - 1, visit.t("table.previous"))}
          {step(page + 1, visit.t("table.next"))}
        </>
      ) : (
        ""
      )}
    </nav>
  );
}

export interface Filter {
  readonly name: string;
  readonly label: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
}

/** Search box and filters; what is set shows as chips that can be removed. `end`: column chooser, export. */
export function Filters(props: {
  visit: Visit;
  filters: readonly Filter[];
  search?: string;
  children?: Children;
  end?: Children;
}): JSX.Element {
  const { visit } = props;
  const query = visit.url.searchParams;
  const set = props.filters.flatMap((filter) => {
    const chosen = query.get(filter.name);
    const option = filter.options.find((item) => item.value === chosen);
    return option ? [{ filter, option }] : [];
  });
  return (
    <form class="toolbar" method="get" action={visit.url.pathname} role="search" {...toolbarLink(visit)}>
      <input
        type="search"
        name="q"
        value={query.get("q") ?? ""}
        placeholder={props.search ?? visit.t("table.search")}
        aria-label={visit.t("table.search")}
      />
      {props.filters.map((filter) => (
        <select name={filter.name} aria-label={filter.label} data-submit-on-change>
          <option value="" safe>
            {`${filter.label}: ${visit.t("table.all")}`}
          </option>
          {filter.options.map((option) => (
            <option value={option.value} selected={query.get(filter.name) === option.value} safe>
              {option.label}
            </option>
          ))}
        </select>
      ))}
      {props.children ?? ""}
      <button type="submit" class="btn" safe>
        {visit.t("table.search")}
      </button>
      {set.map(({ filter, option }) => {
        const to = addressWith(visit.url, { [filter.name]: undefined });
        const label = `${filter.label}: ${option.label}`;
        return (
          <span class="chip">
            <span safe>{label}</span>
            <a href={to} aria-label={visit.t("table.remove-filter", { name: label })}>
              ✕
            </a>
          </span>
        );
      })}
      <span class="end">{props.end ?? ""}</span>
    </form>
  );
}

function toolbarLink(visit: Visit): Record<string, string> {
  return {
    "hx-get": visit.url.pathname,
    "hx-target": "#list",
    "hx-swap": "outerMorph",
    "hx-push-url": "true",
  };
}
