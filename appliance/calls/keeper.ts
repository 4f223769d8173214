/**
 * Writes that must not be lost nor stop the calls: when the disk refuses they wait in memory, in order, and are tried
 * again until it takes them.
 */
import { StorageError } from "../../storage/database.ts";

export interface KeeperDeps {
  readonly after: (ms: number, run: () => void) => () => void;
  /** The disk refuses; told at the first refusal, and for each write given up. */
  readonly alarm: (code: "log-waiting" | "log-lost", detail: string) => void;
  /** All that waited is written. */
  readonly clear: (code: "log-waiting") => void;
  /** Writes that may wait; one more throws the disk's error. Default 50,000. */
  readonly limit?: number;
}

export interface Keeper {
  /** Runs `work` now, or after what waits. @throws errors that are not the disk's, and the disk's beyond the limit */
  write(work: () => void): void;
  /** Tries what waits once more, all of it. */
  drain(): void;
  readonly waiting: number;
  /** No further tries. */
  stop(): void;
}

const RETRY_MS = 1000;
/** Written at one go, so that calls go on meanwhile. */
const PORTION = 25;

export function createKeeper({ after, alarm, clear, limit = 50_000 }: KeeperDeps): Keeper {
  let waiting: (() => void)[] = [];
  let cancel: (() => void) | null = null;

  function later(ms: number): void {
    cancel ??= after(ms, () => {
      cancel = null;
      portion(PORTION);
    });
  }

  /** Writes up to `most`; false when the disk still refuses. */
  function portion(most: number): boolean {
    let done = 0;
    let refused = false;
    for (const work of waiting.slice(0, most)) {
      try {
        work();
      } catch (error) {
        if (isDisk(error)) {
          refused = true;
          break;
        }
        alarm("log-lost", error instanceof Error ? error.message : String(error));
      }
      done++;
    }
    waiting = waiting.slice(done);
    if (waiting.length === 0) clear("log-waiting");
    else later(refused ? RETRY_MS : 0);
    return !refused;
  }

  return {
    write(work) {
      if (waiting.length === 0)
        try {
          return work();
        } catch (error) {
          if (!isDisk(error)) throw error;
          alarm("log-waiting", error instanceof Error ? error.message : String(error));
        }
      else if (waiting.length >= limit)
        throw new StorageError("disk-full", `${waiting.length} writes wait for the disk.`);
      waiting.push(work);
      later(RETRY_MS);
    },
    drain() {
      while (waiting.length > 0 && portion(PORTION)) {}
    },
    get waiting() {
      return waiting.length;
    },
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}

/** Refusals that may pass: full, busy, unwritable, an input/output error. */
function isDisk(error: unknown): boolean {
  if (error instanceof StorageError) return error.code !== "closed";
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    error.code.startsWith("SQLITE_IOERR")
  );
}
