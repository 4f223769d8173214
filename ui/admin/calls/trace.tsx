/** A call's signalling: what went wrong in words, the ladder, downloads; and the short form on the call's panel. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import type { CallTrace } from "../../../appliance/calls/index.ts";
import { LinkButton, Notice } from "../../components/layout.tsx";
import { Shell } from "../../components/shell.tsx";
import type { Ctx } from "../../http/context.ts";
import { handle } from "../../http/index.ts";
import { Findings, findingWords, ladderHtml, TraceStyle } from "./ladder.tsx";

/** Messages shown at first, and how many more at a time. */
const ROWS = 400;

const pathOf = (journey: string) => `/calls/${encodeURIComponent(journey)}/trace`;

async function page(ctx: Ctx): Promise<JSX.Element> {
  const { t } = ctx;
  const trace = await ctx.app.calls.traces.get(ctx.actor, ctx.params.journey ?? "");
  const path = pathOf(trace.journey);
  const kept = trace.entries.length > 0;
  const rows = Math.max(ROWS, Number.parseInt(ctx.url.searchParams.get("rows") ?? "", 10) || 0);
  const safeLadder = kept ? await ladderHtml(ctx, trace, rows) : "";
  const renewed = trace.live
    ? {
        "hx-get": rows > ROWS ? `${path}?rows=${rows}` : path,
        "hx-trigger": "every 2s",
        "hx-select": "#trace",
        "hx-swap": "outerHTML",
      }
    : {};
  const actions = kept ? (
    <>
      <LinkButton href={`${path}.txt`} label={t("trace.text")} />
      <LinkButton href={`${path}.pcap`} label={t("trace.pcap")} />
    </>
  ) : undefined;
  const crumbs = [
    { label: t("nav.records"), href: "/calls" },
    { label: `${trace.caller} → ${trace.callee}`, href: `/calls/${encodeURIComponent(trace.journey)}` },
  ];
  return (
    <Shell ctx={ctx} title={t("trace.title")} crumbs={crumbs} actions={actions}>
      <TraceStyle />
      <div id="trace" {...renewed}>
        {trace.live ? <Notice tone="info" text={t("trace.live")} /> : ""}
        {trace.source === "file" ? <Notice tone="info" text={t("trace.from-file")} /> : ""}
        {kept ? (
          ""
        ) : (
          <Notice tone="warn" text={t(trace.source === "remote" ? "trace.remote" : "trace.none")} />
        )}
        {kept ? (
          <>
            <h2 safe>{t("trace.why")}</h2>
            <Why ctx={ctx} trace={trace} />
            {safeLadder}
            {trace.ladder.steps.length > rows ? (
              <p>
                <LinkButton
                  href={`${path}?rows=${rows + ROWS}`}
                  label={t("trace.more", { n: trace.ladder.steps.length - rows })}
                />
              </p>
            ) : (
              ""
            )}
            <p class="muted" safe>
              {t("trace.masked")}
            </p>
          </>
        ) : (
          ""
        )}
      </div>
    </Shell>
  );
}

function Why(props: { ctx: Ctx; trace: CallTrace }): JSX.Element {
  const { ctx, trace } = props;
  if (trace.findings.length === 0) return <Notice tone="ok" text={ctx.t("trace.fine")} />;
  const times = new Map(trace.ladder.steps.map((step) => [step.entry, step.times]));
  return (
    <Findings
      ctx={ctx}
      findings={trace.findings}
      parties={trace.parties}
      hrefOf={(entry) => `${pathOf(trace.journey)}?open=${entry}#m${entry}-${times.get(entry) ?? 1}`}
    />
  );
}

/** Where the call's panel shows what is wrong; it asks for it by itself, so that the panel waits for no reading. */
export function TraceSummary(props: { ctx: Ctx; journey: string }): JSX.Element {
  const { ctx, journey } = props;
  if (!ctx.can("calls.trace")) return "";
  return (
    <>
      <TraceStyle />
      <h3 safe>{ctx.t("trace.title")}</h3>
      <div hx-get={`${pathOf(journey)}/summary`} hx-trigger="load" hx-swap="innerHTML" aria-live="polite" />
      <p>
        <LinkButton href={pathOf(journey)} label={ctx.t("trace.show")} />
      </p>
    </>
  );
}

async function summary(ctx: Ctx): Promise<JSX.Element> {
  const trace = await ctx.app.calls.traces.get(ctx.actor, ctx.params.journey ?? "");
  return trace.findings.length > 0 ? <Why ctx={ctx} trace={trace} /> : "";
}

/** "20261121-153012-1001-13800138000": when, who, whom. */
function traceFileName(ctx: Pick<Ctx, "when">, trace: CallTrace): string {
  const when = ctx.when.second(trace.startedAt).replaceAll(/[-:]/g, "").replace(" ", "-");
  const parts = [when, trace.caller, trace.callee].map((part) => part.replaceAll(/[^\w+-]/g, ""));
  return parts.filter((part) => part !== "").join("-");
}

function attachment(name: string, type: string, body: string | Uint8Array<ArrayBuffer>): Response {
  return new Response(body, {
    headers: {
      "content-type": type,
      "content-disposition": `attachment; filename="${name}"`,
      "cache-control": "private, no-store",
    },
  });
}

async function asText(ctx: Ctx): Promise<Response> {
  const { t } = ctx;
  const { trace, text } = await ctx.app.calls.traces.text(ctx.actor, ctx.params.journey ?? "");
  const head = [
    `${ctx.when.second(trace.startedAt)} ${trace.caller} → ${trace.callee} (${trace.journey})`,
    ...trace.parties.map(
      (party) => `${t(`trace.role.${party.role}`)} ${party.name}: Call-ID ${party.callId}`,
    ),
    ...trace.findings.flatMap((found) => {
      const { why, fix } = findingWords(t, found, trace.parties);
      return [`* ${why}`, `  ${t("trace.fix")}${fix}`];
    }),
    t("trace.masked"),
  ];
  const body = `${head.join("\n")}\n\n${text}`;
  return attachment(`${traceFileName(ctx, trace)}.txt`, "text/plain; charset=utf-8", body);
}

async function asPcap(ctx: Ctx): Promise<Response> {
  const { trace, capture } = await ctx.app.calls.traces.capture(ctx.actor, ctx.params.journey ?? "");
  return attachment(`${traceFileName(ctx, trace)}.pcap`, "application/vnd.tcpdump.pcap", capture);
}

export function callTrace(app: App) {
  return new Elysia()
    .get("/calls/:journey/trace", handle(app, "calls.trace", page))
    .get("/calls/:journey/trace/summary", handle(app, "calls.trace", summary))
    .get("/calls/:journey/trace.txt", handle(app, "calls.trace", asText))
    .get("/calls/:journey/trace.pcap", handle(app, "calls.trace", asPcap));
}
