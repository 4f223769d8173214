/** Call records: the list with filters, columns and export; one call's details with its recording and time line. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { CALL_RESULTS, type CallEvent, type CallRecordView } from "../../../appliance/calls/index.ts";
import { type ListQuery, type Option, SYSTEM_ACTOR } from "../../../appliance/kernel.ts";
import { officeDayStart } from "../../../appliance/routing/index.ts";
import { Button, Facts, Notice, SidePanel } from "../../components/layout.tsx";
import { Shell } from "../../components/shell.tsx";
import { Filters, Pager } from "../../components/table.tsx";
import type { Ctx } from "../../http/context.ts";
import { handle, RAW, redirect } from "../../http/index.ts";
import type { Key } from "../../locale/index.ts";
import { audioResponse } from "./range.ts";
import { CallTable, columnsOf } from "./table.tsx";
import { TraceSummary } from "./trace.tsx";
import { duration, type EventNames, eventWords } from "./words.ts";

const DIRECTIONS = ["inbound", "outbound", "internal"] as const;
const FILTERS = ["direction", "result", "from", "to"] as const;

/** Columns of the CSV file with their headings. */
const EXPORTED: readonly (readonly [key: string, label: Key])[] = [
  ["started_at", "calls.started"],
  ["direction", "live.direction"],
  ["caller_actual", "live.caller"],
  ["caller_name", "live.name"],
  ["callee_actual", "live.callee"],
  ["did_number", "calls.did"],
  ["group_name", "calls.group"],
  ["agent_number", "calls.agent"],
  ["result", "calls.result"],
  ["cause", "calls.cause"],
  ["hangup_by", "calls.by"],
  ["ivr_ms", "calls.ivr"],
  ["wait_ms", "calls.wait"],
  ["ring_ms", "calls.ring"],
  ["talk_ms", "calls.talk"],
  ["hold_ms", "calls.hold"],
  ["acw_ms", "calls.acw"],
  ["total_ms", "calls.total"],
  ["keys", "calls.keys"],
];

const DAY_MS = 86_400_000;

/** The filters of an address; dates become UTC ms of the office's days, the last day is included. */
export function filtersOf(url: URL, timeZone: string): Record<string, string | number> {
  const found: Record<string, string | number> = {};
  for (const name of FILTERS) {
    const given = url.searchParams.get(name);
    if (!given) continue;
    const noon = Date.parse(`${given}T12:00:00Z`);
    if (name === "from" && !Number.isNaN(noon)) found.from = officeDayStart(noon, timeZone);
    else if (name === "to" && !Number.isNaN(noon)) found.to = officeDayStart(noon + DAY_MS, timeZone);
    else if (name === "direction" || name === "result") found[name] = given;
  }
  return found;
}

/** The list's question from the page's address. */
export function queryOf(url: URL, timeZone: string): ListQuery {
  const asked = url.searchParams;
  const filters = Object.fromEntries(
    Object.entries(filtersOf(url, timeZone)).map(([name, item]) => [name, String(item)]),
  );
  return {
    search: asked.get("q") ?? "",
    filters,
    sort: asked.get("sort") ?? "startedAt",
    // Newest first unless the heading was pressed for the other way.
    descending: asked.get("sort") === null || asked.get("dir") === "desc",
    page: Math.max(1, Number(asked.get("page")) || 1),
    pageSize: 50,
  };
}

function Toolbar(props: { ctx: Ctx; visible: ReadonlySet<string> | undefined }): JSX.Element {
  const { ctx } = props;
  const { t } = ctx;
  const asked = ctx.url.searchParams;
  const date = (name: "from" | "to") => (
    <label class="row">
      <span safe>{t(`calls.${name}`)}</span>
      <input type="date" name={name} value={asked.get(name) ?? ""} />
    </label>
  );
  const choose = (
    <details class="menu">
      <summary class="btn" safe>
        {t("table.columns")}
      </summary>
      <div class="menu-body">
        {columnsOf(ctx).map((column) => (
          <label>
            <input
              type="checkbox"
              name="col"
              value={column.key}
              checked={props.visible ? props.visible.has(column.key) : column.standard}
            />
            <span safe>{column.label}</span>
          </label>
        ))}
        <Button label={t("table.apply")} />
      </div>
    </details>
  );
  return (
    <Filters
      visit={ctx}
      filters={[
        {
          name: "direction",
          label: t("live.direction"),
          options: DIRECTIONS.map((value) => ({ value, label: t(`direction.${value}`) })),
        },
        {
          name: "result",
          label: t("calls.result"),
          options: CALL_RESULTS.map((value) => ({ value, label: t(`result.${value}`) })),
        },
      ]}
      end={choose}
    >
      <>
        {date("from")}
        {date("to")}
      </>
    </Filters>
  );
}

