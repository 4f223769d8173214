/** Memory of engine and application over very many transactions: it has to stay where it was. */
import { startB2bua } from "./b2bua.ts";
import { generate } from "./generator.ts";
import { percentile, type Row, residentMb } from "./measure.ts";

const PORT = 44_950;
const PER_SECOND = 6000;
/** Growth of the middle value that is allowed between the two halves, MB. */
const ALLOWED_MB = 40;
/** Parts after each of which the memory is read; the first ones warm up. */
const PARTS = 20;
const WARM = 2;
/** The last answers are forgotten after 32 s, ms. */
const REST_MS = 40_000;

/**
 * `count` OPTIONS transactions against the engine and a small application. Resident memory goes up and
 * down with the collector's runs, so single moments tell little: compared are the middle values of many readings in the
 * first and the second half, and the memory at rest, when the last answers have been forgotten, with both.
 */
export async function memoryOverTransactions(count: number, restMs = REST_MS): Promise<Row[]> {
  const parts = await startB2bua(PORT, "sip:nobody@127.0.0.1:9");
  const resident = () => residentMb(parts.engine) + residentMb(parts.app);
  try {
    const readings: number[] = [];
    let [failed, seconds] = [0, 0];
    for (let n = 0; n < PARTS; n++) {
      const part = await generate(
        "OPTIONS",
        { address: "127.0.0.1", port: PORT },
        [{ number: "1", secret: "" }],
        { count: Math.round(count / PARTS), window: 256, perSecond: PER_SECOND },
      );
      failed += part.failed + part.lost;
      seconds += part.seconds;
      if (n >= WARM) readings.push(resident());
    }
    await Bun.sleep(restMs);
    const rest = resident();
    const middle = (values: readonly number[]) => Math.round(percentile(values, 0.5));
    const half = Math.floor(readings.length / 2);
    const [first, second] = [middle(readings.slice(0, half)), middle(readings.slice(half))];
    return [
      {
        what: `memory over ${count.toLocaleString("en")} transactions (engine and a small application)`,
        value: `middle ${first} MB in the first half, ${second} MB in the second, at most ${Math.max(...readings)} MB; ${rest} MB at rest; ${Math.round(count / seconds)}/s, ${failed} failed or lost`,
        budget: "no growth",
        met: failed === 0 && second - first < ALLOWED_MB && rest < first + ALLOWED_MB,
      },
    ];
  } finally {
    await parts.stop();
  }
}

if (import.meta.main) {
  for (const row of await memoryOverTransactions(Number(process.argv[2] ?? 1_000_000)))
    console.log(row.value);
}
