/**
 * `bun sip/engine/fuzz/cli.ts [--minutes N] [--seed S] [--corpus FOLDER]`: fuzzing of the parser and of whole
 * exchanges in turn, from the messages of RFC 4475 and RFC 5118 or those of the folder, reproducible by the seed.
 * Exit code 0 when nothing was found, 1 with the inputs that failed, 2 for wrong arguments.
 */
import { parseArgs } from "node:util";
import { readCorpus } from "./corpus.ts";
import { fuzzExchanges } from "./exchange.ts";
import { fuzzParser } from "./parser.ts";

/** A message longer than this in the parser holds everybody else up, ms. */
const SLOW_MS = 500;
const ROUND_MS = 10_000;

/** Runs the fuzzer; writes one line a round. @returns the exit code. */
export async function runFuzz(
  argv: readonly string[],
  print: (line: string) => void = console.log,
): Promise<number> {
  let minutes: number;
  let seed: number;
  let corpus: Buffer[];
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        minutes: { type: "string", default: "1" },
        seed: { type: "string" },
        corpus: { type: "string" },
      },
    });
    minutes = Number(values.minutes);
    seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
    if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error("--minutes and --seed are numbers");
    corpus = values.corpus === undefined ? readCorpus() : readCorpus([values.corpus]);
    if (corpus.length === 0) throw new Error(`no .dat files in ${values.corpus}`);
  } catch (error) {
    print(`fuzz: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
  const end = performance.now() + minutes * 60_000;
  const slice = () => Math.max(1, Math.min(ROUND_MS, (end - performance.now()) / 2));
  for (; performance.now() < end; seed++) {
    const parser = fuzzParser(corpus, seed, slice());
    // Each session has a seed of its own: rounds lie far apart, so that none is played twice.
    const exchanges = await fuzzExchanges(corpus, seed * 1_000_003, slice());
    const slowest = Math.max(parser.slowestMs, exchanges.slowestMs);
    print(
      `seed ${seed}: parser ${parser.messages} messages, ${parser.accepted} accepted; ${exchanges.sessions} exchanges, ${exchanges.messages} messages; slowest ${slowest.toFixed(1)} ms`,
    );
    for (const { reason, input } of parser.failures)
      print(`  ${reason}: ${JSON.stringify(Buffer.from(input).toString("latin1"))}`);
    for (const { reason, seed: own } of exchanges.failures) print(`  exchange ${own}: ${reason}`);
    if (slowest > SLOW_MS) print(`  one message took ${slowest.toFixed(0)} ms`);
    if (parser.failures.length + exchanges.failures.length > 0 || slowest > SLOW_MS) return 1;
  }
  return 0;
}

if (import.meta.main) process.exit(await runFuzz(process.argv.slice(2)));
