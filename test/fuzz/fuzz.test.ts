/** A minute of fuzzing, half the parser, half whole exchanges; `npm run fuzz -- --minutes N` goes on with other seeds. */
import { expect, test } from "bun:test";
import { readCorpus } from "../../sip/engine/fuzz/corpus.ts";
import { fuzzExchanges } from "../../sip/engine/fuzz/exchange.ts";
import { fuzzParser } from "../../sip/engine/fuzz/parser.ts";

const CORPUS = readCorpus();
/** A quadratic step needs seconds for messages of 70,000 bytes; a busy machine does not. */
const SLOW_MS = 1_000;
const LEAK_MB = 40;

/** Heap in MB after a full collection. */
function heap(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

test("mutated messages: no throw, stable output, bounded time and memory", () => {
  fuzzParser(CORPUS, 1, 2_000);
  const before = heap();
  const report = fuzzParser(CORPUS, 4475, 28_000);
  expect(
    report.failures.map(({ reason, input }) => `${reason}: ${JSON.stringify(Buffer.from(input).toString())}`),
  ).toEqual([]);
  expect(report.messages).toBeGreaterThan(2_000);
  expect(report.accepted).toBeGreaterThan(100);
  expect(report.slowestMs).toBeLessThan(SLOW_MS);
  expect(heap() - before).toBeLessThan(LEAK_MB);
}, 90_000);

test("bent exchanges: no throw, nothing left behind, bounded time and memory", async () => {
  await fuzzExchanges(CORPUS, 1, 2_000);
  const before = heap();
  const report = await fuzzExchanges(CORPUS, 3261, 28_000);
  expect(report.failures).toEqual([]);
  expect(report.sessions).toBeGreaterThan(100);
  expect(report.messages).toBeGreaterThan(5_000);
  expect(report.slowestMs).toBeLessThan(SLOW_MS);
  expect(heap() - before).toBeLessThan(LEAK_MB);
}, 90_000);
