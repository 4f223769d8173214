/** Call records as CSV, newest first, read by keyset in chunks so that it never holds the database or the memory. */
import { type SQLQueryBindings, Database as Sqlite } from "bun:sqlite";
import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { DATABASE_FILE } from "../../storage/database.ts";
import { BOM, csvLine } from "./csv.ts";

/** All optional; times are UTC ms, `from` included, `to` excluded. */
export interface ExportFilters {
  readonly from?: number;
  readonly to?: number;
  readonly agentId?: number;
  readonly groupId?: number;
  readonly didId?: number;
  readonly direction?: string;
  readonly result?: string;
  /** Part of a caller's or callee's number, as in the list's search. */
  readonly number?: string;
}

export interface ExportParams extends ExportFilters {
  /** Columns in order; `key` one of COLUMNS, `label` the heading. */
  readonly columns: readonly { readonly key: string; readonly label: string }[];
  readonly timeZone: string;
}

const TIMES = new Set(["started_at", "answered_at", "ended_at"]);
export const COLUMNS = [
  "started_at",
  "answered_at",
  "ended_at",
  "direction",
  "result",
  "cause",
  "hangup_by",
  "caller_original",
  "caller_actual",
  "caller_name",
  "callee_original",
  "callee_actual",
  "did_number",
  "agent_number",
  "group_name",
  "ivr_ms",
  "wait_ms",
  "ring_ms",
  "talk_ms",
  "hold_ms",
  "hold_count",
  "acw_ms",
  "total_ms",
  "keys",
  "journey",
  "part",
] as const;

const CHUNK = 2000;

export function exportCallRecords(
  folder: string,
  file: string,
  params: ExportParams,
  progress: (percent: number) => void,
): { readonly rows: number; readonly bytes: number } {
  const known = new Set<string>(COLUMNS);
  const columns = params.columns.filter((c) => known.has(c.key));
  if (columns.length === 0) throw new Error("no columns to export");
  const db = new Sqlite(join(folder, DATABASE_FILE), { readonly: true });
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.part`;
  const out = openSync(part, "w", 0o600);
  try {
    db.run("PRAGMA busy_timeout = 10000");
    const { where, bindings } = conditions(params);
    const total =
      db
        .query<{ n: number }, SQLQueryBindings[]>(`SELECT count(*) AS n FROM call_record r WHERE ${where}`)
        .get(...bindings)?.n ?? 0;
    const select = db.query<Record<string, string | number | null>, SQLQueryBindings[]>(
      `SELECT r.*, r.rowid AS row_id, a.number AS agent_number, g.name AS group_name FROM call_record r
       LEFT JOIN agent a ON a.id = r.agent_id LEFT JOIN agent_group g ON g.id = r.group_id
       WHERE ${where} AND (r.started_at, r.rowid) < (?, ?) ORDER BY r.started_at DESC, r.rowid DESC LIMIT ${CHUNK}`,
    );
    const clock = new Intl.DateTimeFormat("sv-SE", {
      timeZone: params.timeZone,
      dateStyle: "short",
      timeStyle: "medium",
    });
    writeSync(out, BOM + csvLine(columns.map((c) => c.label)));
    let rows = 0;
    let last: [number, number] = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
    for (;;) {
      const chunk = select.all(...bindings, ...last);
      let text = "";
      for (const row of chunk)
        text += csvLine(
          columns.map(({ key }) => {
            const value = row[key];
            return TIMES.has(key) && typeof value === "number" ? clock.format(value) : value;
          }),
        );
      writeSync(out, text);
      rows += chunk.length;
      const end = chunk.at(-1);
      progress(total === 0 ? 100 : Math.min(99, Math.floor((rows * 100) / total)));
      if (!end || chunk.length < CHUNK) break;
      last = [Number(end.started_at), Number(end.row_id)];
    }
    closeSync(out);
    renameSync(part, file);
    return { rows, bytes: statSync(file).size };
  } finally {
    db.close();
  }
}

function conditions(p: ExportFilters): { where: string; bindings: (string | number)[] } {
  const where = ["1 = 1"];
  const bindings: (string | number)[] = [];
  const add = (text: string, value: string | number | undefined) => {
    if (value === undefined || value === "") return;
    where.push(text);
    bindings.push(value);
  };
  add("r.started_at >= ?", p.from);
  add("r.started_at < ?", p.to);
  add("r.agent_id = ?", p.agentId);
  add("r.group_id = ?", p.groupId);
  add("r.did_id = ?", p.didId);
  add("r.direction = ?", p.direction);
  add("r.result = ?", p.result);
  const number = p.number?.replace(/[\s-]/g, "") ?? "";
  if (number !== "") {
    const columns = ["caller_actual", "caller_original", "callee_actual", "callee_original"];
    where.push(`(${columns.map((column) => `instr(r.${column}, ?) > 0`).join(" OR ")})`);
    bindings.push(...columns.map(() => number));
  }
  return { where: where.join(" AND "), bindings };
}
