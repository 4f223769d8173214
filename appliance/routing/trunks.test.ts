/** Trunks as they are saved: complaints by field, spare trunks, versions. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TRUNK_DEFAULTS } from "../../sip/index.ts";
import { openStore, type Store } from "../../storage/database.ts";
import { SYSTEM_ACTOR, ValidationError } from "../kernel.ts";
import { createPeople } from "../people/index.ts";
import { createConfiguration } from "../system/index.ts";
import { createRouting, type Routing, type TrunkInput } from "./index.ts";
import { trunkInput } from "./test-support.ts";

const folder = mkdtempSync(join(tmpdir(), "zongji-trunks-"));
let store: Store;
let routing: Routing;
let people: ReturnType<typeof createPeople>;
beforeAll(async () => {
  store = await openStore(folder);
  const now = Date.now;
  const configuration = createConfiguration({ store, now });
  people = createPeople({ store, now, configuration, realm: "office" });
  routing = createRouting({
    store,
    now,
    configuration,
    mediaFolder: join(folder, "media"),
    convert: async (bytes) => ({ wav8k: bytes, durationMs: 0 }),
  });
  await configuration.load();
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const save = (input: TrunkInput, id?: number) => routing.trunks.save(SYSTEM_ACTOR, id, input);
async function complaints(input: TrunkInput, id?: number): Promise<string[]> {
  try {
    await save(input, id);
  } catch (error) {
    if (error instanceof ValidationError)
      return Object.entries(error.fields).map(([field, { code }]) => `${field} ${code}`);
    throw error;
  }
  return [];
}

test("every option has its complaint", async () => {
  const wrong = {
    outboundProxy: "not a host",
    fromDomain: "a>b",
    callsPerSecond: -1,
    numberFormat: "roman",
    callerFormat: "roman",
    country: "XX",
    areaCode: "02x",
    numberPrefix: "9;",
    fromUser: "fixed",
    fromText: "",
    contactUser: "fixed",
    contactText: 'a"b@c',
    srtp: "maybe",
    dtmf: "shout",
    nextTrunkId: 99,
  } as unknown as Partial<TrunkInput>;
  expect((await complaints(trunkInput(wrong))).sort()).toEqual(
    [
      "areaCode error.digits",
      "callerFormat error.choice",
      "callsPerSecond error.range",
      "contactText error.characters",
      "country error.unknown-choice",
      "dtmf error.choice",
      "fromDomain error.host",
      "fromText error.required",
      "nextTrunkId error.unknown-choice",
      "numberFormat error.choice",
      "numberPrefix error.phone-number",
      "outboundProxy error.host",
      "srtp error.choice",
    ].sort(),
  );
  for (const outboundProxy of [
    "p.cn",
    "p.cn:5070",
    "[2001:db8::1]:5060",
    "sip:edge@p.cn;transport=tcp;lr",
    "10.0.0.1",
  ])
    expect([
      outboundProxy,
      await complaints(trunkInput({ name: `P ${outboundProxy}`, outboundProxy })),
    ]).toEqual([outboundProxy, []]);
});

test("options left out are the defaults; what is saved reaches the line; a version brings the old ones back", async () => {
  const plain = await save(trunkInput({ name: "Plain" }));
  const row = await routing.trunks.get(SYSTEM_ACTOR, plain.id);
  expect(row).toMatchObject({ ...TRUNK_DEFAULTS, nextTrunkId: null });
  const changed = {
    srtp: "required",
    dtmf: "info",
    earlyMedia: false,
    callsPerSecond: 3,
    numberFormat: "e164",
    callerFormat: "national",
    country: "JP",
    areaCode: "03",
    numberPrefix: "9",
    fromUser: "fixed",
    fromText: "pilot",
    contactUser: "caller",
    contactText: "",
    diversion: true,
    hideNumber: true,
  } as const;
  await save(trunkInput({ name: "Plain", password: "", ...changed }), plain.id);
  const config = people.directory.trunks().find(({ id }) => id === plain.id);
  expect(config).toMatchObject({ ...changed, password: "pw" });
  const { rows } = await routing.versions.list(SYSTEM_ACTOR);
  await routing.versions.rollback(SYSTEM_ACTOR, rows[1]?.id ?? 0);
  expect(people.directory.trunks().find(({ id }) => id === plain.id)).toMatchObject({
    ...TRUNK_DEFAULTS,
    password: "pw",
  });
});

test("a spare trunk does not lead back, and is not deleted from under its line; versions restore the pair", async () => {
  const spare = await save(trunkInput({ name: "Spare" }));
  const main = await save(trunkInput({ name: "Main", nextTrunkId: spare.id }));
  expect(await complaints(trunkInput({ name: "Spare", nextTrunkId: main.id }), spare.id)).toEqual([
    "nextTrunkId error.trunk-loop",
  ]);
  expect(await complaints(trunkInput({ name: "Spare", nextTrunkId: spare.id }), spare.id)).toEqual([
    "nextTrunkId error.trunk-loop",
  ]);
  await expect(routing.trunks.remove(SYSTEM_ACTOR, [spare.id])).rejects.toMatchObject({
    code: "error.in-use",
  });
  const before = (await routing.versions.list(SYSTEM_ACTOR)).rows[0]?.id ?? 0;
  await routing.trunks.remove(SYSTEM_ACTOR, [main.id]);
  await routing.trunks.remove(SYSTEM_ACTOR, [spare.id]);
  await routing.versions.rollback(SYSTEM_ACTOR, before);
  expect(routing.current().trunks.get(main.id)?.nextTrunkId).toBe(spare.id);
});
