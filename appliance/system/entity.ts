/** Builds the use cases of one kind of configuration row out of the few things that differ between kinds. */
import type { Store, Tx } from "../../storage/database.ts";
import {
  type Actor,
  type Entity,
  InUseError,
  type ListQuery,
  NotFoundError,
  type Now,
  permit,
  ValidationError,
} from "../kernel.ts";
import { paginate } from "../listing.ts";
import type { AuditSubject } from "./audit-words.ts";
import type { Configuration } from "./configuration.ts";

export interface EntityDeps {
  readonly store: Store;
  readonly now: Now;
  readonly configuration: Configuration;
}

export interface EntitySpec<Row extends { readonly id: number }, Input, Extra = undefined> {
  /** Part of the permission: "dids" → "dids.view", "dids.edit". */
  readonly part: string;
  /** Name in the audit log: "did". */
  readonly subject: AuditSubject;
  readonly search: readonly (keyof Row & string)[];
  readonly sort: keyof Row & string;
  label(row: Row): string;
  /** All rows, or the one with this id. */
  load(db: Tx, id?: number): Promise<readonly Row[]>;
  /** Rows this actor may see; default all. */
  visible?(actor: Actor, rows: readonly Row[], db: Tx): Promise<readonly Row[]>;
  /** Slow preparation outside the transaction (hashing). */
  prepare?(id: number | undefined, input: Input): Promise<Extra>;
  /** Checks the input against the database and writes it. @throws ValidationError */
  write(tx: Tx, id: number | undefined, input: Input, at: number, extra: Extra): Promise<number>;
  /** Who uses the row; not empty = refuse to remove. */
  users?(tx: Tx, row: Row): Promise<readonly string[]>;
  remove(tx: Tx, row: Row): Promise<void>;
}

/** `Entity` over a spec; `saveWith` also returns what `prepare` made (secrets to show once). */
export function configEntity<Row extends { readonly id: number }, Input, Extra = undefined>(
  deps: EntityDeps,
  spec: EntitySpec<Row, Input, Extra>,
): Entity<Row, Input> & {
  saveWith(actor: Actor, id: number | undefined, input: Input): Promise<{ row: Row; extra: Extra }>;
} {
  const { store, configuration, now } = deps;
  const seen = async (actor: Actor, db: Tx, id?: number) => {
    const rows = await spec.load(db, id);
    return spec.visible ? spec.visible(actor, rows, db) : rows;
  };
  const one = async (db: Tx, id: number): Promise<Row> => {
    const [row] = await spec.load(db, id);
    if (!row) throw new NotFoundError(spec.subject, id);
    return row;
  };

  async function saveWith(actor: Actor, id: number | undefined, input: Input) {
    permit(actor, `${spec.part}.edit`);
    const extra = (await spec.prepare?.(id, input)) as Extra;
    const row = await configuration.change(
      actor,
      { action: "save", subject: spec.subject, id: id ?? null, summary: "" },
      async (tx) => {
        if (id !== undefined) await one(tx, id);
        return one(tx, await spec.write(tx, id, input, now(), extra).catch(refuseDuplicate));
      },
      (saved) => saved.id,
      (saved) => spec.label(saved),
    );
    return { row, extra };
  }

  return {
    async list(actor: Actor, query: ListQuery) {
      permit(actor, `${spec.part}.view`);
      return paginate(await seen(actor, store.read), query, spec);
    },
    async get(actor: Actor, id: number) {
      permit(actor, `${spec.part}.view`);
      const [row] = await seen(actor, store.read, id);
      if (!row) throw new NotFoundError(spec.subject, id);
      return row;
    },
    saveWith,
    save: async (actor: Actor, id: number | undefined, input: Input) =>
      (await saveWith(actor, id, input)).row,
    async remove(actor: Actor, ids: readonly number[]) {
      permit(actor, `${spec.part}.edit`);
      if (ids.length === 0) return 0;
      return configuration.change(
        actor,
        {
          action: "remove",
          subject: spec.subject,
          id: ids.length === 1 ? (ids[0] ?? null) : null,
          summary: ids.length === 1 ? "" : `${ids.length}`,
          detail: { ids },
        },
        async (tx) => {
          for (const id of ids) {
            const row = await one(tx, id);
            const users = (await spec.users?.(tx, row)) ?? [];
            if (users.length > 0) throw new InUseError(spec.label(row), users);
            await spec.remove(tx, row).catch((error) => refuseReferenced(error, spec.label(row)));
          }
          return ids.length;
        },
      );
    },
    async options(_actor: Actor) {
      const rows = await spec.load(store.read);
      return rows.map((row) => ({ id: row.id, label: spec.label(row) }));
    },
  };
}

/** "UNIQUE constraint failed: did.number" → a complaint at that field. */
function refuseDuplicate(error: unknown): never {
  const text = error instanceof Error ? error.message : "";
  const unique = /UNIQUE constraint failed: (?:\w+\.(\w+)|index '\w+_(\w+)')/.exec(text);
  if (!unique) throw error;
  const field = (unique[1] ?? unique[2] ?? "").replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  throw new ValidationError({ [field]: { code: "error.taken" } });
}

function refuseReferenced(error: unknown, label: string): never {
  if (error instanceof Error && error.message.includes("FOREIGN KEY constraint failed"))
    throw new InUseError(label, []);
  throw error;
}
