/**
 * Brings what has been committed to the disk without keeping the main thread waiting: the write-ahead log is synchronised
 * by a thread of its own, once for everything that has gathered meanwhile. A commit survives the end of this program at
 * once, and a power cut as soon as `flushed` resolves.
 */
import { closeSync, fdatasync, openSync } from "node:fs";
import { storageError } from "./errors.ts";

/** Longest time that a commit nobody waits for lies in memory, ms. */
const LAZY_MS = 5;

export interface Flusher {
  /** Something was committed: it goes to the disk in a moment. */
  committed(): void;
  /** Resolves when all that was committed before is on the disk. @throws StorageError (disk-full, failed) */
  flushed(): Promise<void>;
  close(): Promise<void>;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** @param file the write-ahead log. @param sync stands for fdatasync in tests. */
export function createFlusher(
  file: string,
  onError: (error: unknown) => void,
  sync: (fd: number, done: (error: Error | null) => void) => void = fdatasync,
): Flusher {
  let fd: number | undefined;
  let dirty = false;
  let running = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: Waiter[] = [];

  function start(): void {
    clearTimeout(timer);
    timer = undefined;
    if (running || !dirty) return;
    running = true;
    dirty = false;
    const served = waiting;
    waiting = [];
    const done = (cause: unknown): void => {
      running = false;
      if (cause) {
        const error = storageError(cause);
        onError(error);
        for (const waiter of served) waiter.reject(error);
      } else for (const waiter of served) waiter.resolve();
      // What came meanwhile was not part of this.
      if (waiting.length > 0) start();
      else if (dirty) later();
    };
    try {
      fd ??= openSync(file, "r+");
      sync(fd, done);
    } catch (error) {
      done(error);
    }
  }

  function later(): void {
    timer ??= setTimeout(start, LAZY_MS);
  }

  function flushed(): Promise<void> {
    if (!dirty && !running) return Promise.resolve();
    // A running one may have begun before the last commit.
    dirty = true;
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      start();
    });
  }

  return {
    committed() {
      dirty = true;
      if (!running) later();
    },
    flushed,
    async close() {
      await flushed().catch(() => {});
      clearTimeout(timer);
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
