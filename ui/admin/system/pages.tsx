/** Audit log, configuration versions. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import {
  AUDIT_ACTIONS,
  AUDIT_SUBJECTS,
  type AuditRow,
  type VersionRow,
} from "../../../appliance/system/index.ts";
import { Button, Empty, Filters, Pager, Shell, Table } from "../../components/index.ts";
import { handle, html, RAW, redirect } from "../../http/index.ts";
import { idOf, textColumn } from "../entity/index.ts";
import {
  actionWords,
  actorWords,
  detailWords,
  objectWords,
  subjectWords,
  summaryWords,
} from "./audit-words.ts";

/** What is no part of the configuration has no versions. */
const UNVERSIONED: readonly string[] = ["ban", "job", "recording", "trace"];
const VERSIONED = AUDIT_SUBJECTS.filter((subject) => !UNVERSIONED.includes(subject));

export function systemRoutes(app: App) {
  return new Elysia()
    .get(
      "/audit",
      handle(app, "audit.view", async (ctx) => {
        const { t, when } = ctx;
        const query = ctx.url.searchParams;
        const page = Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1);
        const found = await app.system.audit.list(ctx.actor, {
          search: query.get("q") ?? "",
          filters: { action: query.get("action") ?? "", subject: query.get("subject") ?? "" },
          page,
          pageSize: 50,
        });
        const body = (
          <div id="list">
            <Filters
              visit={ctx}
              filters={[
                {
                  name: "action",
                  label: t("audit.action"),
                  options: AUDIT_ACTIONS.map((value) => ({ value, label: actionWords(t, value) })),
                },
                {
                  name: "subject",
                  label: t("audit.subject"),
                  options: AUDIT_SUBJECTS.map((value) => ({ value, label: subjectWords(t, value) })),
                },
              ]}
            />
            <Table
              visit={ctx}
              rows={found.rows}
              columns={[
                textColumn("at", t("audit.at"), (row: AuditRow) => when.second(row.at), {}),
                textColumn("actor", t("audit.actor"), (row: AuditRow) => actorWords(t, row.actor), {}),
                textColumn("action", t("audit.action"), (row: AuditRow) => actionWords(t, row.action), {}),
                textColumn("subject", t("audit.subject"), (row: AuditRow) => objectWords(t, row), {}),
                textColumn("address", t("audit.address"), (row: AuditRow) => row.address, {}),
                textColumn("detail", t("audit.detail"), (row: AuditRow) => detailWords(t, row.detail), {}),
              ]}
            />
            <Pager visit={ctx} total={found.total} page={found.page} pageSize={found.pageSize} />
          </div>
        );
        if (ctx.partial) return body;
        return (
          <Shell ctx={ctx} title={t("nav.audit")}>
            {body}
          </Shell>
        );
      }),
    )
    .get(
      "/versions",
      handle(app, "versions.view", async (ctx) => {
        const { t, when } = ctx;
        const query = ctx.url.searchParams;
        const found = await app.routing.versions.list(ctx.actor, {
          search: query.get("q") ?? "",
          filters: { subject: query.get("subject") ?? "" },
          page: Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1),
        });
        const body = (
          <div id="list">
            <Filters
              visit={ctx}
              filters={[
                {
                  name: "subject",
                  label: t("audit.subject"),
                  options: VERSIONED.map((value) => ({ value, label: subjectWords(t, value) })),
                },
              ]}
            />
            <Table
              visit={ctx}
              rows={found.rows}
              columns={[
                textColumn("at", t("audit.at"), (row: VersionRow) => when.second(row.at), {}),
                textColumn("actor", t("audit.actor"), (row: VersionRow) => actorWords(t, row.actor), {}),
                textColumn(
                  "summary",
                  t("versions.summary"),
                  (row: VersionRow) => summaryWords(t, row.summary),
                  {},
                ),
                {
                  key: "rollback",
                  label: "",
                  cell: (row: VersionRow) =>
                    ctx.can("versions.rollback") ? (
                      <form method="post" action={`/versions/${row.id}/rollback`}>
                        <Button
                          label={t("versions.rollback")}
                          about={`${t("versions.rollback")} ${when.second(row.at)} ${summaryWords(t, row.summary)}`}
                          small
                        />
                      </form>
                    ) : (
                      ""
                    ),
                },
              ]}
            />
            {found.total === 0 ? (
              <Empty title={t("table.no-match")} text={t("table.no-match-help")} />
            ) : (
              <Pager visit={ctx} total={found.total} page={found.page} pageSize={found.pageSize} />
            )}
          </div>
        );
        if (ctx.partial) return body;
        return (
          <Shell ctx={ctx} title={t("nav.versions")} lead={t("versions.lead")}>
            {body}
          </Shell>
        );
      }),
    )
    .post(
      "/versions/:id/rollback",
      handle(app, "versions.rollback", async (ctx) => {
        await app.routing.versions.rollback(ctx.actor, idOf(ctx));
        return redirect(ctx, "/versions?done=rolled-back");
      }),
      RAW,
    );
}
