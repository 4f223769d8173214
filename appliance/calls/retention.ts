/**
 * Recordings are kept as long as the office says (settings, recordingDays; 0 = for ever). What is older loses its file; the
 * call record stays and tells when it was deleted.
 */
import { unlink } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { Store } from "../../storage/database.ts";
import { type Now, SYSTEM_ACTOR } from "../kernel.ts";
import { insertAudit } from "../system/index.ts";
import type { CallFact } from "./events.ts";

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;
/** Files removed in one go, so that the disk and the log serve calls in between. */
const BATCH = 50;

export interface RetentionDeps {
  readonly store: Store;
  readonly now: Now;
  /** Days to keep, 0 = for ever. */
  readonly days: () => number;
  readonly append: (facts: readonly CallFact[]) => void;
  readonly problem: (detail: string) => void;
}

/**
 * Removes up to `BATCH` recordings whose days are over, oldest first; gives how many. The file goes first: broken off in
 * between, the next round finds it gone and notes the rest.
 */
export async function deleteOldRecordings(deps: RetentionDeps): Promise<number> {
  const days = deps.days();
  if (days <= 0) return 0;
  const old = deps.store.sync
    .prepare(
      "SELECT id, journey, file FROM recording WHERE state IN ('done', 'failed') AND started_at < ? ORDER BY started_at LIMIT ?",
    )
    .all(deps.now() - days * DAY_MS, BATCH) as { id: string; journey: string; file: string }[];
  const gone: typeof old = [];
  for (const row of old) {
    try {
      await unlink(isAbsolute(row.file) ? row.file : join(deps.store.folder, row.file));
      gone.push(row);
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") gone.push(row);
      else deps.problem(`${row.file}: ${error}`);
    }
  }
  if (gone.length === 0) return 0;
  const at = deps.now();
  deps.append(
    gone.map(({ id, journey }) => ({
      kind: "recording.deleted" as const,
      journey,
      leg: null,
      at,
      data: { recording: id, days },
    })),
  );
  await deps.store.write((tx) =>
    insertAudit(
      tx,
      SYSTEM_ACTOR,
      {
        action: "delete-recordings",
        subject: "recording",
        id: gone.length === 1 ? (gone[0]?.id ?? "") : `${gone.length}`,
        detail: { days, recordings: gone.map(({ id }) => id) },
      },
      at,
    ),
  );
  return gone.length;
}

/** Looks every hour, and at once. The function given back ends it when the round under way is over. */
export function startRetention(deps: RetentionDeps): () => Promise<void> {
  let stopped = false;
  let round = Promise.resolve();
  const work = async () => {
    while (!stopped && (await deleteOldRecordings(deps)) === BATCH);
  };
  const start = () => {
    round = round.then(work).catch((error: unknown) => deps.problem(String(error)));
  };
  start();
  const timer = setInterval(start, EVERY_MS);
  return async () => {
    stopped = true;
    clearInterval(timer);
    await round;
  };
}
