/**
 * The scenarios that come with sipp, unchanged: its caller is a line by address with a number of its own, its callee
 * the carrier that this number is forwarded to. Over UDP, TCP and TLS, with one socket for all calls and one each.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { SippResult } from "../kit/sipp.ts";
import { SippLines } from "../kit/sipp-lines.ts";
import { good, outcome, Stillness, TRANSPORTS } from "../kit/sipp-pair.ts";

let lines: SippLines;
beforeAll(async () => {
  lines = await SippLines.open();
}, 40_000);
afterAll(() => lines?.close(), 30_000);

test("uac and regexp call uas through the exchange: no failure, nothing sent twice, nothing left", async () => {
  const still = new Stillness();
  const runs: SippResult[] = [];
  const callees: Promise<SippResult>[] = [];
  const made: string[] = [];
  for (const transport of TRANSPORTS) {
    const line = await lines.line(transport);
    made.push(line.did);
    callees.push(line.answer("uas", 40));
    const callers = await Promise.all([
      line.call("uac", { calls: 20, rate: 10, sockets: "one", talkMs: 200 }),
      line.call("uac", { calls: 10, rate: 5, sockets: "each", talkMs: 200 }),
      line.call("regexp", { calls: 10, rate: 5, sockets: "one" }),
    ]);
    runs.push(...callers);
    expect(callers.map(outcome), transport).toEqual([good(20), good(10), good(10)]);
  }
  // It lingers for late requests; meanwhile the next transport has had its calls.
  const called = await Promise.all(callees);
  expect(called.map(outcome)).toEqual([good(40), good(40), good(40)]);
  expect(still.again([...runs, ...called])).toBe(0);
  await lines.exchange.empty();
  for (const did of made) {
    const rows = lines.exchange.x.records().filter((row) => row.callee_original === did);
    expect(rows).toHaveLength(40);
    for (const row of rows) expect(row).toMatchObject({ cause: "normal", hangup_by: "caller" });
  }
}, 58_000);
