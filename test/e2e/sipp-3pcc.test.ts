/**
 * sipp's third-party call control through the exchange: the controller's two halves call two lines, the first without
 * an offer, and hand the descriptions of one to the other (RFC 3725, flow I). Over UDP, TCP and TLS.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { SippResult } from "../kit/sipp.ts";
import { SippLines } from "../kit/sipp-lines.ts";
import { good, outcome, Stillness, TRANSPORTS } from "../kit/sipp-pair.ts";
import { freePort, listens } from "../kit/wait.ts";

let lines: SippLines;
beforeAll(async () => {
  lines = await SippLines.open();
}, 40_000);
afterAll(() => lines?.close(), 30_000);

const CALLS = 10;

test("3pcc: both halves of the controller and both parties go through, nothing is left", async () => {
  const still = new Stillness();
  const runs: Promise<SippResult>[] = [];
  for (const transport of TRANSPORTS) {
    const [a, b] = [await lines.line(transport), await lines.line(transport)];
    runs.push(a.answer("3pcc-A", CALLS), b.answer("3pcc-B", CALLS));
    const port = await freePort();
    const half = { calls: CALLS, rate: 5, twin: `127.0.0.1:${port}` };
    const controllers = [b.call("3pcc-C-B", half)];
    await listens(port);
    controllers.push(a.call("3pcc-C-A", half));
    runs.push(...controllers);
    expect((await Promise.all(controllers)).map(outcome), transport).toEqual([good(CALLS), good(CALLS)]);
  }
  const all = await Promise.all(runs);
  for (const run of all) expect(outcome(run)).toEqual(good(CALLS));
  expect(still.again(all)).toBe(0);
  await lines.exchange.empty();
  for (const row of lines.exchange.x.records())
    expect(row).toMatchObject({ cause: "normal", hangup_by: "caller" });
}, 58_000);
