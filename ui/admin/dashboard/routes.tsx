/** The dashboard: what is going on now, today's counts, and the first steps while the office is not ready. */

import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { SYSTEM_ACTOR } from "../../../appliance/kernel.ts";
import { officeDayStart } from "../../../appliance/routing/index.ts";
import { Shell } from "../../components/shell.tsx";
import type { Ctx } from "../../http/context.ts";
import { handle, redirect } from "../../http/index.ts";
import { regionsOf } from "../../live/routes.tsx";
import type { Key } from "../../locale/index.ts";

interface Step {
  readonly label: Key;
  readonly href: string;
  readonly permission: string;
  readonly done: boolean;
}

/** The steps until calls come in; empty when all are done. Counted as the system: it shows numbers only. */
async function firstSteps(ctx: Ctx): Promise<readonly Step[]> {
  const { people, routing, queueing } = ctx.app;
  const any = async (list: {
    list(actor: typeof SYSTEM_ACTOR, query: { pageSize: number }): Promise<{ total: number }>;
  }) => (await list.list(SYSTEM_ACTOR, { pageSize: 1 })).total > 0;
  const [trunk, did, agent, group] = await Promise.all([
    any(routing.trunks),
    any(routing.dids),
    any(people.agents),
    any(queueing.groups),
  ]);
  const steps: Step[] = [
    { label: "start.agent", href: "/agents/new", permission: "agents.edit", done: agent },
    { label: "start.trunk", href: "/trunks/new", permission: "trunks.edit", done: trunk },
    { label: "start.did", href: "/dids/new", permission: "dids.edit", done: did },
    { label: "start.group", href: "/groups/new", permission: "groups.edit", done: group },
  ];
  return steps.every((step) => step.done) ? [] : steps.filter((step) => ctx.can(step.permission));
}

function Checklist(props: { ctx: Ctx; steps: readonly Step[] }): JSX.Element {
  const { t } = props.ctx;
  return (
    <section class="card">
      <h2 safe>{t("start.title")}</h2>
      <p class="muted" safe>
        {t("start.text")}
      </p>
      <ol class="steps">
        {props.steps.map((step) => (
          <li>
            <span aria-hidden="true">{step.done ? "✓" : "○"}</span>{" "}
            <a href={step.href} safe>
              {t(step.label)}
            </a>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Counts of the office's day so far; only for people who may see every call. */
function Today(props: { ctx: Ctx }): JSX.Element {
  const { app, t, actor } = props.ctx;
  if (actor.scope !== "all") return "";
  const from = officeDayStart(app.now(), app.system.settings.get().timeZone);
  const counts = app.calls.records.todayCounts(from);
  const figures = [
    [t("today.calls"), counts.calls],
    [t("live.answered-today"), counts.answered],
    [t("live.abandoned-today"), counts.abandoned],
  ] as const;
  return (
    <dl class="figures">
      {figures.map(([label, count]) => (
        <div>
          <dt safe>{label}</dt>
          <dd safe>{String(count)}</dd>
        </div>
      ))}
    </dl>
  );
}

export function dashboard(app: App) {
  return new Elysia().get(
    "/",
    handle(app, null, async (ctx) => {
      if (!ctx.can("dashboard.view")) return redirect(ctx, ctx.can("desk.use") ? "/desk" : "/password");
      const steps = await firstSteps(ctx);
      const regions = regionsOf(ctx, "dashboard", app.calls.live.picture(), app.system.alarms.open().length);
      const part = (id: string): JSX.Element => regions.find((region) => region.id === id)?.html ?? "";
      return (
        <Shell ctx={ctx} title={ctx.t("nav.dashboard")} live="dashboard">
          {steps.length > 0 ? <Checklist ctx={ctx} steps={steps} /> : ""}
          <Today ctx={ctx} />
          <h2 safe>{ctx.t("live.calls")}</h2>
          <div id="live-calls">{part("live-calls")}</div>
          <h2 safe>{ctx.t("live.groups")}</h2>
          <div id="live-groups">{part("live-groups")}</div>
          <h2 safe>{ctx.t("live.agents")}</h2>
          <div id="live-agents">{part("live-agents")}</div>
        </Shell>
      );
    }),
  );
}
