/** The description of a kind of row: from it the list page and the form page are built, all alike. */
import type { App } from "../../../appliance/app.ts";
import type { Entity } from "../../../appliance/kernel.ts";
import type { Column, Filter, FormState, TabPane } from "../../components/index.ts";
import type { Ctx, FormReader, Values } from "../../http/index.ts";
import type { Key } from "../../locale/index.ts";

export interface ListColumn<Row> extends Column<Row> {
  /** Not shown until chosen in the column menu. */
  readonly hidden?: boolean;
}

/** `C`: what the page needs besides the row (options of drop-downs), loaded once a request. */
export interface EntityPage<Row extends { readonly id: number }, Input, C, Saved = Row> {
  /** Address "/<name>", permissions "<name>.view" and "<name>.edit", title "nav.<name>". */
  readonly name: string;
  readonly title: Key;
  /** One of them, for "Add …". */
  readonly noun: Key;
  /** What belongs here, for the empty list. */
  readonly empty: Key;
  entity(app: App): Entity<Row, Input, Saved>;
  load(ctx: Ctx): Promise<C>;
  /** How one row is called. */
  label(row: Row, ctx: Ctx): string;
  columns(ctx: Ctx, choices: C): readonly ListColumn<Row>[];
  filters?(ctx: Ctx, choices: C): readonly Filter[];
  blank(ctx: Ctx): Values;
  values(row: Row): Values;
  read(reader: FormReader, row: Row | undefined): Input;
  panes(form: FormState, choices: C, row: Row | undefined, ctx: Ctx): readonly TabPane[];
  /** More about a stored row, beside its form. */
  aside?(ctx: Ctx, row: Row, choices: C): JSX.Element;
  /** A page to show after saving (secrets shown once) instead of going back to the list. */
  saved?(ctx: Ctx, saved: Saved): JSX.Element | null;
  /** More buttons of the list, before "Add". */
  actions?(ctx: Ctx): JSX.Element;
  /** Rows that must not be changed or deleted. */
  fixed?(row: Row): boolean;
  /** Rows are added elsewhere (upload) when this is the address. */
  readonly addHref?: string;
}

/** Drop-down choices from a use case's options; none when the person may not see them. */
export async function choicesOf(
  options: Promise<readonly { readonly id: number; readonly label: string }[]>,
): Promise<readonly { readonly value: string; readonly label: string }[]> {
  try {
    return (await options).map((item) => ({ value: String(item.id), label: item.label }));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "error.forbidden") return [];
    throw error;
  }
}

/** As choicesOf for whole lists: an empty list when the person may not see it. */
export async function visibleOr<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "error.forbidden") return otherwise;
    throw error;
  }
}
