import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFlusher } from "./flush.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), "zongji-flush-"));
  folders.push(folder);
  writeFileSync(join(folder, "wal"), "x");
  const syncs: ((error: Error | null) => void)[] = [];
  const errors: unknown[] = [];
  const flusher = createFlusher(
    join(folder, "wal"),
    (error) => errors.push(error),
    (_fd, done) => syncs.push(done),
  );
  return { flusher, syncs, errors };
}

async function settled(promise: Promise<void>): Promise<string> {
  const later = new Promise<string>((resolve) => setImmediate(() => resolve("waiting")));
  return Promise.race([
    promise.then(
      () => "done",
      () => "failed",
    ),
    later,
  ]);
}

test("a wait ends with a flush that began after the commit, and one flush serves all who wait", async () => {
  const { flusher, syncs } = setUp();
  expect(await settled(flusher.flushed())).toBe("done");
  flusher.committed();
  const first = flusher.flushed();
  expect(syncs).toHaveLength(1);
  flusher.committed();
  const [second, third] = [flusher.flushed(), flusher.flushed()];
  expect(syncs).toHaveLength(1);
  syncs[0]?.(null);
  expect(await settled(first)).toBe("done");
  expect(await settled(second)).toBe("waiting");
  expect(syncs).toHaveLength(2);
  syncs[1]?.(null);
  expect([await settled(second), await settled(third)]).toEqual(["done", "done"]);
  expect(await settled(flusher.flushed())).toBe("done");
  expect(syncs).toHaveLength(2);
});

test("a commit nobody waits for goes to the disk all the same", async () => {
  const { flusher, syncs } = setUp();
  flusher.committed();
  flusher.committed();
  expect(syncs).toHaveLength(0);
  const deadline = Date.now() + 2000;
  while (syncs.length === 0 && Date.now() < deadline) await Bun.sleep(1);
  expect(syncs).toHaveLength(1);
});

test("a disk that fails is told to those who wait and to the log, and the next try is a new one", async () => {
  const { flusher, syncs, errors } = setUp();
  flusher.committed();
  const first = flusher.flushed();
  syncs[0]?.(Object.assign(new Error("no space left"), { code: "ENOSPC" }));
  await expect(first).rejects.toMatchObject({ code: "disk-full" });
  expect(errors).toHaveLength(1);
  flusher.committed();
  const second = flusher.flushed();
  syncs[1]?.(null);
  expect(await settled(second)).toBe("done");
});
