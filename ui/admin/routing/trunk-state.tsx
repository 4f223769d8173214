/** A trunk's live state in words, and the button that asks the carrier now. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { NotFoundError } from "../../../appliance/kernel.ts";
import type { TrunkState } from "../../../sip/directory.ts";
import { Badge, Facts, type Tone } from "../../components/index.ts";
import { type Ctx, handle, RAW } from "../../http/index.ts";

const TONES: Readonly<Record<TrunkState["state"], Tone>> = {
  disabled: "plain",
  registering: "info",
  registered: "ok",
  up: "ok",
  unproven: "warn",
  down: "danger",
  refused: "danger",
  unreachable: "danger",
};

/** What is wrong, without the state; "" when all is well. */
function problemWords(ctx: Pick<Ctx, "t">, state: TrunkState | undefined): string {
  const problem = state?.problem;
  return problem ? ctx.t(`trunk.problem.${problem.code}`, { detail: problem.detail }).trim() : "";
}

/** A trunk's state as a sentence: "Registered until …", "Refused: 403 Forbidden, wrong password …". */
export function trunkWords(ctx: Pick<Ctx, "t" | "when">, state: TrunkState | undefined): string {
  if (!state) return ctx.t("trunk.unknown");
  const word = ctx.t(`trunk.${state.state}`, { until: ctx.when.second(state.registeredUntil) });
  const problem = problemWords(ctx, state);
  return problem === "" ? word : ctx.t("trunk.with-problem", { state: word, problem });
}

const stateOf = (ctx: Ctx, id: number) => ctx.app.routing.trunks.state(ctx.actor, id);

function TrunkBadge(props: { ctx: Ctx; id: number }): JSX.Element {
  const { ctx } = props;
  const state = stateOf(ctx, props.id);
  return <Badge tone={state ? TONES[state.state] : "plain"} text={trunkWords(ctx, state)} />;
}

const renewed = (id: number, part: string) => ({
  "hx-get": `/trunks/${id}/${part}`,
  "hx-trigger": "every 3s",
  "hx-swap": "outerHTML",
});

/** The badge of a list; keeps itself up to date. */
export function LiveTrunkBadge(props: { ctx: Ctx; id: number }): JSX.Element {
  return (
    <span {...renewed(props.id, "badge")} title={trunkWords(props.ctx, stateOf(props.ctx, props.id))}>
      <TrunkBadge {...props} />
    </span>
  );
}

/** The card beside a trunk's form; keeps itself up to date. */
export function TrunkStateCard(props: { ctx: Ctx; id: number; note?: string }): JSX.Element {
  const { ctx, id, note } = props;
  const state = stateOf(ctx, id);
  const problem = problemWords(ctx, state);
  return (
    <div class="card" id="trunk-state" aria-live="polite" {...renewed(id, "state")}>
      <h2 safe>{ctx.t("f.state")}</h2>
      <p>
        <Badge
          tone={state ? TONES[state.state] : "plain"}
          text={trunkWords(ctx, state && { ...state, problem: null })}
        />
      </p>
      {problem === "" ? "" : <p safe>{problem}</p>}
      {state ? (
        <Facts
          facts={[
            [ctx.t("trunk.since"), <span safe>{ctx.when.second(state.since)}</span>],
            [ctx.t("trunk.calls-now"), <span>{state.callsNow}</span>],
            [
              ctx.t("trunk.latency"),
              <span safe>{state.latencyMs === null ? "—" : `${Math.round(state.latencyMs)} ms`}</span>,
            ],
          ]}
        />
      ) : (
        ""
      )}
      {ctx.can("trunks.edit") && state !== undefined && state.state !== "disabled" ? (
        <p class="spaced">
          <button
            type="button"
            class="btn"
            hx-post={`/trunks/${id}/check`}
            hx-target="#trunk-state"
            hx-swap="outerHTML"
            safe
          >
            {ctx.t("trunk.check")}
          </button>
        </p>
      ) : (
        ""
      )}
      {note ? (
        <p class="muted" safe>
          {note}
        </p>
      ) : (
        ""
      )}
    </div>
  );
}

function idOf(ctx: Ctx): number {
  const text = ctx.params.id ?? "";
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new NotFoundError("trunk", text);
  return Number(text);
}

async function known(ctx: Ctx): Promise<number> {
  return (await ctx.app.routing.trunks.get(ctx.actor, idOf(ctx))).id;
}

export function trunkStateRoutes(app: App) {
  return new Elysia()
    .get(
      "/trunks/:id/badge",
      handle(app, "trunks.view", async (ctx) => <LiveTrunkBadge ctx={ctx} id={await known(ctx)} />),
    )
    .get(
      "/trunks/:id/state",
      handle(app, "trunks.view", async (ctx) => <TrunkStateCard ctx={ctx} id={await known(ctx)} />),
    )
    .post(
      "/trunks/:id/check",
      handle(app, "trunks.edit", async (ctx) => {
        const id = idOf(ctx);
        const asked = await ctx.app.routing.trunks.check(ctx.actor, id);
        return <TrunkStateCard ctx={ctx} id={id} {...(asked ? { note: ctx.t("trunk.checking") } : {})} />;
      }),
      RAW,
    );
}
