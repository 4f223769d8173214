/** Long work: queued in the table, run one at a time by the jobs Worker, watched by the pages. */
import { join } from "node:path";
import type { Store } from "../../storage/database.ts";
import { type JobReport, startJobsWorker } from "../jobs/index.ts";
import { type Actor, ForbiddenError, NotFoundError, type Now, permit, UseCaseError } from "../kernel.ts";
import { pageWindow } from "../listing.ts";
import { insertAudit } from "./configuration.ts";
import type { Jobs } from "./index.ts";
import type { Job, JobKind } from "./model.ts";

const NEEDS: Readonly<Record<JobKind, string>> = {
  "export-call-records": "calls.export",
  backup: "backup.make",
};

interface JobRecord {
  id: number;
  kind: string;
  state: string;
  progress: number;
  account_id: number | null;
  params_json: string;
  result_json: string | null;
  error: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

const jobOf = (r: JobRecord): Job => ({
  id: r.id,
  kind: r.kind as JobKind,
  state: r.state as Job["state"],
  progress: r.progress,
  accountId: r.account_id,
  params: JSON.parse(r.params_json) as Job["params"],
  result: r.result_json === null ? null : (JSON.parse(r.result_json) as Job["result"]),
  error: r.error,
  createdAt: r.created_at,
  startedAt: r.started_at,
  finishedAt: r.finished_at,
});

export function createJobs(deps: {
  readonly store: Store;
  readonly now: Now;
  readonly version: string;
}): Jobs & { stop(): void } {
  const { store, now } = deps;
  const { sync } = store;
  const waiting = new Map<number, ((job: Job) => void)[]>();
  let running: { id: number; name: string } | undefined;
  const worker = startJobsWorker(report);

  sync.transaction(() =>
    sync
      .prepare(
        "UPDATE job SET state = 'failed', error = 'interrupted', finished_at = ? WHERE state = 'running'",
      )
      .run(now()),
  );

  const read = (id: number): Job | undefined => {
    const row = sync.prepare("SELECT * FROM job WHERE id = ?").get(id) as JobRecord | null;
    return row ? jobOf(row) : undefined;
  };

  function report(said: JobReport): void {
    if (said.type === "progress") {
      sync.transaction(() =>
        sync.prepare("UPDATE job SET progress = ? WHERE id = ?").run(said.percent, said.id),
      );
      return;
    }
    const result =
      said.type === "done" ? JSON.stringify({ ...said.result, name: running?.name ?? "" }) : null;
    sync.transaction(() =>
      sync
        .prepare(
          "UPDATE job SET state = ?, progress = ?, result_json = ?, error = ?, finished_at = ? WHERE id = ?",
        )
        .run(
          said.type,
          said.type === "done" ? 100 : 0,
          result,
          said.type === "failed" ? said.error : null,
          now(),
          said.id,
        ),
    );
    running = undefined;
    const job = read(said.id);
    for (const tell of waiting.get(said.id) ?? []) if (job) tell(job);
    waiting.delete(said.id);
    next();
  }

  const fileOf = (name: string) => join(store.folder, name.endsWith(".tar") ? "backups" : "exports", name);

  function next(): void {
    if (running) return;
    const row = sync
      .prepare("SELECT * FROM job WHERE state = 'queued' ORDER BY id LIMIT 1")
      .get() as JobRecord | null;
    if (!row) return;
    const stamp = new Date(row.created_at)
      .toISOString()
      .slice(0, 19)
      .replaceAll(/[-:]/g, "")
      .replace("T", "-");
    const name =
      row.kind === "backup" ? `zongji-${stamp}-${row.id}.tar` : `call-records-${stamp}-${row.id}.csv`;
    running = { id: row.id, name };
    sync.transaction(() =>
      sync.prepare("UPDATE job SET state = 'running', started_at = ? WHERE id = ?").run(now(), row.id),
    );
    worker.post({
      id: row.id,
      kind: row.kind,
      folder: store.folder,
      file: fileOf(name),
      version: deps.version,
      params: JSON.parse(row.params_json) as Job["params"],
    });
  }

  const own = (actor: Actor, job: Job): Job => {
    if (job.accountId !== actor.accountId && !actor.permissions.includes("*")) permit(actor, "jobs.view");
    return job;
  };

  return {
    async start(actor, kind, params) {
      const needed = NEEDS[kind];
      if (!needed) throw new UseCaseError("error.unknown-choice");
      permit(actor, needed);
      // An export shows everybody's calls: a narrower scope would have to be applied to every row.
      if (kind === "export-call-records" && actor.scope !== "all") throw new ForbiddenError(needed);
      const id = await store.write(async (tx) => {
        const row = await tx
          .insertInto("job")
          .values({
            kind,
            state: "queued",
            progress: 0,
            account_id: actor.accountId,
            params_json: JSON.stringify(params),
            result_json: null,
            error: null,
            created_at: now(),
            started_at: null,
            finished_at: null,
          })
          .returning("id")
          .executeTakeFirstOrThrow();
        await insertAudit(tx, actor, { action: "start", subject: "job", id: row.id, summary: kind }, now());
        return row.id;
      });
      next();
      const job = read(id);
      if (!job) throw new NotFoundError("job", id);
      return job;
    },
    async get(actor, id) {
      const job = read(id);
      if (!job) throw new NotFoundError("job", id);
      return own(actor, job);
    },
    async list(actor, query) {
      const all = actor.permissions.includes("*") || actor.permissions.includes("jobs.view");
      const { page, pageSize, offset } = pageWindow(query);
      const base = store.read
        .selectFrom("job")
        .$if(!all, (q) => q.where("account_id", "=", actor.accountId ?? -1));
      const rows = await base.selectAll().orderBy("id", "desc").limit(pageSize).offset(offset).execute();
      const { total } = await base
        .select((eb) => eb.fn.countAll<number>().as("total"))
        .executeTakeFirstOrThrow();
      return { rows: rows.map(jobOf), total, page, pageSize };
    },
    async file(actor, id) {
      const job = read(id);
      if (job?.state !== "done") throw new NotFoundError("job", id);
      own(actor, job);
      permit(actor, NEEDS[job.kind]);
      const name = String(job.result?.name ?? "");
      await store.write((tx) =>
        insertAudit(tx, actor, { action: "download", subject: "job", id, summary: name }, now()),
      );
      return { path: fileOf(name), name };
    },
    finished(id) {
      const job = read(id);
      if (!job) return Promise.reject(new NotFoundError("job", id));
      if (job.state === "done" || job.state === "failed") return Promise.resolve(job);
      return new Promise((resolve) => waiting.set(id, [...(waiting.get(id) ?? []), resolve]));
    },
    stop: () => worker.stop(),
  };
}