async function page(ctx: Ctx, panel?: JSX.Element): Promise<JSX.Element> {
  const query = queryOf(ctx.url, ctx.app.system.settings.get().timeZone);
  const found = await ctx.app.calls.records.list(ctx.actor, query);
  const chosen = ctx.url.searchParams.getAll("col");
  const visible = chosen.length > 0 ? new Set(["startedAt", ...chosen]) : undefined;
  const list = (
    <div id="list">
      <CallTable
        ctx={ctx}
        rows={found.rows}
        visible={visible}
        sort={query.sort}
        descending={query.descending}
      />
      <Pager visit={ctx} total={found.total} page={found.page} pageSize={found.pageSize} />
    </div>
  );
  if (ctx.partial && ctx.request.headers.get("hx-target")?.endsWith("list")) return list;
  const actions = ctx.can("calls.export") ? (
    <form method="post" action={`/calls/export${ctx.url.search}`}>
      <Button label={ctx.t("calls.export")} />
    </form>
  ) : undefined;
  return (
    <Shell ctx={ctx} title={ctx.t("nav.records")} actions={actions} panel={panel}>
      <Toolbar ctx={ctx} visible={visible} />
      {list}
    </Shell>
  );
}

function Timeline(props: { ctx: Ctx; events: readonly CallEvent[]; names: EventNames }): JSX.Element {
  const { ctx, events, names } = props;
  const first = events[0]?.at ?? 0;
  return (
    <ol class="timeline">
      {events.map((event) => (
        <li>
          <time title={ctx.when.second(event.at)} safe>
            {`+${((event.at - first) / 1000).toFixed(1)}`}
          </time>{" "}
          <span safe>{eventWords(ctx.t, event, names)}</span>
        </li>
      ))}
    </ol>
  );
}

/** Why there is nothing to play. */
function noRecording(rows: readonly CallRecordView[]): Key {
  if (rows.some((row) => row.recording?.state === "deleted")) return "calls.recording-deleted";
  return rows.some((row) => row.endedAt === null) ? "calls.recording-later" : "calls.no-recording";
}

async function details(ctx: Ctx): Promise<JSX.Element> {
  const { t, app, actor } = ctx;
  const journey = ctx.params.journey ?? "";
  const rows = await app.calls.records.get(actor, journey);
  const events = await app.calls.records.timeline(actor, journey);
  const byId = (options: readonly Option[]) => new Map(options.map(({ id, label }) => [id, label]));
  const names: EventNames = {
    agents: byId(await app.people.agents.options(SYSTEM_ACTOR)),
    media: byId(await app.routing.mediaFiles.options(SYSTEM_ACTOR)),
  };
  const recordings = rows.flatMap((row) => (row.recording?.state === "done" ? [row.recording.id] : []));
  const row = rows[0];
  const facts: [string, string][] = row
    ? [
        [t("calls.started"), ctx.when.second(row.startedAt)],
        [t("live.direction"), t.code(`direction.${row.direction}`)],
        [t("live.caller"), `${row.callerOriginal} ${row.callerName}`],
        [t("live.callee"), row.calleeOriginal],
        [t("calls.result"), row.result ? t.code(`result.${row.result}`) : ""],
        [t("calls.cause"), row.cause ? t.code(`cause.${row.cause}`) : ""],
        [t("calls.by"), row.hangupBy ? t.code(`by.${row.hangupBy}`) : ""],
        [t("calls.keys"), row.keys],
        [t("calls.wait"), duration(row.waitMs)],
        [t("calls.talk"), duration(row.talkMs)],
        [t("calls.hold"), duration(row.holdMs)],
        [t("calls.total"), duration(row.totalMs)],
      ]
    : [];
  const panel = (
    <SidePanel visit={ctx} title={t("calls.details")} closeHref={`/calls${ctx.url.search}`}>
      <Facts
        facts={facts
          .filter(([, body]) => body.trim() !== "")
          .map(([label, body]) => [label, <span safe>{body}</span>] as const)}
      />
      {ctx.can("recordings.play") && recordings.length > 0 ? (
        <>
          {recordings.map((id) => (
            <p>
              <audio controls="controls" preload="metadata" src={`/recordings/${encodeURIComponent(id)}`} />
            </p>
          ))}
        </>
      ) : (
        <Notice tone="info" text={t(noRecording(rows))} />
      )}
      <TraceSummary ctx={ctx} journey={journey} />
      <h3 safe>{t("calls.timeline")}</h3>
      <Timeline ctx={ctx} events={events} names={names} />
    </SidePanel>
  );
  return page(ctx, panel);
}

