/** The last SIP messages of an extension, a trunk, an address: for trouble that never became a call. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import type { FoundMessages } from "../../../appliance/calls/index.ts";
import { type Option, SYSTEM_ACTOR } from "../../../appliance/kernel.ts";
import { Button, Empty, Notice } from "../../components/layout.tsx";
import { Shell } from "../../components/shell.tsx";
import type { Ctx } from "../../http/context.ts";
import { handle } from "../../http/index.ts";
import { Findings, Message, pause, TraceStyle } from "../calls/ladder.tsx";
import { kindOf } from "../calls/ladder-words.ts";

function Choice(props: { ctx: Ctx; name: "extension" | "trunk"; options: readonly Option[] }): JSX.Element {
  const { ctx, name } = props;
  const chosen = ctx.url.searchParams.get(name) ?? "";
  return (
    <label class="row">
      <span safe>{ctx.t(`sip-trace.${name}`)}</span>
      <select name={name}>
        <option value="" safe>
          {ctx.t("sip-trace.any")}
        </option>
        {props.options.map(({ id, label }) => (
          <option value={String(id)} selected={chosen === String(id)} safe>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Newest first; written with pauses, as the ladder. */
async function messagesHtml(ctx: Ctx, found: FoundMessages): Promise<string> {
  const { steps, columns } = found.ladder;
  const open = ctx.url.searchParams.get("open");
  const items: string[] = [];
  for (const [index, step] of steps.toReversed().entries()) {
    if (index % 20 === 19) await pause();
    const entry = found.entries[step.entry];
    const kind = kindOf(step);
    const remote = columns[step.column]?.remote.replace(/^(\w+):/, "$1 ") ?? "";
    const label = `${kind.shape} ${step.label}${step.times > 1 ? ` ×${step.times}` : ""}`.trim();
    const about = step.status === undefined ? "" : `(${step.method})`;
    const item = (
      <li>
        <details id={`m${step.entry}`} open={open === String(step.entry)}>
          <summary class={kind.css}>
            <time safe>{`${ctx.when.second(step.at)}.${String(step.at % 1000).padStart(3, "0")}`}</time>
            <span aria-hidden="true">{step.direction === "in" ? "←" : "→"}</span>
            <span class="mono" safe>
              {remote}
            </span>
            <span>
              <b safe>{label}</b>{" "}
              <span class="muted" safe>
                {`${about} ${entry ? whoIn(entry.text) : ""}`}
              </span>
            </span>
          </summary>
          {entry ? <Message ctx={ctx} step={step} entry={entry} start={step.at} way="" /> : ""}
        </details>
      </li>
    );
    items.push(String(item));
  }
  const safeItems = items.join("");
  return String(<ol class="messages">{safeItems}</ol>);
}

/** "1001 → 1002" from From and To; one name when both are the same. */
function whoIn(text: string): string {
  const user = (name: string) => new RegExp(`^${name}:.*?sips?:([^@>;\\s]+)@`, "im").exec(text)?.[1] ?? "";
  const [from, to] = [user("From"), user("To")];
  return from === to || to === "" ? from : `${from} → ${to}`;
}

async function page(ctx: Ctx): Promise<JSX.Element> {
  const { t, app } = ctx;
  const asked = ctx.url.searchParams;
  const [extensionId, trunkId] = [Number(asked.get("extension")), Number(asked.get("trunk"))];
  const found = await app.calls.traces.search(ctx.actor, {
    ...(extensionId > 0 ? { extensionId } : {}),
    ...(trunkId > 0 ? { trunkId } : {}),
    text: asked.get("q") ?? "",
  });
  const extensions = await app.people.extensions.options(SYSTEM_ACTOR);
  const trunks = await app.routing.trunks.options(SYSTEM_ACTOR);
  const safeMessages = await messagesHtml(ctx, found);
  const without = new URLSearchParams(asked);
  without.delete("open");
  const query = without.size > 0 ? `${without}&` : "";
  return (
    <Shell ctx={ctx} title={t("nav.sip-trace")} lead={t("sip-trace.lead")}>
      <TraceStyle />
      <form class="toolbar" method="get" action="/sip-trace">
        <Choice ctx={ctx} name="extension" options={extensions} />
        <Choice ctx={ctx} name="trunk" options={trunks} />
        <input
          type="search"
          name="q"
          value={asked.get("q") ?? ""}
          placeholder={t("sip-trace.text")}
          aria-label={t("sip-trace.text")}
        />
        <Button label={t("sip-trace.show")} kind="primary" />
      </form>
      {found.remote ? <Notice tone="warn" text={t("trace.remote")} /> : ""}
      {found.findings.length > 0 ? (
        <Findings
          ctx={ctx}
          findings={found.findings}
          parties={[]}
          hrefOf={(entry) => `/sip-trace?${query}open=${entry}#m${entry}`}
        />
      ) : (
        ""
      )}
      {found.entries.length > 0 ? (
        safeMessages
      ) : (
        <Empty title={t("sip-trace.empty")} text={t("sip-trace.empty-text")} />
      )}
      <p class="muted" safe>
        {t("trace.masked")}
      </p>
    </Shell>
  );
}

export function sipTraceRoutes(app: App) {
  return new Elysia().get("/sip-trace", handle(app, "sip-trace.view", page));
}
