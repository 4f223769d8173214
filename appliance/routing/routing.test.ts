import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../storage/database.ts";
import { type ListQuery, SYSTEM_ACTOR, ValidationError } from "../kernel.ts";
import { createPeople } from "../people/index.ts";
import { createQueueingConfig, GROUP_DEFAULTS, type GroupInput } from "../queueing/index.ts";
import { createConfiguration } from "../system/index.ts";
import { createRouting, type DidInput, type FlowInput, parseDestination } from "./index.ts";
import { trunkInput } from "./test-support.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function office() {
  const folder = mkdtempSync(join(tmpdir(), "zongji-routing-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  cleanups.push(() => store.close());
  const now = Date.now;
  const configuration = createConfiguration({ store, now });
  const people = createPeople({ store, now, configuration, realm: "office" });
  const routing = createRouting({
    store,
    now,
    configuration,
    mediaFolder: join(folder, "media"),
    convert: async (bytes) => ({ wav8k: bytes, durationMs: bytes.length }),
  });
  const queueing = createQueueingConfig({ store, now, configuration });
  await configuration.load();
  return { store, people, routing, queueing, configuration };
}

const MENU: FlowInput = {
  name: "Main",
  internalNumber: null,
  prompts: [],
  replayCount: 1,
  inputTimeoutS: 5,
  keyTimeoutS: 3,
  maxInput: 1,
  delayS: 0,
  directDial: false,
  timeoutPromptId: null,
  timeoutDestination: null,
  noMatchPromptId: null,
  noMatchDestination: null,
  keys: [],
  callerNumberPrefix: "",
  callerNamePrefix: "",
};
const DID: DidInput = {
  number: "02155501000",
  name: "",
  groupLabel: "",
  trunkId: null,
  destination: null,
  callerNumberPrefix: "",
  callerNamePrefix: "",
  enabled: true,
  note: "",
};
const GROUP: GroupInput = {
  name: "Sales",
  number: "600",
  ...GROUP_DEFAULTS,
  strategy: "ring-all",
  maxWaitS: 0,
  joinEmpty: true,
  positionIntervalS: 0,
  members: [],
  leaderIds: [],
};
const EXTENSION = {
  number: "2001",
  name: "",
  enabled: true,
  allowRemote: false,
  dnd: false,
  displayedNumberId: null,
};

test("a save is in force at once, versioned and audited, and can be rolled back", async () => {
  const { routing, store } = await office();
  const seen: number[] = [];
  routing.onChange((o) => seen.push(o.dids.length));
  const flow = await routing.flows.save(SYSTEM_ACTOR, undefined, { ...MENU, name: "<b>Main</b>" });
  const did = await routing.dids.save(SYSTEM_ACTOR, undefined, {
    ...DID,
    destination: { type: "flow", id: flow.id },
  });
  expect(routing.current().dids[0]?.destination).toEqual({ type: "flow", id: flow.id });
  expect(routing.current().flows.get(flow.id)?.name).toBe("<b>Main</b>");
  expect(routing.explain(SYSTEM_ACTOR, "02155501000", "13800000000", Date.now()).at(-1)?.text).toBe(
    "<b>Main</b>",
  );
  await routing.dids.save(SYSTEM_ACTOR, did.id, { ...DID, name: "Changed", destination: { type: "hangup" } });
  const versions = await routing.versions.list(SYSTEM_ACTOR);
  expect(versions.rows.map((v) => v.summary)).toEqual([
    "save did 02155501000 Changed",
    "save did 02155501000",
    "save flow <b>Main</b>",
  ]);
  const found = async (query: ListQuery) =>
    (await routing.versions.list(SYSTEM_ACTOR, query)).rows.map((v) => v.summary);
  expect(await found({ filters: { subject: "flow" } })).toEqual(["save flow <b>Main</b>"]);
  expect(await found({ filters: { subject: "trunk" } })).toEqual([]);
  expect(await found({ search: "changed" })).toEqual(["save did 02155501000 Changed"]);
  expect(await found({ filters: { subject: "did" }, search: "Main" })).toEqual([]);
  await routing.versions.rollback(SYSTEM_ACTOR, versions.rows[1]?.id ?? 0);
  expect(routing.current().dids[0]?.destination).toEqual({ type: "flow", id: flow.id });
  await routing.versions.rollback(SYSTEM_ACTOR, versions.rows[2]?.id ?? 0);
  expect(routing.current().dids).toEqual([]);
  expect(seen).toEqual([0, 1, 1, 1, 0]);
  const audit = await store.read.selectFrom("audit_log").select("action").execute();
  expect(audit.map((a) => a.action)).toEqual(["save", "save", "save", "rollback", "rollback"]);
  expect(await store.check()).toEqual([]);
});

test("missing objects, loops, clashes and missing prompts are told at the field; nothing is written", async () => {
  const { routing, queueing, people, store } = await office();
  const missing = await routing.dids
    .save(SYSTEM_ACTOR, undefined, { ...DID, destination: { type: "group", id: 99 } })
    .catch((e) => e);
  expect(missing).toBeInstanceOf(ValidationError);
  expect(missing.fields.destination.code).toBe("error.missing-destination");
  expect(await store.read.selectFrom("did").selectAll().execute()).toEqual([]);

  const a = await routing.flows.save(SYSTEM_ACTOR, undefined, MENU);
  const b = await routing.flows.save(SYSTEM_ACTOR, undefined, {
    ...MENU,
    name: "B",
    timeoutDestination: { type: "flow", id: a.id },
  });
  const loop = await routing.flows
    .save(SYSTEM_ACTOR, a.id, { ...MENU, timeoutDestination: { type: "flow", id: b.id } })
    .catch((e) => e);
  expect(loop.fields.timeoutDestination.code).toBe("error.loop");
  const prompt = await routing.flows
    .save(SYSTEM_ACTOR, a.id, { ...MENU, prompts: [{ mediaId: 77, gapS: 0 }] })
    .catch((e) => e);
  expect(prompt.fields["prompts.0"].code).toBe("error.missing-media");

  await people.extensions.save(SYSTEM_ACTOR, undefined, EXTENSION);
  const clash = await queueing.groups
    .save(SYSTEM_ACTOR, undefined, { ...GROUP, number: "2001" })
    .catch((e) => e);
  expect(clash.fields.number).toMatchObject({ code: "error.number-taken", params: { by: "extension" } });
  const menu = await routing.flows
    .save(SYSTEM_ACTOR, b.id, { ...MENU, name: "B", internalNumber: "2001" })
    .catch((e) => e);
  expect(menu.fields.internalNumber.code).toBe("error.number-taken");
  const emergency = await people.extensions
    .save(SYSTEM_ACTOR, undefined, { ...EXTENSION, number: "110" })
    .catch((e) => e);
  expect(emergency.fields.number.code).toBe("error.number-taken");
  const code = await routing.featureCodes
    .save(SYSTEM_ACTOR, [{ code: "20", feature: "echo" }])
    .catch((e) => e);
  expect(code.fields["20"].code).toBe("error.number-taken");
  expect(routing.checkGraph()).toEqual([]);
  expect(routing.current().featureCodes.get("*45")).toBe("sign-in");
});

test("what is in use stays, and its users are named", async () => {
  const { routing, queueing, people } = await office();
  const agent = await people.agents.save(SYSTEM_ACTOR, undefined, {
    number: "1001",
    firstName: "Ann",
    lastName: "Lee",
    roleId: null,
    departmentId: null,
    clickToCallOnly: false,
    enabled: true,
    displayedNumberId: null,
    workInBrowser: false,
    browserTimeoutS: 0,
  });
  const group = await queueing.groups.save(SYSTEM_ACTOR, undefined, {
    ...GROUP,
    members: [{ agentId: agent.id, priority: 1, kind: "static" }],
    leaderIds: [agent.id],
  });
  expect(group.members).toEqual([{ agentId: agent.id, priority: 1, position: 0, kind: "static" }]);
  await routing.dids.save(SYSTEM_ACTOR, undefined, {
    ...DID,
    name: "Hotline",
    destination: { type: "group", id: group.id },
  });
  const used = await queueing.groups.remove(SYSTEM_ACTOR, [group.id]).catch((e) => e);
  expect([used.code, used.params.users]).toEqual(["error.in-use", "did: Hotline"]);
  const member = await people.agents.remove(SYSTEM_ACTOR, [agent.id]).catch((e) => e);
  expect([member.code, member.params.users]).toEqual(["error.in-use", "Sales"]);
  await queueing.groups.save(SYSTEM_ACTOR, group.id, { ...GROUP, members: [], leaderIds: [] });
  expect(await people.agents.remove(SYSTEM_ACTOR, [agent.id])).toBe(1);
  expect(routing.current().extensions.size).toBe(0);
});

test("uploads: audio is kept under its hash, the rest is refused, names are unique", async () => {
  const { routing, store } = await office();
  const wav = new Uint8Array(100);
  wav.set(new TextEncoder().encode("RIFF0000WAVE"));
  const upload = {
    name: "欢迎",
    fileType: "voice" as const,
    category: "",
    description: "",
    fileName: "a.wav",
    bytes: wav,
  };
  const row = await routing.mediaFiles.upload(SYSTEM_ACTOR, upload);
  expect(row).toMatchObject({ name: "欢迎", durationMs: 100, bytes: 100, builtIn: false });
  expect(existsSync(await routing.mediaFiles.path(SYSTEM_ACTOR, row.id))).toBe(true);
  expect(routing.current().media.get(row.id)).toBe(join(store.folder, "media", `${row.sha256}.wav`));
  const html = new TextEncoder().encode("<html>not audio at all</html>");
  const refused = await routing.mediaFiles
    .upload(SYSTEM_ACTOR, { ...upload, name: "x", bytes: html })
    .catch((e) => e);
  expect(refused.fields.file.code).toBe("error.not-audio");
  const twice = await routing.mediaFiles.upload(SYSTEM_ACTOR, upload).catch((e) => e);
  expect(twice.fields.name.code).toBe("error.taken");
  await routing.flows.save(SYSTEM_ACTOR, undefined, { ...MENU, prompts: [{ mediaId: row.id, gapS: 1 }] });
  const used = await routing.mediaFiles.remove(SYSTEM_ACTOR, [row.id]).catch((e) => e);
  expect(used.params.users).toBe("flow: Main");
  const prompt = (language: string, n: number) => ({
    key: "please-hold",
    language,
    wav: wav.map((b) => b ^ n),
    durationMs: 5,
  });
  await routing.mediaFiles.installPrompts([prompt("zh-CN", 1), prompt("en", 2)]);
  const zh = routing.current().prompts.get("please-hold");
  const row2 = (await routing.mediaFiles.list(SYSTEM_ACTOR, { filters: { language: "zh-CN" } })).rows[0];
  expect(zh).toBe(join(store.folder, "media", `${row2?.sha256}.wav`));
});

test("trunk passwords are kept and never handed out; blacklists take many numbers", async () => {
  const { routing, people } = await office();
  const trunk = await routing.trunks.save(
    SYSTEM_ACTOR,
    undefined,
    trunkInput({ password: "pw-very-secret" }),
  );
  expect(trunk.hasPassword).toBe(true);
  expect(JSON.stringify(trunk)).not.toContain("secret");
  expect(people.directory.trunks()[0]?.password).toBe("pw-very-secret");
  const { hasPassword: _, id, createdAt: __, updatedAt: ___, ...input } = trunk;
  await routing.trunks.save(SYSTEM_ACTOR, id, { ...input, maxCalls: 5 });
  expect(people.directory.trunks()[0]).toMatchObject({ password: "pw-very-secret", maxCalls: 5 });
  expect(await routing.blacklist.addMany(SYSTEM_ACTOR, "13800000001, 13800000002\n13800000001", "spam")).toBe(
    2,
  );
  expect(routing.current().blacklist.has("13800000002")).toBe(true);
  expect((await routing.blacklist.list(SYSTEM_ACTOR, { search: "0002" })).total).toBe(1);
  await expect(routing.blacklist.addMany(SYSTEM_ACTOR, "<script>", "")).rejects.toBeInstanceOf(
    ValidationError,
  );
  expect(parseDestination("flow:3")).toEqual({ type: "flow", id: 3 });
  expect(parseDestination("flow:x")).toBeNull();
});
