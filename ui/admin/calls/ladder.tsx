/** The ladder diagram of a call: all legs together, time downwards, every arrow opens to the whole message. */
import { Html } from "@kitajs/html";
import type { CallTrace, TracedParty } from "../../../appliance/calls/index.ts";
import type { Finding, LadderStep, TraceEntry } from "../../../sip/index.ts";
import { addAsset } from "../../assets/assets.ts";
import css from "../../assets/trace.css" with { type: "text" };
import { Facts } from "../../components/layout.tsx";
import type { Ctx } from "../../http/context.ts";
import type { Translate } from "../../locale/index.ts";
import { kindOf, nameOf, sdpLong, sdpShort } from "./ladder-words.ts";

/** More parties than this share the last lane. */
const MOST_LANES = 40;
/** Steps written between two pauses. */
const AT_ONCE = 20;

/** Lanes cannot be said in style attributes (content policy), so each number has its class. */
function laneRules(): string {
  const rules: string[] = [];
  for (let n = 0; n <= MOST_LANES; n++)
    rules.push(
      `.n${n} { --n: ${n}; } .s${n} { grid-column-start: ${2 * n + 2}; } .e${n} { grid-column-end: ${2 * n + 2}; }`,
    );
  return rules.join("\n");
}

const STYLE = addAsset("trace.css", `${css}\n${laneRules()}`, "text/css; charset=utf-8");

/** The sheet of the signalling pages; stands in their body. */
export function TraceStyle(): JSX.Element {
  return <link rel="stylesheet" href={STYLE} />;
}

/** The first `rows` steps, written with pauses: the thread that writes pages serves calls too. */
export async function ladderHtml(ctx: Ctx, trace: CallTrace, rows: number): Promise<string> {
  const { columns, steps } = trace.ladder;
  const names = columns.map((column) => nameOf(ctx.t, column, trace.parties));
  const exchange = { name: ctx.t("trace.exchange"), address: "" };
  const lanes = [...names.slice(0, 1), exchange, ...names.slice(1)].slice(0, MOST_LANES);
  const start = steps[0]?.at ?? 0;
  const open = ctx.url.searchParams.get("open");
  const items: string[] = [];
  for (const [index, step] of steps.slice(0, rows).entries()) {
    if (index % AT_ONCE === AT_ONCE - 1) await pause();
    const item = (
      <li>
        <Step
          ctx={ctx}
          step={step}
          lane={Math.min(laneOf(step.column), MOST_LANES - 1)}
          name={names[step.column]?.name ?? ""}
          entry={trace.entries[step.entry]}
          start={start}
          open={open === String(step.entry)}
        />
      </li>
    );
    items.push(String(item));
  }
  const safeSteps = items.join("");
  const ladder = (
    <section class={`ladder n${lanes.length}`} aria-label={ctx.t("trace.title")}>
      <div class="ladder-head">
        <span />
        <div class="lanes">
          {lanes.map((lane) => (
            <span>
              <b safe>{lane.name}</b>
              <small safe>{lane.address}</small>
            </span>
          ))}
        </div>
      </div>
      <ol>{safeSteps}</ol>
    </section>
  );
  return String(ladder);
}

/** Lets everything else that waits go first; a chain of immediates would not. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** We stand behind the first party. */
function laneOf(column: number): number {
  return column === 0 ? 0 : column + 1;
}

