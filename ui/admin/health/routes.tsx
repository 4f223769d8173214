/** System health: the machine, the database, the SIP engine, voice, trunks and alarms, in plain words. */

import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { Badge, type Tone } from "../../components/badge.tsx";
import { Facts, Notice } from "../../components/layout.tsx";
import { Shell } from "../../components/shell.tsx";
import type { Ctx } from "../../http/context.ts";
import { handle } from "../../http/index.ts";
import { trunkWords } from "../routing/trunk-state.tsx";

const GB = 2 ** 30;
const gigabytes = (bytes: number) => `${(bytes / GB).toFixed(1)} GB`;
const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`;

/** Programs that calls and prompts need and that are not installed. */
export function missingPrograms(which: (name: string) => string | null = Bun.which): string[] {
  return ["rtpengine", "ffmpeg", "espeak-ng"].filter(
    (name) => which(name) === null && which(`/usr/sbin/${name}`) === null,
  );
}

function Word(props: { tone: Tone; text: string }): JSX.Element {
  return <Badge tone={props.tone} text={props.text} />;
}

async function machineCard(ctx: Ctx): Promise<JSX.Element> {
  const { t } = ctx;
  const health = await ctx.app.system.health();
  const stats = await ctx.app.sip.stats();
  const missing = missingPrograms();
  const low = health.diskFreeBytes < GB;
  const facts: [string, JSX.Element][] = [
    [
      t("health.version"),
      <span safe>{`${health.version} · Bun ${health.bun} · ${health.schemaVersion}`}</span>,
    ],
    [t("health.up-since"), <span safe>{ctx.when.second(health.startedAt)}</span>],
    [t("health.clock"), <span safe>{ctx.when.second(health.at)}</span>],
    [
      t("health.disk"),
      <Word
        tone={low ? "danger" : "ok"}
        text={`${gigabytes(health.diskFreeBytes)} / ${gigabytes(health.diskTotalBytes)}`}
      />,
    ],
    [
      t("health.database"),
      <Word
        tone={health.databaseProblems.length > 0 ? "danger" : "ok"}
        text={health.databaseProblems[0] ?? `${t("health.ok")} · ${megabytes(health.databaseBytes)}`}
      />,
    ],
    [t("health.memory"), <span safe>{megabytes(health.residentBytes)}</span>],
    [
      t("health.packages"),
      <Word
        tone={missing.length > 0 ? "danger" : "ok"}
        text={missing.length > 0 ? t("health.missing", { names: missing.join(" ") }) : t("health.ok")}
      />,
    ],
    [
      t("health.engine"),
      <Word
        tone={stats.engineConnected ? "ok" : "danger"}
        text={t(stats.engineConnected ? "trunk-state.up" : "trunk-state.down")}
      />,
    ],
    [t("health.listening"), <span safe>{ctx.app.sip.listening.join("  ")}</span>],
    [
      t("health.media"),
      <Word
        tone={stats.media.rtpengine.state === "up" ? "ok" : "danger"}
        text={t(`health.media-${stats.media.rtpengine.state}`)}
      />,
    ],
    [t("health.phones"), <span safe>{String(stats.registeredExtensions)}</span>],
  ];
  return (
    <section class="card">
      <Facts facts={facts} />
    </section>
  );
}

function TrunksCard(props: { ctx: Ctx }): JSX.Element {
  const { ctx } = props;
  const states = ctx.app.routing.trunks.states(ctx.actor);
  if (states.length === 0) return "";
  const well = new Set(["registered", "up", "disabled"]);
  return (
    <section class="card">
      <h2 safe>{ctx.t("health.trunks")}</h2>
      <Facts
        facts={states.map((state): readonly [string, JSX.Element] => [
          state.name,
          <>
            <Word tone={well.has(state.state) ? "ok" : "danger"} text={trunkWords(ctx, state)} />{" "}
            <span class="muted" safe>
              {ctx.when.minute(state.since)}
            </span>
          </>,
        ])}
      />
    </section>
  );
}

function Alarms(props: { ctx: Ctx }): JSX.Element {
  const { ctx } = props;
  const open = ctx.app.system.alarms.open();
  return (
    <section class="card">
      <h2 safe>{ctx.t("health.alarms")}</h2>
      {open.length === 0 ? <Notice tone="ok" text={ctx.t("health.no-alarms")} /> : ""}
      {open.map((alarm) => (
        <Notice
          tone="danger"
          text={`${ctx.t(`alarm.${alarm.code}`, { subject: alarm.subject, detail: alarm.detail })} · ${ctx.when.minute(alarm.raisedAt)}`}
        />
      ))}
    </section>
  );
}

export function health(app: App) {
  return new Elysia().get(
    "/health",
    handle(app, "health.view", async (ctx) => {
      const safeMachine = await machineCard(ctx);
      return (
        <Shell ctx={ctx} title={ctx.t("health.title")}>
          {safeMachine}
          <TrunksCard ctx={ctx} />
          <Alarms ctx={ctx} />
        </Shell>
      );
    }),
  );
}
