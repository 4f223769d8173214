/** The certificates in use, files that cannot be used, and the authority's certificate for phones and browsers. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import type { CertificateRow } from "../../../appliance/certificates/index.ts";
import { Badge } from "../../components/badge.tsx";
import { LinkButton, Notice, Shell, Table } from "../../components/index.ts";
import { Facts } from "../../components/layout.tsx";
import { type Ctx, handle } from "../../http/index.ts";
import { textColumn } from "../entity/index.ts";

const DOWNLOAD = "/certificates/authority.pem";
/** A certificate of the administrator's that ends this soon is marked; ours renews itself earlier, ms. */
const SOON = 21 * 86_400_000;

function Until(props: { ctx: Ctx; row: CertificateRow }): JSX.Element {
  const { ctx, row } = props;
  const soon = row.notAfter - ctx.app.now() < SOON;
  return <Badge tone={soon ? "danger" : "ok"} text={ctx.when.minute(row.notAfter)} />;
}

function Page(props: { ctx: Ctx }): JSX.Element {
  const { ctx } = props;
  const { t } = ctx;
  const { rows, problems, folder } = ctx.app.certificates.list(ctx.actor);
  const fingerprint = rows.find((row) => row.kind === "ca")?.fingerprint ?? "";
  return (
    <Shell ctx={ctx} title={t("nav.certificates")} lead={t("certificates.lead")}>
      {problems.map(({ file, reason }) => (
        <Notice
          tone="danger"
          text={t("certificates.problem", { file, reason: t(`certificate.${reason}`) })}
        />
      ))}
      <section class="card">
        <h2 safe>{t("certificates.trust-title")}</h2>
        <p safe>{t("certificates.trust")}</p>
        <p>
          <LinkButton href={DOWNLOAD} label={t("certificates.download")} kind="primary" />
        </p>
        <Facts facts={[[t("certificates.fingerprint"), <code safe>{fingerprint}</code>]]} />
      </section>
      <p class="muted spaced" safe>
        {t("certificates.renewed", { folder })}
      </p>
      <Table
        visit={ctx}
        rows={rows}
        columns={[
          textColumn(
            "kind",
            t("certificates.kind"),
            (row: CertificateRow) => t(`certificate.${row.kind}`),
            {},
          ),
          {
            key: "names",
            label: t("certificates.names"),
            wrap: true,
            cell: (row: CertificateRow) => (
              <span safe>{row.names.join(ctx.lang === "en" ? ", " : "、")}</span>
            ),
          },
          textColumn("issuer", t("certificates.issuer"), (row: CertificateRow) => row.issuer, {}),
          {
            key: "until",
            label: t("certificates.until"),
            cell: (row: CertificateRow) => <Until ctx={ctx} row={row} />,
          },
          {
            key: "file",
            label: t("certificates.file"),
            wrap: true,
            cell: (row: CertificateRow) => <code safe>{row.file}</code>,
          },
        ]}
      />
    </Shell>
  );
}

export function certificateRoutes(app: App) {
  return new Elysia()
    .get(
      "/certificates",
      handle(app, "settings.view", (ctx) => <Page ctx={ctx} />),
    )
    .get(
      DOWNLOAD,
      handle(
        app,
        "settings.view",
        (ctx) =>
          new Response(app.certificates.authority(ctx.actor), {
            headers: {
              "content-type": "application/x-x509-ca-cert",
              "content-disposition": 'attachment; filename="zongji-ca.pem"',
            },
          }),
      ),
    );
}
