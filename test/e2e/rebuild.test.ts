/** After real calls: what the reports count can be made again from the logs, row by row. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { rebuild } from "../../appliance/calls/project/index.ts";
import { openStore, type Store } from "../../storage/database.ts";
import { type Exchange, startExchange } from "../kit/exchange.ts";

setDefaultTimeout(40_000);

let x: Exchange;
beforeAll(async () => {
  x = await startExchange({});
});
afterAll(() => x?.stop());

const TABLES = ["call_record", "recording", "agent_timeline"] as const;
const rowsOf = (store: Store) =>
  TABLES.map((table) => store.sync.db.query(`SELECT * FROM ${table} ORDER BY rowid`).all());
const sorted = (tables: unknown[][]) => tables.map((rows) => rows.map((row) => JSON.stringify(row)).sort());

test("records, recordings and agents' stretches of real calls are the same after a rebuild", async () => {
  const [a, b] = [await x.phone("1001"), await x.phone("1002")];
  b.behaviour = { kind: "answer", afterMs: 50 };
  const call = await a.dial("1002");
  await call.answered;
  await call.hangup();
  await x.ended(await x.journey("1001", "1002"));
  b.behaviour = { kind: "refuse", status: 486 };
  await (await a.dial("1002")).ended;
  await x.app.stop();
  const store = await openStore(x.folder);
  try {
    const before = rowsOf(store);
    const stretches = before[2] as { state: string; to_at: number | null; journey: string | null }[];
    expect(stretches.some((row) => row.state === "busy" && row.journey !== null)).toBe(true);
    expect(stretches.some((row) => row.state === "idle" && row.journey === null)).toBe(true);
    expect(stretches.every((row) => row.to_at !== null)).toBe(true);
    expect(before[0]?.length).toBeGreaterThanOrEqual(2);
    rebuild(store);
    const after = rowsOf(store);
    expect(JSON.stringify(after[2])).toBe(JSON.stringify(before[2]));
    expect(sorted(after)).toEqual(sorted(before));
  } finally {
    await store.close();
  }
});
