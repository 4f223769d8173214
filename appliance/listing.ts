/** Lists of configuration rows (some thousands at most): search, filter, sort and page in memory (W-3.0.2). */
import type { ListQuery, Page } from "./kernel.ts";

const collator = new Intl.Collator("zh-CN", { numeric: true, sensitivity: "base" });
export const DEFAULT_PAGE_SIZE = 25;
export const MAX_PAGE_SIZE = 500;
/** Offsets beyond 2^53 are no integers for the database any more. */
const MAX_PAGE = 1e9;

/** The page asked for, with sane limits. */
export function pageWindow(query: ListQuery): { page: number; pageSize: number; offset: number } {
  const pageSize = Math.min(Math.max(1, Math.trunc(query.pageSize ?? DEFAULT_PAGE_SIZE)), MAX_PAGE_SIZE);
  const page = Math.min(Math.max(1, Math.trunc(query.page ?? 1)), MAX_PAGE);
  return { page, pageSize, offset: (page - 1) * pageSize };
}

/**
 * Searches in `search` fields (any place, any case), filters by equality of the fields named in `query.filters`,
 * sorts by `query.sort` (or `sort`), and cuts the page out. Unknown field names are ignored.
 */
export function paginate<Row extends object>(
  rows: readonly Row[],
  query: ListQuery,
  spec: { readonly search: readonly (keyof Row & string)[]; readonly sort: keyof Row & string },
): Page<Row> {
  const needle = query.search?.trim().toLowerCase() ?? "";
  const filters = Object.entries(query.filters ?? {}).filter(([, value]) => value !== "");
  const kept = rows.filter((row) => {
    const fields = row as Readonly<Record<string, unknown>>;
    if (
      needle !== "" &&
      !spec.search.some((key) =>
        String(fields[key] ?? "")
          .toLowerCase()
          .includes(needle),
      )
    )
      return false;
    return filters.every(([key, value]) => !(key in row) || String(fields[key] ?? "") === value);
  });
  const asked =
    query.sort !== undefined && rows[0] !== undefined && query.sort in rows[0] ? query.sort : spec.sort;
  const sign = query.descending ? -1 : 1;
  kept.sort((a, b) => sign * compare(fieldOf(a, asked), fieldOf(b, asked)));
  const { page, pageSize, offset } = pageWindow(query);
  return { rows: kept.slice(offset, offset + pageSize), total: kept.length, page, pageSize };
}

function fieldOf(row: object, key: string): unknown {
  return (row as Readonly<Record<string, unknown>>)[key];
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(String(a ?? ""), String(b ?? ""));
}
