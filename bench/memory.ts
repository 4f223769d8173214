/** Memory of engine and application over very many transactions: it has to stay where it was. */
import { generate } from "./generator.ts";
import { ROOT, type Row, residentMb } from "./measure.ts";

const PORT = 44_950;
const PER_SECOND = 6000;
/** Growth that is allowed between half-way and the end, MB. */
const ALLOWED_MB = 40;

/**
 * `count` OPTIONS transactions against the engine and a small application, in one process: resident memory after the
 * first seconds, at 10, 50 and 100 %, and when the last answers have been forgotten.
 */
export async function memoryOverTransactions(count: number): Promise<Row[]> {
  const app = Bun.spawn([process.execPath, "bench/b2bua-app.ts", String(PORT), "sip:nobody@127.0.0.1:9"], {
    cwd: ROOT,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    if ((await app.stdout.getReader().read()).done) throw new Error("the application did not start");
    const marks: { readonly share: number; readonly mb: number }[] = [];
    let [done, failed, seconds] = [0, 0, 0];
    for (const share of [10, 50, 100]) {
      const upTo = Math.round((count * share) / 100);
      const part = await generate(
        "OPTIONS",
        { address: "127.0.0.1", port: PORT },
        [{ number: "1", secret: "" }],
        {
          count: upTo - done,
          window: 256,
          perSecond: PER_SECOND,
        },
      );
      failed += part.failed + part.lost;
      seconds += part.seconds;
      done = upTo;
      marks.push({ share, mb: residentMb(app.pid) });
    }
    const [, half, end] = marks;
    return [
      {
        what: `memory over ${count.toLocaleString("en")} transactions (engine and a small application)`,
        value: `${marks.map(({ share, mb }) => `${mb} MB at ${share} %`).join(", ")}; ${Math.round(count / seconds)}/s, ${failed} failed or lost`,
        budget: "no growth",
        met: failed === 0 && (end?.mb ?? 0) - (half?.mb ?? 0) < ALLOWED_MB,
      },
    ];
  } finally {
    app.kill("SIGTERM");
    await app.exited;
  }
}

if (import.meta.main) {
  for (const row of await memoryOverTransactions(Number(process.argv[2] ?? 1_000_000)))
    console.log(row.value);
}
