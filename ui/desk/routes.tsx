/** The agent's desk: own state with its buttons, the current call, pause with a reason, recent calls. */

import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../appliance/app.ts";
import { SYSTEM_ACTOR, UseCaseError } from "../../appliance/kernel.ts";
import { CallTable } from "../admin/calls/table.tsx";
import { Button, Empty } from "../components/layout.tsx";
import { Shell } from "../components/shell.tsx";
import type { Ctx } from "../http/context.ts";
import { handle, RAW, readForm, redirect, value } from "../http/index.ts";
import { DeskState } from "./state.tsx";

/** Names and ids only; every agent may pause with every reason. */
async function pauseReasons(ctx: Ctx): Promise<readonly { readonly id: number; readonly label: string }[]> {
  return ctx.app.queueing.pauseReasons.options(SYSTEM_ACTOR);
}

async function page(ctx: Ctx): Promise<JSX.Element> {
  const { t, app } = ctx;
  if (ctx.actor.agentId === null)
    return (
      <Shell ctx={ctx} title={t("desk.title")}>
        <Empty title={t("desk.no-agent")} text={t("desk.no-agent-text")} />
      </Shell>
    );
  const reasons = await pauseReasons(ctx);
  const recent = await app.calls.records.list(
    { ...ctx.actor, scope: "own", permissions: ["calls.view"] },
    { pageSize: 20, sort: "startedAt", descending: true },
  );
  return (
    <Shell ctx={ctx} title={t("desk.title")} live="desk">
      <section class="card" id="desk-state">
        <DeskState ctx={ctx} picture={app.calls.live.picture()} />
      </section>
      <section class="card">
        <form method="post" action="/desk/pause" class="row">
          <label for="reason" safe>
            {t("desk.reason")}
          </label>
          <select id="reason" name="reason">
            {reasons.map((reason) => (
              <option value={String(reason.id)} safe>
                {t.code(reason.label)}
              </option>
            ))}
          </select>
          <Button label={t("desk.pause")} />
        </form>
      </section>
      <h2 safe>{t("desk.recent")}</h2>
      <CallTable ctx={ctx} rows={recent.rows} />
    </Shell>
  );
}

/** What the buttons do. @throws UseCaseError for an unknown word */
async function act(ctx: Ctx): Promise<void> {
  const { actor, app, params } = ctx;
  const { agentCommands } = app.queueing;
  if (actor.agentId === null) throw new UseCaseError("error.not-found", { what: "agent", id: "" });
  const { values } = await readForm(ctx.request);
  switch (params.what) {
    case "sign-in":
      return agentCommands.signIn(actor, actor.agentId);
    case "sign-out":
      return agentCommands.signOut(actor, actor.agentId);
    case "pause":
      return agentCommands.pause(actor, actor.agentId, Number(value(values, "reason")) || null);
    case "unpause":
      return agentCommands.unpause(actor, actor.agentId);
    case "end-acw":
      return agentCommands.endAcw(actor, actor.agentId);
    default:
      throw new UseCaseError("error.not-found", { what: "page", id: params.what ?? "" });
  }
}

export function desk(app: App) {
  return new Elysia().get("/desk", handle(app, "desk.use", page)).post(
    "/desk/:what",
    handle(app, "desk.use", async (ctx) => {
      await act(ctx);
      return redirect(ctx, "/desk");
    }),
    RAW,
  );
}
