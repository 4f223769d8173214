/** The routes of an entity page: list, form, save, delete, columns. */
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { ForbiddenError, NotFoundError, UseCaseError, ValidationError } from "../../../appliance/kernel.ts";
import {
  type Complaints,
  type Ctx,
  handle,
  html,
  RAW,
  readForm,
  redirect,
  setCookie,
  submitted,
  type Values,
} from "../../http/index.ts";
import { ownAddress } from "../entry/address.ts";
import { formPage } from "./form-page.tsx";
import { deletePage, listPage } from "./list.tsx";
import type { EntityPage } from "./model.ts";

const YEAR_S = 365 * 24 * 3600;

/** The id of a route; anything that is no id was not found. */
export function idOf(ctx: Ctx): number {
  const text = ctx.params["id"] ?? "";
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new NotFoundError("row", text);
  return Number(text);
}

/** Mounts the pages of one kind of row. */
export function entityRoutes<Row extends { readonly id: number }, Input, C, Saved>(
  page: EntityPage<Row, Input, C, Saved>,
) {
  const base = `/${page.name}`;
  const view = `${page.name}.view`;
  const edit = `${page.name}.edit`;

  async function save(ctx: Ctx, id: number | undefined): Promise<Response> {
    const entity = page.entity(ctx.app);
    const row = id === undefined ? undefined : await entity.get(ctx.actor, id);
    const again = (values: Values, complaints: Complaints, problem?: string) =>
      formPage(ctx, page, { row, values, complaints, dirty: true, problem });
    return submitted(
      ctx,
      async (r) => {
        const input = page.read(r, row);
        r.check();
        try {
          const saved = await entity.save(ctx.actor, id, input);
          const next = page.saved?.(ctx, saved);
          // What is shown once replaces the form; the address stays the form's, so a reload does not save again.
          return next ? html(ctx, next) : redirect(ctx, `${base}?done=saved`);
        } catch (error) {
          if (!(error instanceof UseCaseError) || hasItsAnswer(error)) throw error;
          return html(ctx, await again(r.values, {}, ctx.t.code(error.code, error.params)), 422);
        }
      },
      again,
    );
  }

  return (app: App) =>
    new Elysia()
      .get(
        base,
        handle(app, view, (ctx) => listPage(ctx, page)),
      )
      .get(
        `${base}/new`,
        handle(app, edit, (ctx) =>
          formPage(ctx, page, { row: undefined, values: page.blank(ctx), complaints: {}, dirty: false }),
        ),
      )
      .get(
        `${base}/delete`,
        handle(app, edit, (ctx) => deletePage(ctx, page, idsOf(ctx.url.searchParams.getAll("ids")))),
      )
      .post(
        `${base}/delete`,
        handle(app, edit, async (ctx) => {
          const { values } = await readForm(ctx.request);
          const ids = idsOf(values["ids"] ?? []);
          try {
            await page.entity(app).remove(ctx.actor, ids);
            return redirect(ctx, `${base}?done=deleted`);
          } catch (error) {
            if (!(error instanceof UseCaseError) || error instanceof ForbiddenError) throw error;
            const problem = ctx.t.code(error.code, error.params);
            return html(ctx, await deletePage(ctx, page, ids, problem), 422);
          }
        }),
        RAW,
      )
      .post(
        `${base}/columns`,
        handle(app, view, async (ctx) => {
          const { values } = await readForm(ctx.request);
          const keys = (values["column"] ?? []).filter((key) => /^[\w-]{1,40}$/.test(key)).join(",");
          const back = ownAddress(ctx.url.searchParams.get("back") ?? base);
          return redirect(ctx, back, [setCookie(ctx.request, `columns_${page.name}`, keys, YEAR_S)]);
        }),
        RAW,
      )
      .get(
        `${base}/:id`,
        handle(app, view, async (ctx) => {
          const row = await page.entity(app).get(ctx.actor, idOf(ctx));
          return formPage(ctx, page, { row, values: page.values(row), complaints: {}, dirty: false });
        }),
      )
      .post(
        `${base}/new`,
        handle(app, edit, (ctx) => save(ctx, undefined)),
        RAW,
      )
      .post(
        `${base}/:id`,
        handle(app, edit, (ctx) => save(ctx, idOf(ctx))),
        RAW,
      );
}

function idsOf(texts: readonly string[]): number[] {
  return [...new Set(texts.filter((text) => /^[1-9]\d{0,14}$/.test(text)).map(Number))].slice(0, 500);
}

/** Refusals that are answered by their own page or beside their fields. */
function hasItsAnswer(error: UseCaseError): boolean {
  return (
    error instanceof ValidationError || error instanceof ForbiddenError || error instanceof NotFoundError
  );
}