function Step(props: {
  ctx: Ctx;
  step: LadderStep;
  lane: number;
  name: string;
  entry: TraceEntry | undefined;
  start: number;
  open: boolean;
}): JSX.Element {
  const { ctx, step, lane, name, entry, start } = props;
  const { t } = ctx;
  const kind = kindOf(step);
  const [from, to] = step.direction === "in" ? [lane, 1] : [1, lane];
  const way = {
    from: step.direction === "in" ? name : t("trace.exchange"),
    to: step.direction === "in" ? t("trace.exchange") : name,
  };
  const label = `${kind.shape} ${step.label}${step.times > 1 ? ` ×${step.times}` : ""}`.trim();
  const media = step.sdp ? sdpShort(t, step.sdp) : (step.reason ?? step.warning ?? "");
  const arrow = `arrow ${from < to ? "right" : "left"} s${Math.min(from, to)} e${Math.max(from, to)}`;
  return (
    <details id={`m${step.entry}-${step.times}`} hx-preserve="true" open={props.open}>
      <summary
        class={kind.css}
        aria-label={`+${step.at - start} ms ${t("trace.way", way)}: ${label} ${media}`}
      >
        <time title={ctx.when.second(step.at)} safe>{`+${step.at - start} ms`}</time>
        <span class="lanes">
          <span class={arrow}>
            <b safe>{label}</b>
            <i />
            {media === "" ? "" : <small safe>{media}</small>}
          </span>
        </span>
      </summary>
      {entry ? <Message ctx={ctx} step={step} entry={entry} start={start} way={t("trace.way", way)} /> : ""}
    </details>
  );
}

/** A message as it was, with what it means above it. */
export function Message(props: {
  ctx: Ctx;
  step: LadderStep;
  entry: TraceEntry;
  start: number;
  way: string;
}): JSX.Element {
  const { ctx, step, entry, start } = props;
  const { t } = ctx;
  const milliseconds = String(entry.at % 1000).padStart(3, "0");
  const repeated = t("trace.times", { n: step.times, ms: step.lastAt - start });
  const facts: [string, string][] = [
    [t("trace.at"), `${ctx.when.second(entry.at)}.${milliseconds}${step.times > 1 ? ` · ${repeated}` : ""}`],
    [t("trace.peer"), `${props.way} (${entry.direction === "in" ? "←" : "→"} ${entry.remote})`.trim()],
    ...(step.sdp ? sdpLong(t, step.sdp) : []).map((words): [string, string] => [t("trace.media"), words]),
  ];
  return (
    <div class="message">
      <Facts facts={facts.map(([label, body]) => [label, <span safe>{body}</span>] as const)} />
      <pre tabindex="0" safe>
        {entry.text.replaceAll("\r\n", "\n").trimEnd()}
      </pre>
    </div>
  );
}

/** The space around a name of Latin letters goes where the name is Chinese: "收到坐席 1002". */
function closed(text: string): string {
  return text.replace(/(?<=\p{Script=Han}) (?=\p{Script=Han})/gu, "");
}

/** A finding in words: what happened, and what to do. */
export function findingWords(
  t: Translate,
  found: Finding,
  parties: readonly TracedParty[],
): { readonly why: string; readonly fix: string } {
  const party = parties.find((one) => one.name !== "" && one.name === found.params.who);
  const who = party ? `${t(`trace.role.${party.role}`)} ${party.name}` : found.params.who;
  const params = { ...found.params, ...(who === undefined ? {} : { who }) };
  const words = params as Record<string, string | number>;
  for (const name of ["offer", "answer"] as const)
    if (name in words) words[name] = t.code(`trace.security.${words[name]}`);
  if ("direction" in words) words.direction = t.code(`trace.way.${words.direction}`);
  return { why: closed(t(`why.${found.code}`, words)), fix: closed(t(`fix.${found.code}`, words)) };
}

/** All findings, causes first; `hrefOf` leads to the message that shows one. */
export function Findings(props: {
  ctx: Ctx;
  findings: readonly Finding[];
  parties: readonly TracedParty[];
  hrefOf: (entry: number) => string;
}): JSX.Element {
  const { t } = props.ctx;
  return (
    <ul class="why">
      {props.findings.map((found) => {
        const { why, fix } = findingWords(t, found, props.parties);
        return (
          <li class={found.weight}>
            <b safe>{`${found.weight === "cause" ? "✕" : "ℹ"} ${why}`}</b>{" "}
            {found.entry === undefined ? (
              ""
            ) : (
              <a href={props.hrefOf(found.entry)} safe>
                {t("trace.see")}
              </a>
            )}
            <p safe>{`${t("trace.fix")}${fix}`}</p>
          </li>
        );
      })}
    </ul>
  );
}
