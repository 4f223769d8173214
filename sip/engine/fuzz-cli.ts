/**
 * `bun sip/engine/fuzz-cli.ts [--minutes N] [--seed S] [--corpus FOLDER]`: longer fuzzing of the parser, reproducible
 * by its seed. Exit code 0 when nothing was found, 1 with the inputs that failed, 2 for wrong arguments.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzzParser } from "./message/fuzz.ts";

/** A message longer than this in the parser holds everybody else up, ms. */
const SLOW_MS = 500;
const ROUND_MS = 10_000;

/** Runs the fuzzer; writes one line a round. @returns the exit code. */
export function runFuzz(argv: readonly string[], print: (line: string) => void = console.log): number {
  let minutes: number;
  let seed: number;
  let corpus: Buffer[];
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        minutes: { type: "string", default: "1" },
        seed: { type: "string" },
        corpus: { type: "string", default: join(import.meta.dir, "../../test/fixtures/rfc4475") },
      },
    });
    minutes = Number(values.minutes);
    seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
    if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error("--minutes and --seed are numbers");
    const folder = values.corpus;
    const files = readdirSync(folder).sort();
    corpus = files.filter((file) => file.endsWith(".dat")).map((file) => readFileSync(join(folder, file)));
    if (corpus.length === 0) throw new Error(`no .dat files in ${folder}`);
  } catch (error) {
    print(`fuzz: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
  const end = performance.now() + minutes * 60_000;
  for (let left = minutes * 60_000; left > 0; left = end - performance.now(), seed++) {
    const report = fuzzParser(corpus, seed, Math.min(ROUND_MS, left));
    print(
      `seed ${seed}: ${report.messages} messages, ${report.accepted} accepted, slowest ${report.slowestMs.toFixed(1)} ms`,
    );
    for (const { reason, input } of report.failures) {
      print(`  ${reason}: ${JSON.stringify(Buffer.from(input).toString("latin1"))}`);
    }
    if (report.failures.length > 0) return 1;
    if (report.slowestMs > SLOW_MS) {
      print(`  one message took ${report.slowestMs.toFixed(0)} ms`);
      return 1;
    }
  }
  return 0;
}

if (import.meta.main) process.exit(runFuzz(process.argv.slice(2)));