async function recording(ctx: Ctx): Promise<Response> {
  const id = ctx.params.id ?? "";
  const download = ctx.url.searchParams.has("download");
  const use = download ? "download" : "play";
  const { path, name } = await ctx.app.calls.records.recordingFile(ctx.actor, id, use);
  return audioResponse(Bun.file(path), ctx.request.headers.get("range"), { name, download });
}

/** Starts the export of what the list shows now and leads to its page. */
async function startExport(ctx: Ctx): Promise<Response> {
  const { timeZone } = ctx.app.system.settings.get();
  const job = await ctx.app.system.jobs.start(ctx.actor, "export-call-records", {
    ...filtersOf(ctx.url, timeZone),
    number: ctx.url.searchParams.get("q") ?? "",
    columns: EXPORTED.map(([key, label]) => ({ key, label: ctx.t(label) })),
    timeZone,
  });
  return redirect(ctx, `/calls/export/${job.id}`);
}

async function exportPage(ctx: Ctx): Promise<JSX.Element> {
  const { t } = ctx;
  const id = Number(ctx.params.id);
  const job = await ctx.app.system.jobs.get(ctx.actor, id);
  const open = job.state === "queued" || job.state === "running";
  return (
    <Shell ctx={ctx} title={t("calls.export")} crumbs={[{ label: t("nav.records"), href: "/calls" }]}>
      <div
        id="export"
        {...(open
          ? {
              "hx-get": `/calls/export/${id}`,
              "hx-trigger": "every 1s",
              "hx-select": "#export",
              "hx-swap": "outerHTML",
            }
          : {})}
      >
        {open ? <Notice tone="info" text={t("calls.export-running", { progress: job.progress })} /> : ""}
        {job.state === "failed" ? (
          <Notice tone="danger" text={t("calls.export-failed", { error: job.error ?? "" })} />
        ) : (
          ""
        )}
        {job.state === "done" ? (
          <>
            <Notice tone="ok" text={t("calls.export-done")} />
            <a class="btn primary" href={`/calls/export/${id}/file`} safe>
              {t("action.download")}
            </a>
          </>
        ) : (
          ""
        )}
      </div>
    </Shell>
  );
}

async function exportFile(ctx: Ctx): Promise<Response> {
  const { path, name } = await ctx.app.system.jobs.file(ctx.actor, Number(ctx.params.id));
  return new Response(Bun.file(path), {
    headers: {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": `attachment; filename="${name.replaceAll(/[^\w.-]/g, "_")}"`,
    },
  });
}

export function calls(app: App) {
  return new Elysia()
    .get(
      "/calls",
      handle(app, "calls.view", (ctx) => page(ctx)),
    )
    .post("/calls/export", handle(app, "calls.export", startExport), RAW)
    .get("/calls/export/:id", handle(app, "calls.export", exportPage))
    .get("/calls/export/:id/file", handle(app, "calls.export", exportFile))
    .get("/calls/:journey", handle(app, "calls.view", details))
    .get("/recordings/:id", handle(app, "recordings.play", recording));
}
