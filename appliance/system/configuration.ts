/**
 * The way every configuration change goes: one transaction holding the change, the checks of the whole, a version
 * to go back to and an audit row; afterwards all pictures in memory are replaced.
 */
import type { Store, Tx } from "../../storage/database.ts";
import { type Actor, type ListQuery, NotFoundError, type Now, type Page } from "../kernel.ts";
import { pageWindow } from "../listing.ts";
import { AUDIT_ACTIONS, type AuditAction, type AuditSubject } from "./audit-words.ts";
import type { VersionRow } from "./model.ts";
import { restoreSnapshot, type Snapshot, takeSnapshot } from "./snapshot.ts";

export interface Change {
  readonly action: Extract<AuditAction, "save" | "remove" | "rollback" | "upload">;
  /** "did", "flow", "agent" … */
  /** "": no change, the stages run for the first time. */
  readonly subject: AuditSubject | "";
  /** null: new, or many. */
  readonly id: number | null;
  /** Shown in the list of versions, e.g. the row's name. */
  readonly summary: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * Reads the changed configuration inside the transaction, throws ValidationError if it is unsound, and returns what
 * is to be done after the commit (publish the new picture).
 */
export type Stage = (tx: Tx, change: Change) => Promise<() => void>;

export interface Configuration {
  /** Stages run in the order added; each also once at start, through `load`. */
  addStage(stage: Stage): void;
  /** Fills every picture from the database. */
  load(): Promise<void>;
  /** One change as a whole; `idOf` and `nameOf` tell a new row's id and name for the audit log. @throws ValidationError */
  change<T>(
    actor: Actor,
    change: Change,
    work: (tx: Tx) => Promise<T>,
    idOf?: (value: T) => number,
    nameOf?: (value: T) => string,
  ): Promise<T>;
  /** Newest first. Filter: subject; `search` looks at what was changed and by whom. */
  listVersions(query?: ListQuery): Promise<Page<VersionRow>>;
  rollback(actor: Actor, id: number): Promise<void>;
}

const VERSIONS_KEPT = 200;

export function createConfiguration(deps: { readonly store: Store; readonly now: Now }): Configuration {
  const { store, now } = deps;
  const stages: Stage[] = [];

  async function change<T>(
    actor: Actor,
    what: Change,
    work: (tx: Tx) => Promise<T>,
    idOf?: (value: T) => number,
    nameOf?: (value: T) => string,
  ): Promise<T> {
    const { value, publish } = await store.write(async (tx) => {
      const value = await work(tx);
      const done: Change = {
        ...what,
        id: what.id ?? idOf?.(value) ?? null,
        summary: nameOf?.(value) ?? what.summary,
      };
      const publish: (() => void)[] = [];
      for (const stage of stages) publish.push(await stage(tx, done));
      await addVersion(tx, actor, done);
      await insertAudit(tx, actor, done, now());
      return { value, publish };
    });
    for (const step of publish) step();
    return value;
  }

  async function addVersion(tx: Tx, actor: Actor, what: Change): Promise<void> {
    const { id } = await tx
      .insertInto("config_version")
      .values({
        at: now(),
        account_id: actor.accountId,
        summary: `${what.action} ${what.subject} ${what.summary}`.trim(),
        snapshot_json: JSON.stringify(await takeSnapshot(tx)),
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    await tx
      .deleteFrom("config_version")
      .where("id", "<=", id - VERSIONS_KEPT)
      .execute();
  }

  return {
    addStage(stage) {
      stages.push(stage);
    },
    async load() {
      for (const stage of stages)
        (await stage(store.read, { action: "save", subject: "", id: null, summary: "" }))();
    },
    change,
    async listVersions(query = {}) {
      const window = pageWindow(query);
      const { subject } = query.filters ?? {};
      const needle = query.search?.trim().replace(/[%_]/g, "") ?? "";
      const base = store.read
        .selectFrom("config_version as v")
        .leftJoin("account as a", "a.id", "v.account_id")
        .$if(!!subject, (q) =>
          // The summary is "save did 021…": an action, a subject, perhaps a name.
          q.where((eb) =>
            eb.or(
              AUDIT_ACTIONS.flatMap((action) => [
                eb("v.summary", "=", `${action} ${subject}`),
                eb("v.summary", "like", `${action} ${subject} %`),
              ]),
            ),
          ),
        )
        .$if(needle !== "", (q) =>
          q.where((eb) =>
            eb.or([eb("v.summary", "like", `%${needle}%`), eb("a.display_name", "like", `%${needle}%`)]),
          ),
        );
      const rows = await base
        .select(["v.id", "v.at", "v.account_id as accountId", "v.summary", "a.display_name as actor"])
        .orderBy("v.id", "desc")
        .limit(window.pageSize)
        .offset(window.offset)
        .execute();
      const { total } = await base
        .select((eb) => eb.fn.countAll<number>().as("total"))
        .executeTakeFirstOrThrow();
      return {
        rows: rows.map((r) => ({ ...r, actor: r.actor ?? "system" })),
        total,
        page: window.page,
        pageSize: window.pageSize,
      };
    },
    async rollback(actor, id) {
      const version = await store.read
        .selectFrom("config_version")
        .select(["snapshot_json", "summary"])
        .where("id", "=", id)
        .executeTakeFirst();
      if (!version) throw new NotFoundError("version", id);
      const snapshot = JSON.parse(version.snapshot_json) as Snapshot;
      await change(actor, { action: "rollback", subject: "version", id, summary: version.summary }, (tx) =>
        restoreSnapshot(tx, snapshot),
      );
    },
  };
}

/** The audit row of a change or of an act. */
export async function insertAudit(
  tx: Tx,
  actor: Actor,
  what: {
    readonly action: AuditAction;
    readonly subject: AuditSubject | "";
    readonly id: number | string | null;
    readonly summary?: string;
    readonly detail?: Readonly<Record<string, unknown>>;
  },
  at: number,
): Promise<void> {
  await tx
    .insertInto("audit_log")
    .values({
      at,
      account_id: actor.accountId,
      actor: actor.name,
      action: what.action,
      subject: what.subject,
      subject_id: String(what.id ?? ""),
      detail_json: JSON.stringify({ ...(what.summary ? { name: what.summary } : {}), ...what.detail }),
      address: actor.address,
    })
    .execute();
}
