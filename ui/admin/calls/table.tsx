/** The table of call records, with the columns a person chose. */
import { Html } from "@kitajs/html";
import type { CallRecordView } from "../../../appliance/calls/index.ts";
import { Badge, type Tone } from "../../components/badge.tsx";
import { Empty } from "../../components/layout.tsx";
import { type Column, Table } from "../../components/table.tsx";
import type { Ctx } from "../../http/context.ts";
import { duration } from "./words.ts";

const TONES: Readonly<Record<string, Tone>> = {
  answered: "ok",
  "rang-no-answer": "warn",
  "queue-abandoned": "warn",
  failed: "danger",
  blacklisted: "danger",
  "concurrency-limited": "danger",
};

/** Every column there is; `standard` ones are shown until a person chooses. */
export function columnsOf(ctx: Ctx): readonly (Column<CallRecordView> & { readonly standard: boolean })[] {
  const { t } = ctx;
  const text = (words: string): JSX.Element => <span safe>{words}</span>;
  const open = (row: CallRecordView): JSX.Element => (
    <a href={`/calls/${encodeURIComponent(row.journey)}${ctx.url.search}`} safe>
      {ctx.when.second(row.startedAt)}
    </a>
  );
  const time = (
    key: "waitMs" | "ringMs" | "talkMs" | "holdMs" | "ivrMs" | "totalMs",
    label: string,
    standard: boolean,
  ) => ({
    key,
    label,
    standard,
    numeric: true,
    cell: (row: CallRecordView): JSX.Element => text(duration(row[key])),
  });
  return [
    { key: "startedAt", label: t("calls.started"), standard: true, sort: true, cell: open },
    {
      key: "direction",
      label: t("live.direction"),
      standard: true,
      cell: (row) => text(t.code(`direction.${row.direction}`)),
    },
    {
      key: "caller",
      label: t("live.caller"),
      standard: true,
      cell: (row) => text(`${row.callerActual} ${row.callerName}`.trim()),
    },
    { key: "callee", label: t("live.callee"), standard: true, cell: (row) => text(row.calleeActual) },
    { key: "did", label: t("calls.did"), standard: false, cell: (row) => text(row.didNumber ?? "") },
    { key: "group", label: t("calls.group"), standard: true, cell: (row) => text(row.groupName ?? "") },
    {
      key: "agent",
      label: t("calls.agent"),
      standard: true,
      cell: (row) => text(`${row.agentNumber ?? ""} ${row.agentName ?? ""}`.trim()),
    },
    {
      key: "result",
      label: t("calls.result"),
      standard: true,
      cell: (row) => (
        <Badge tone={TONES[row.result ?? ""] ?? "plain"} text={t.code(`result.${row.result ?? "running"}`)} />
      ),
    },
    {
      key: "cause",
      label: t("calls.cause"),
      standard: false,
      cell: (row) => text(row.cause ? t.code(`cause.${row.cause}`) : ""),
    },
    {
      key: "hangupBy",
      label: t("calls.by"),
      standard: false,
      cell: (row) => text(row.hangupBy ? t.code(`by.${row.hangupBy}`) : ""),
    },
    time("ivrMs", t("calls.ivr"), false),
    time("waitMs", t("calls.wait"), true),
    time("ringMs", t("calls.ring"), false),
    time("talkMs", t("calls.talk"), true),
    time("holdMs", t("calls.hold"), false),
    time("totalMs", t("calls.total"), false),
    {
      key: "recording",
      label: t("live.recording"),
      standard: true,
      cell: (row) =>
        row.recording && row.recording.state !== "deleted" ? (
          <span aria-label={t("yes")} role="img">
            ●
          </span>
        ) : (
          ""
        ),
    },
  ];
}

/** Without `visible` the standard columns. */
export function CallTable(props: {
  ctx: Ctx;
  rows: readonly CallRecordView[];
  visible?: ReadonlySet<string>;
  sort?: string;
  descending?: boolean;
}): JSX.Element {
  const { ctx, rows, visible } = props;
  if (rows.length === 0) return <Empty title={ctx.t("calls.empty")} text={ctx.t("calls.empty-text")} />;
  const columns = columnsOf(ctx).filter((column) => (visible ? visible.has(column.key) : column.standard));
  return <Table visit={ctx} columns={columns} rows={rows} sort={props.sort} descending={props.descending} />;
}
