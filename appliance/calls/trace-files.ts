/** Traces of ended calls on disk: a folder a day, a compressed file a call; old days and too much of it are removed. */
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { TraceEntry, TraceReader } from "../../sip/index.ts";

/** What is kept of a call. */
export interface StoredTrace {
  readonly entries: readonly TraceEntry[];
  readonly legs: readonly StoredLeg[];
}
export interface StoredLeg {
  readonly leg: string;
  readonly callIds: readonly string[];
  /** Voice packets that came from the party; null when nobody counted. */
  readonly packetsIn: number | null;
}

export interface TraceFileLimits {
  readonly days: number;
  readonly megabytes: number;
}

const pack = promisify(gzip);
const DAY_MS = 86_400_000;
const MEGABYTE = 2 ** 20;
/** A file this large is not ours. */
const MOST_BYTES = 16 * MEGABYTE;
const VERSION = 1;

export class TraceFiles {
  constructor(
    private readonly folder: string,
    private readonly limits: TraceFileLimits,
    private readonly now: () => number,
    /** JSON out of gzip, away from this thread. */
    private readonly unpack: TraceReader["unpack"],
  ) {}

  /** Writes a call's trace; compression and disk run beside the main thread. @throws the system's error */
  async write(journey: string, startedAt: number, trace: StoredTrace): Promise<void> {
    const file = this.#path(journey, startedAt);
    const bytes = await pack(JSON.stringify({ version: VERSION, ...trace }));
    await mkdir(join(this.folder, dayOf(startedAt)), { recursive: true, mode: 0o700 });
    await writeFile(`${file}.part`, bytes, { mode: 0o600 });
    await rename(`${file}.part`, file);
  }

  /** The trace of a call, null when there is none or it cannot be read. */
  async read(journey: string, startedAt: number): Promise<StoredTrace | null> {
    const file = Bun.file(this.#path(journey, startedAt));
    if (!(await file.exists()) || file.size > MOST_BYTES) return null;
    try {
      const packed = new Uint8Array(await file.arrayBuffer());
      const stored = (await this.unpack(packed, MOST_BYTES)) as StoredTrace & { version?: number };
      return stored.version === VERSION ? stored : null;
    } catch {
      return null;
    }
  }

  /** Removes days that are too old, then the oldest files until the rest fits. Returns how many files went. */
  async prune(): Promise<number> {
    const oldest = dayOf(this.now() - this.limits.days * DAY_MS);
    const days = (await readdir(this.folder).catch(() => [])).filter((name) =>
      /^\d{4}-\d\d-\d\d$/.test(name),
    );
    let removed = 0;
    const files: { path: string; bytes: number; at: number }[] = [];
    for (const day of days.sort()) {
      const names = await readdir(join(this.folder, day)).catch(() => []);
      if (day < oldest) {
        await rm(join(this.folder, day), { recursive: true, force: true });
        removed += names.length;
        continue;
      }
      for (const name of names) {
        const path = join(this.folder, day, name);
        const found = await stat(path).catch(() => null);
        if (found) files.push({ path, bytes: found.size, at: found.mtimeMs });
      }
    }
    let total = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files.sort((a, b) => a.at - b.at)) {
      if (total <= this.limits.megabytes * MEGABYTE) break;
      await rm(file.path, { force: true });
      total -= file.bytes;
      removed++;
    }
    return removed;
  }

  #path(journey: string, startedAt: number): string {
    return join(this.folder, dayOf(startedAt), `${journey.replaceAll(/[^\w-]/g, "_")}.json.gz`);
  }
}

/** UTC day, "2026-11-21". */
function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
