/** The live state of trunks: who may see it, who may ask a carrier, and what is written down about it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrunkState } from "../../sip/index.ts";
import { openStore, type Store } from "../../storage/database.ts";
import { type Actor, ForbiddenError, NotFoundError } from "../kernel.ts";
import { createConfiguration } from "../system/index.ts";
import { createRouting, type Routing } from "./index.ts";
import { trunkInput } from "./test-support.ts";

const folder = mkdtempSync(join(tmpdir(), "zongji-lines-"));
let store: Store;
let routing: Routing;
let up = true;
const asked: number[] = [];
const off = new Set<number>();
const state = (trunkId: number): TrunkState => ({
  trunkId,
  state: "up",
  reason: "",
  problem: null,
  since: 0,
  registeredUntil: null,
  callsNow: 0,
  latencyMs: null,
});
const may = (...permissions: string[]): Actor => ({
  accountId: null,
  name: "Wang",
  permissions,
  scope: "all",
  agentId: null,
  departmentId: null,
  address: "192.0.2.9",
});
let id = 0;

beforeAll(async () => {
  store = await openStore(folder);
  const configuration = createConfiguration({ store, now: () => 5000 });
  routing = createRouting({
    store,
    now: () => 5000,
    configuration,
    mediaFolder: join(folder, "media"),
    convert: async (bytes) => ({ wav8k: bytes, durationMs: 0 }),
    lines: () =>
      up
        ? {
            state: (trunk) => (trunk === id ? state(trunk) : undefined),
            states: () => [state(id)],
            check: (trunk) => {
              asked.push(trunk);
              return !off.has(trunk);
            },
          }
        : undefined,
  });
  await configuration.load();
  const input = trunkInput({ kind: "ip", host: "192.0.2.1", optionsPingS: 0 });
  id = (await routing.trunks.save(may("*"), undefined, input)).id;
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const refusal = (work: () => unknown) =>
  Promise.resolve()
    .then(work)
    .then(
      () => "done",
      (error: unknown) => error,
    );
const audits = () =>
  store.read.selectFrom("audit_log").selectAll().where("action", "=", "check").orderBy("id").execute();

test("the state is for who may see trunks; all states also for who sees the system's health", async () => {
  expect(routing.trunks.state(may("trunks.view"), id)?.state).toBe("up");
  expect(routing.trunks.states(may("health.view"))).toMatchObject([{ trunkId: id, name: "Carrier" }]);
  expect(routing.trunks.states(may("trunks.view"))).toHaveLength(1);
  for (const work of [
    () => routing.trunks.state(may("health.view"), id),
    () => routing.trunks.states(may("dids.view")),
  ])
    expect(await refusal(work)).toBeInstanceOf(ForbiddenError);
  up = false;
  expect(routing.trunks.state(may("*"), id)).toBeUndefined();
  expect(routing.trunks.states(may("*"))).toEqual([]);
  up = true;
});

test("asking the carrier needs the right to edit, and is written down; what asks nobody is not", async () => {
  const { trunks } = routing;
  expect(await refusal(() => trunks.check(may("trunks.view"), id))).toBeInstanceOf(ForbiddenError);
  expect(await refusal(() => trunks.check(may("*"), 999))).toBeInstanceOf(NotFoundError);
  expect(asked).toEqual([]);
  expect(await trunks.check(may("trunks.view", "trunks.edit"), id)).toBe(true);
  expect(asked).toEqual([id]);
  off.add(id);
  expect(await trunks.check(may("*"), id)).toBe(false);
  up = false;
  expect(await trunks.check(may("*"), id)).toBe(false);
  up = true;
  expect(await audits()).toMatchObject([
    {
      at: 5000,
      actor: "Wang",
      action: "check",
      subject: "trunk",
      subject_id: String(id),
      detail_json: '{"name":"Carrier"}',
      address: "192.0.2.9",
    },
  ]);
});
