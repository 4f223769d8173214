/** Audit log, alarms and health. */

import { statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { DATABASE_FILE, type Store } from "../../storage/database.ts";
import { type Now, permit } from "../kernel.ts";
import { pageWindow } from "../listing.ts";
import { insertAudit } from "./configuration.ts";
import type { Alarms, Audit } from "./index.ts";
import type { Alarm, AlarmCode, AuditRow, Health } from "./model.ts";

interface Deps {
  readonly store: Store;
  readonly now: Now;
}

export function createAudit({ store, now }: Deps): Audit {
  return {
    /** Filters: accountId, subject, action, from and to (UTC ms). */
    async list(actor, query) {
      permit(actor, "audit.view");
      const { page, pageSize, offset } = pageWindow(query);
      const { accountId, subject, action, from, to } = query.filters ?? {};
      const needle = query.search?.trim().replace(/[%_]/g, "") ?? "";
      const base = store.read
        .selectFrom("audit_log")
        .$if(!!accountId, (q) => q.where("account_id", "=", Number(accountId)))
        .$if(!!subject, (q) => q.where("subject", "=", subject ?? ""))
        .$if(!!action, (q) => q.where("action", "=", action ?? ""))
        .$if(!!from, (q) => q.where("at", ">=", Number(from)))
        .$if(!!to, (q) => q.where("at", "<", Number(to)))
        .$if(needle !== "", (q) =>
          q.where((eb) =>
            eb.or([eb("actor", "like", `%${needle}%`), eb("detail_json", "like", `%${needle}%`)]),
          ),
        );
      const rows = await base.selectAll().orderBy("id", "desc").limit(pageSize).offset(offset).execute();
      const { total } = await base
        .select((eb) => eb.fn.countAll<number>().as("total"))
        .executeTakeFirstOrThrow();
      return {
        rows: rows.map(
          (r): AuditRow => ({
            id: r.id,
            at: r.at,
            accountId: r.account_id,
            actor: r.actor,
            action: r.action,
            subject: r.subject,
            subjectId: r.subject_id,
            detail: JSON.parse(r.detail_json) as AuditRow["detail"],
            address: r.address,
          }),
        ),
        total,
        page,
        pageSize,
      };
    },
    async write(actor, action, subject, subjectId, detail) {
      await store.write((tx) => insertAudit(tx, actor, { action, subject, id: subjectId, detail }, now()));
    },
  };
}

interface AlarmRecord {
  id: number;
  code: string;
  subject: string;
  detail: string;
  raised_at: number;
  cleared_at: number | null;
}

const alarmOf = (r: AlarmRecord): Alarm => ({
  id: r.id,
  // Rows of an older version may hold a code that no longer is; the pages show it as it is.
  code: r.code as AlarmCode,
  subject: r.subject,
  detail: r.detail,
  raisedAt: r.raised_at,
  clearedAt: r.cleared_at,
});

/** Open alarms live in memory, so that a full disk can still be told. */
export function createAlarms({ store, now }: Deps): Alarms {
  const { sync } = store;
  const listeners = new Set<() => void>();
  const open = new Map<string, Alarm>();
  const key = (code: string, subject: string) => `${code}\n${subject}`;
  for (const row of sync.prepare("SELECT * FROM alarm WHERE cleared_at IS NULL").all() as AlarmRecord[])
    open.set(key(row.code, row.subject), alarmOf(row));
  const tell = () => {
    for (const listener of listeners) listener();
  };
  const safely = (work: () => number): number => {
    try {
      return sync.transaction(work);
    } catch {
      return 0;
    }
  };
  return {
    raise(code, subject, detail) {
      const old = open.get(key(code, subject));
      if (old?.detail === detail) return;
      const at = old?.raisedAt ?? now();
      const id = safely(() => {
        if (old) {
          sync.prepare("UPDATE alarm SET detail = ? WHERE id = ?").run(detail, old.id);
          return old.id;
        }
        const insert =
          "INSERT INTO alarm (code, subject, detail, raised_at, cleared_at) VALUES (?, ?, ?, ?, NULL)";
        return Number(sync.prepare(insert).run(code, subject, detail, at).lastInsertRowid);
      });
      open.set(key(code, subject), { id, code, subject, detail, raisedAt: at, clearedAt: null });
      tell();
    },
    clear(code, subject) {
      const old = open.get(key(code, subject));
      if (!old) return;
      open.delete(key(code, subject));
      safely(() => sync.prepare("UPDATE alarm SET cleared_at = ? WHERE id = ?").run(now(), old.id).changes);
      tell();
    },
    open: () => [...open.values()],
    async list(actor, query) {
      permit(actor, "health.view");
      const { page, pageSize, offset } = pageWindow(query);
      const base = store.read.selectFrom("alarm");
      const rows = await base
        .selectAll()
        .orderBy("raised_at", "desc")
        .orderBy("id", "desc")
        .limit(pageSize)
        .offset(offset)
        .execute();
      const { total } = await base
        .select((eb) => eb.fn.countAll<number>().as("total"))
        .executeTakeFirstOrThrow();
      return { rows: rows.map(alarmOf), total, page, pageSize };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export const DISK_LOW_BYTES = 1024 ** 3;

/** Disk space and database size; raises or clears "disk-low". `thorough` also checks the whole database (seconds on a large one). */
export async function readHealth(
  deps: Deps & { readonly version: string; readonly startedAt: number; readonly alarms: Alarms },
  thorough: boolean,
): Promise<Health> {
  const { store, alarms } = deps;
  const disk = await statfs(store.folder);
  const free = Number(disk.bavail) * Number(disk.bsize);
  if (free < DISK_LOW_BYTES) alarms.raise("disk-low", "data", `${Math.floor(free / 1024 ** 2)} MB`);
  else alarms.clear("disk-low", "data");
  return {
    at: deps.now(),
    version: deps.version,
    bun: Bun.version,
    schemaVersion: store.version,
    startedAt: deps.startedAt,
    diskFreeBytes: free,
    diskTotalBytes: Number(disk.blocks) * Number(disk.bsize),
    databaseBytes: statSync(join(store.folder, DATABASE_FILE)).size,
    residentBytes: process.memoryUsage.rss(),
    databaseProblems: thorough ? await store.check() : [],
    openAlarms: alarms.open().length,
  };
}
