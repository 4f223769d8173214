import { expect, setDefaultTimeout, test } from "bun:test";
import { readCorpus } from "./corpus.ts";
import { playSession } from "./exchange.ts";

// Pure work; it takes longer where other tests run beside it.
setDefaultTimeout(60_000);

const SEEDS = Array.from({ length: 30 }, (_, index) => 1_000 + index * 37);

/** All of a session but its time. */
function trail(seed: number): string {
  const { slowestMs: _, ...rest } = playSession(seed, readCorpus());
  return JSON.stringify(rest, (_key, value) => (typeof value === "bigint" ? `${value}` : value));
}

test("a seed repeats a session exactly: every message to the last byte, every word to the app", () => {
  for (const seed of SEEDS) expect(trail(seed)).toBe(trail(seed));
});

test("a seed repeats a session in another process too", () => {
  const file = JSON.stringify(`${import.meta.dir}/exchange.ts`);
  const corpus = JSON.stringify(`${import.meta.dir}/corpus.ts`);
  const script = `const { playSession } = await import(${file}); const { readCorpus } = await import(${corpus});
    console.log([${SEEDS}].map((seed) => playSession(seed, readCorpus()).checksum).join());`;
  const run = Bun.spawnSync([process.execPath, "-e", script]);
  expect(run.stdout.toString().trim()).toBe(
    SEEDS.map((seed) => playSession(seed, readCorpus()).checksum).join(),
  );
});

test("another seed plays another session", () => {
  expect(new Set(SEEDS.map((seed) => playSession(seed, readCorpus()).checksum)).size).toBe(SEEDS.length);
});
