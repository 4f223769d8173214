/** The live regions of the pages: pure functions from the picture (already narrowed to the person) to HTML. */
import { Html } from "@kitajs/html";
import type { LiveAgent, LiveCall, LiveGroup, LivePicture } from "../../appliance/calls/live.ts";
import { Badge, State } from "../components/badge.tsx";
import { Empty } from "../components/layout.tsx";
import type { Translate } from "../locale/index.ts";

/** A running time; the island counts on from `at`. */
export function Since(props: { at: number }): JSX.Element {
  return <span class="since" data-since={String(props.at)} />;
}

export function Strip(props: { t: Translate; picture: LivePicture; alarms: number }): JSX.Element {
  const { t, picture } = props;
  const waiting = picture.groups.reduce((sum, group) => sum + group.waiting, 0);
  const free = picture.agents.filter((agent) => agent.state === "idle").length;
  const item = (label: string, count: number, href: string) => (
    <a class="strip-item" href={href}>
      <span safe>{label}</span> <b safe>{String(count)}</b>
    </a>
  );
  return (
    <>
      {item(t("live.calls"), picture.calls.length, "/")}
      {item(t("live.waiting"), waiting, "/")}
      {item(t("live.free"), free, "/")}
      {props.alarms > 0 ? item(t("live.alarms"), props.alarms, "/health") : ""}
    </>
  );
}

/** `can` leads those who may to the call's page and its signalling. */
export function Calls(props: {
  t: Translate;
  calls: readonly LiveCall[];
  can?: (permission: string) => boolean;
}): JSX.Element {
  const { t, calls, can = () => false } = props;
  const links = (
    [
      ["calls.view", "live.details", ""],
      ["calls.trace", "trace.title", "/trace"],
    ] as const
  ).filter(([permission]) => can("calls.view") && can(permission));
  if (calls.length === 0) return <Empty title={t("live.no-calls")} text={t("live.no-calls-text")} />;
  const tone = { queue: "warn", ringing: "warn", talking: "ok", held: "info" } as const;
  return (
    <div class="table-wrap free" tabindex="0">
      <table>
        <thead>
          <tr>
            {(
              [
                "live.direction",
                "live.caller",
                "live.callee",
                "live.stage",
                "live.where",
                "live.duration",
              ] as const
            ).map((key) => (
              <th scope="col" safe>
                {t(key)}
              </th>
            ))}
            {links.length > 0 ? (
              <th scope="col">
                <span class="visually-hidden" safe>
                  {t("live.details")}
                </span>
              </th>
            ) : (
              ""
            )}
          </tr>
        </thead>
        <tbody>
          {calls.map((call) => (
            <tr id={`call-${call.journey}`}>
              <td safe>{t(`direction.${call.direction}`)}</td>
              <td>
                <span safe>{call.caller}</span>{" "}
                <span class="muted" safe>
                  {call.callerName}
                </span>
              </td>
              <td safe>{call.didNumber ?? call.callee}</td>
              <td>
                <Badge
                  tone={tone[call.stage as keyof typeof tone] ?? "plain"}
                  text={t(`stage.${call.stage}`)}
                />{" "}
                {call.recording ? (
                  <span class="rec" title={t("live.recording")}>
                    <span aria-hidden="true">●</span>
                    <span class="visually-hidden" safe>
                      {t("live.recording")}
                    </span>
                  </span>
                ) : (
                  ""
                )}
              </td>
              <td safe>{call.at}</td>
              <td>
                <Since at={call.startedAt} />
              </td>
              {links.length > 0 ? (
                <td class="row">
                  {links.map(([, label, page]) => (
                    <a href={`/calls/${encodeURIComponent(call.journey)}${page}`} safe>
                      {t(label)}
                    </a>
                  ))}
                </td>
              ) : (
                ""
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Agents(props: { t: Translate; agents: readonly LiveAgent[] }): JSX.Element {
  const { t, agents } = props;
  if (agents.length === 0) return <Empty title={t("live.no-agents")} text={t("live.no-agents-text")} />;
  return (
    <div class="table-wrap free" tabindex="0">
      <table>
        <thead>
          <tr>
            {(["live.agents", "live.state", "live.duration", "live.phone"] as const).map((key) => (
              <th scope="col" safe>
                {t(key)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {agents.map((agent) => (
            <tr id={`agent-${String(agent.agentId)}`}>
              <td>
                <b safe>{agent.number}</b> <span safe>{agent.name}</span>
              </td>
              <td>
                <State
                  t={t}
                  state={agent.state}
                  reason={agent.state === "paused" ? t.code(agent.reason) : ""}
                />
              </td>
              <td>
                <Since at={agent.since} />
              </td>
              <td>
                <Badge
                  tone={agent.deviceOnline ? "ok" : "plain"}
                  text={t(agent.deviceOnline ? "live.online" : "live.not-online")}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Groups(props: { t: Translate; groups: readonly LiveGroup[] }): JSX.Element {
  const { t, groups } = props;
  const columns = [
    "live.name",
    "live.waiting",
    "live.longest",
    "live.signed-in",
    "live.idle",
    "live.talking",
    "live.answered-today",
    "live.abandoned-today",
  ] as const;
  return (
    <div class="table-wrap free" tabindex="0">
      <table>
        <thead>
          <tr>
            {columns.map((key, index) => (
              <th scope="col" class={index > 0 ? "num" : ""} safe>
                {t(key)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr id={`group-${String(group.groupId)}`}>
              <td>
                <b safe>{group.number}</b> <span safe>{group.name}</span>
              </td>
              <td class="num" safe>
                {String(group.waiting)}
              </td>
              <td class="num">
                {group.longestWaitSince === null ? "–" : <Since at={group.longestWaitSince} />}
              </td>
              {[group.signedIn, group.idle, group.talking, group.answeredToday, group.abandonedToday].map(
                (count) => (
                  <td class="num" safe>
                    {String(count)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
