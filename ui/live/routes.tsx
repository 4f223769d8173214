/** GET /live: the one stream of a page. Who sees what is decided here, once, for every live page. */

import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../appliance/app.ts";
import type { LivePicture } from "../../appliance/calls/live.ts";
import { DeskState } from "../desk/state.tsx";
import type { Ctx } from "../http/context.ts";
import { cookie, handle, SESSION_COOKIE } from "../http/index.ts";
import { createHub, type LiveHub, type LiveRegion } from "./hub.ts";
import { Agents, Calls, Groups, Strip } from "./regions.tsx";
import { visibleTo } from "./scope.ts";

const region = (id: string, body: JSX.Element): LiveRegion => ({ id, html: String(body) });

/** The regions of a page for one person. */
export function regionsOf(ctx: Ctx, page: string, picture: LivePicture, alarms: number): LiveRegion[] {
  const { t, actor } = ctx;
  const seen = visibleTo(actor, picture);
  const strip = region(
    "live-strip",
    <Strip t={t} picture={seen} alarms={ctx.can("health.view") ? alarms : 0} />,
  );
  if (page === "dashboard" && ctx.can("dashboard.view"))
    return [
      strip,
      region("live-calls", <Calls t={t} calls={seen.calls} can={(permission) => ctx.can(permission)} />),
      region("live-agents", <Agents t={t} agents={seen.agents} />),
      region("live-groups", <Groups t={t} groups={seen.groups} />),
    ];
  if (page === "desk" && actor.agentId !== null)
    return [strip, region("desk-state", <DeskState ctx={ctx} picture={picture} />)];
  return [strip];
}

const hubs = new WeakMap<App, LiveHub<LivePicture>>();
function hubOf(app: App): LiveHub<LivePicture> {
  const known = hubs.get(app);
  if (known) return known;
  const hub = createHub(() => app.calls.live.picture());
  app.calls.live.onChange(() => hub.changed());
  app.system.alarms.onChange(() => hub.changed());
  hubs.set(app, hub);
  return hub;
}

export function live(app: App) {
  const hub = hubOf(app);
  return new Elysia().get(
    "/live",
    handle(app, null, (ctx) => {
      const page = ctx.url.searchParams.get("page") ?? "strip";
      const token = cookie(ctx.request, SESSION_COOKIE) ?? "";
      const { agentId } = ctx.actor;
      const session = crypto.randomUUID();
      if (agentId !== null) app.queueing.deskPresence.open(agentId, session);
      return hub.open(
        {
          render: (picture) => regionsOf(ctx, page, picture, app.system.alarms.open().length),
          allowed: () => app.people.actorOfToken(token, ctx.address) !== undefined,
          onClose: () => {
            if (agentId !== null) app.queueing.deskPresence.close(agentId, session);
          },
        },
        ctx.request.signal,
      );
    }),
  );
}
