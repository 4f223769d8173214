/** An agent's own state with the buttons that fit it, the current call and the groups. */
import { Html } from "@kitajs/html";
import type { LivePicture } from "../../appliance/calls/live.ts";
import { Badge, State } from "../components/badge.tsx";
import { Button, Empty } from "../components/layout.tsx";
import type { Ctx } from "../http/context.ts";
import { Calls, Since } from "../live/regions.tsx";

/** Buttons post to /desk/…; which are offered follows from the state. */
export function DeskState(props: { ctx: Ctx; picture: LivePicture }): JSX.Element {
  const { ctx, picture } = props;
  const { t } = ctx;
  const me = picture.agents.find((agent) => agent.agentId === ctx.actor.agentId);
  if (!me) return <Empty title={t("desk.no-agent")} text={t("desk.no-agent-text")} />;
  const mine = picture.calls.filter((call) => call.journey === me.journey || call.agentId === me.agentId);
  const act = (what: string, label: string, primary = false) => (
    <form method="post" action={`/desk/${what}`}>
      <Button label={label} kind={primary ? "primary" : undefined} />
    </form>
  );
  const out = me.state === "signed-out" || (me.state === "offline" && me.groups.length === 0);
  return (
    <>
      <div class="row">
        <State t={t} state={me.state} reason={me.state === "paused" ? t.code(me.reason) : ""} />
        <Since at={me.since} />
        <Badge
          tone={me.deviceOnline ? "ok" : "warn"}
          text={t(me.deviceOnline ? "live.online" : "live.not-online")}
        />
        {out ? act("sign-in", t("desk.sign-in"), true) : ""}
        {me.state === "paused" ? act("unpause", t("desk.unpause"), true) : ""}
        {me.state === "acw" ? act("end-acw", t("desk.end-acw"), true) : ""}
        {out ? "" : act("sign-out", t("desk.sign-out"))}
      </div>
      <h2 safe>{t("desk.current")}</h2>
      <Calls t={t} calls={mine} can={(permission) => ctx.can(permission)} />
    </>
  );
}
