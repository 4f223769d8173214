/** Passwords shown once, with what to type into the phone. */
import { Html } from "@kitajs/html";
import { Facts, LinkButton, Notice, Shell } from "../../components/index.ts";
import type { Ctx } from "../../http/index.ts";

export interface NewSecrets {
  readonly name: string;
  readonly number: string;
  readonly sip: string | null;
  readonly web: string | null;
  readonly pin: string | null;
}

/** Host and port phones register at, from the configured listening points. */
export function sipServer(ctx: Ctx): { host: string; port: string } {
  const contact = ctx.app.config.sip.contacts[0] ?? "";
  const port = /:(\d+)(?:;|$)/.exec(contact)?.[1] ?? "5060";
  return { host: ctx.app.config.sip.address || ctx.url.hostname, port };
}

function Secret(props: { ctx: Ctx; id: string; text: string }): JSX.Element {
  const { ctx, id } = props;
  return (
    <span class="secret">
      <code id={id} safe>
        {props.text}
      </code>
      <button type="button" class="btn small" data-copy={id} data-done={ctx.t("action.copied")} safe>
        {ctx.t("action.copy")}
      </button>
    </span>
  );
}

/** For an htmx form the answer replaces the form; otherwise it is a page. */
export function SecretPage(props: {
  ctx: Ctx;
  back: string;
  people: readonly NewSecrets[];
  note?: string;
}): JSX.Element {
  const { ctx } = props;
  const { t } = ctx;
  const server = sipServer(ctx);
  const body = (
    <div>
      <Notice tone="warn" text={t("secret.once")} />
      {props.note ? <Notice tone="info" text={props.note} /> : ""}
      {props.people.map((person) => (
        <div class="card">
          <h2 safe>{`${person.number} ${person.name}`.trim()}</h2>
          <Facts
            facts={[
              ...(person.sip === null
                ? []
                : ([
                    [t("secret.server"), <code safe>{server.host}</code>],
                    [t("secret.port"), <code safe>{server.port}</code>],
                    [t("secret.user"), <code safe>{person.number}</code>],
                    [t("f.sip-secret"), <Secret ctx={ctx} id={`sip-${person.number}`} text={person.sip} />],
                  ] as const)),
              ...(person.web === null
                ? []
                : ([
                    [t("f.web-password"), <Secret ctx={ctx} id={`web-${person.number}`} text={person.web} />],
                  ] as const)),
              ...(person.pin === null
                ? []
                : ([
                    [t("f.phone-pin"), <Secret ctx={ctx} id={`pin-${person.number}`} text={person.pin} />],
                  ] as const)),
            ]}
          />
        </div>
      ))}
      <p />
      <LinkButton href={props.back} label={t("secret.done")} kind="primary" />
    </div>
  );
  if (ctx.partial) return body;
  return (
    <Shell ctx={ctx} title={t("secret.title")}>
      {body}
    </Shell>
  );
}
