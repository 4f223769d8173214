/** The sign-in page and the change of one's own password. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { UseCaseError, ValidationError } from "../../../appliance/kernel.ts";
import { Button, type FormState, Notice, Plain, Shell, TextField } from "../../components/index.ts";
import {
  actorOf,
  type Complaints,
  type Ctx,
  handle,
  html,
  open,
  RAW,
  readForm,
  redirect,
  SESSION_COOKIE,
  setCookie,
  submitted,
  type Values,
  type Visit,
  value,
} from "../../http/index.ts";
import { ownAddress } from "./address.ts";

/** Longer than the server-side session's sliding expiry may be; the server decides. */
const SESSION_COOKIE_S = 30 * 24 * 3600;

/** Links that switch the language of pages before sign-in. */
export function LanguageLinks(props: { visit: Visit }): JSX.Element {
  const back = encodeURIComponent(props.visit.url.pathname);
  return (
    <span>
      <a href={`/language?to=zh-CN&back=${back}`}>简体中文</a> ·{" "}
      <a href={`/language?to=en&back=${back}`}>English</a>
    </span>
  );
}

function SignInPage(props: { visit: Visit; values: Values; problem?: string }): JSX.Element {
  const { visit } = props;
  const { t } = visit;
  const form: FormState = { t, values: props.values, complaints: {} };
  return (
    <Plain visit={visit} title={t("sign-in.title")} foot={<LanguageLinks visit={visit} />}>
      <form method="post" action="/sign-in" class="fields">
        <h1 safe>{t("sign-in.title")}</h1>
        {props.problem ? <Notice tone="danger" text={props.problem} /> : ""}
        <input
          type="hidden"
          name="back"
          value={value(props.values, "back") || (visit.url.searchParams.get("back") ?? "")}
        />
        <TextField form={form} name="username" label={t("f.username")} autocomplete="username" autofocus />
        <TextField
          form={{ ...form, values: {} }}
          name="password"
          type="password"
          label={t("f.password")}
          autocomplete="current-password"
        />
        <Button label={t("sign-in.button")} kind="primary" />
      </form>
    </Plain>
  );
}

function PasswordPage(props: { ctx: Ctx; complaints: Complaints }): JSX.Element {
  const { ctx } = props;
  const { t } = ctx;
  const form: FormState = { t, values: {}, complaints: props.complaints };
  return (
    <Shell ctx={ctx} title={t("password.title")}>
      <form method="post" action="/password" class="card">
        <div class="fields">
          <TextField
            form={form}
            name="current"
            type="password"
            label={t("password.current")}
            autocomplete="current-password"
          />
          <TextField
            form={form}
            name="next"
            type="password"
            label={t("password.next")}
            help={t("f.password-help")}
          />
          <TextField form={form} name="repeat" type="password" label={t("password.repeat")} />
          <div>
            <Button label={t("action.save")} kind="primary" />
          </div>
        </div>
      </form>
    </Shell>
  );
}

/** Signs a person in and sends the browser to `to`. @throws UseCaseError when the person is refused */
export async function enter(visit: Visit, username: string, password: string, to: string): Promise<Response> {
  const { token } = await visit.app.people.signIn(username, password, {
    address: visit.address,
    userAgent: (visit.request.headers.get("user-agent") ?? "").slice(0, 300),
  });
  return redirect(visit, to, [setCookie(visit.request, SESSION_COOKIE, token, SESSION_COOKIE_S)]);
}

export function signIn(app: App) {
  return new Elysia()
    .get(
      "/sign-in",
      open(app, (visit) => {
        if (app.system.setup.needed()) return redirect(visit, "/setup");
        if (actorOf(app, visit.request)) return redirect(visit, "/");
        return <SignInPage visit={visit} values={{}} />;
      }),
    )
    .post(
      "/sign-in",
      open(app, async (visit) => {
        const { values } = await readForm(visit.request);
        try {
          const back = ownAddress(value(values, "back") || "/");
          return await enter(visit, value(values, "username").trim(), value(values, "password"), back);
        } catch (error) {
          if (!(error instanceof UseCaseError)) throw error;
          const problem = visit.t.code(error.code, error.params);
          const status = error.code === "error.sign-in-slow" ? 429 : 401;
          return html(visit, <SignInPage visit={visit} values={values} problem={problem} />, status);
        }
      }),
      RAW,
    )
    .get(
      "/language",
      open(app, (visit) => {
        const to = visit.url.searchParams.get("to") === "en" ? "en" : "zh-CN";
        const back = ownAddress(visit.url.searchParams.get("back") ?? "/");
        return redirect(visit, back, [setCookie(visit.request, "lang", to, SESSION_COOKIE_S)]);
      }),
    )
    .get(
      "/password",
      handle(app, null, (ctx) => <PasswordPage ctx={ctx} complaints={{}} />),
    )
    .post(
      "/password",
      handle(app, null, (ctx) =>
        submitted(
          ctx,
          async (r) => {
            const next = r.raw("next");
            if (next !== r.raw("repeat")) throw new ValidationError({ repeat: { code: "error.repeat" } });
            await changePassword(ctx, r.raw("current"), next);
            return redirect(ctx, "/password?done=password");
          },
          (_values, complaints) => <PasswordPage ctx={ctx} complaints={complaints} />,
        ),
      ),
      RAW,
    );
}

/** A refusal that is about no field is one of the current password. */
async function changePassword(ctx: Ctx, current: string, next: string): Promise<void> {
  try {
    await ctx.app.people.changePassword(ctx.actor, current, next);
  } catch (error) {
    if (error instanceof ValidationError || !(error instanceof UseCaseError)) throw error;
    throw new ValidationError({ current: { code: error.code, params: error.params } });
  }
}
