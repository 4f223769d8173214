import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../../storage/database.ts";
import { type Actor, SYSTEM_ACTOR, ValidationError } from "../kernel.ts";
import { createConfiguration } from "../system/index.ts";
import { type AgentInput, createPeople, SignInError } from "./index.ts";
import { ha1 } from "./passwords.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function office() {
  const folder = mkdtempSync(join(tmpdir(), "zongji-people-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store: Store = await openStore(folder);
  cleanups.push(() => store.close());
  const clock = { at: 1_700_000_000_000 };
  const now = () => clock.at;
  const configuration = createConfiguration({ store, now });
  const people = createPeople({ store, now, configuration, realm: "office" });
  await configuration.load();
  return { store, people, clock, configuration };
}

const AGENT: AgentInput = {
  number: "1001",
  firstName: "三",
  lastName: "张",
  roleId: null,
  departmentId: null,
  clickToCallOnly: false,
  enabled: true,
  displayedNumberId: null,
  workInBrowser: false,
  browserTimeoutS: 60,
};

test("a new agent has an extension, an account and secrets shown once", async () => {
  const { people, store } = await office();
  const agent = await people.agents.save(SYSTEM_ACTOR, undefined, AGENT);
  expect(agent.displayName).toBe("张三");
  expect(agent.departmentName).toBe("default");
  expect(agent.roleName).toBe("agent");
  const secret = agent.secrets.sipSecret ?? "";
  expect(secret.length).toBe(20);
  const endpoint = people.directory.endpointByUser("1001");
  expect(endpoint?.ha1Md5).toBe(ha1("1001", "office", secret).md5);
  expect(endpoint?.ha1Sha256).toBe(ha1("1001", "office", secret).sha256);
  expect(await people.checkPhonePin(agent.id, "123456")).toBe(true);
  expect(await people.checkPhonePin(agent.id, "123457")).toBe(false);
  const again = await people.agents.save(SYSTEM_ACTOR, agent.id, { ...AGENT, lastName: "李" });
  expect(again.secrets).toEqual({ sipSecret: null, webPassword: null, phonePin: null });
  expect(people.directory.endpointByUser("1001")?.name).toBe("李三");
  const kept = JSON.stringify(await store.read.selectFrom("config_version").selectAll().execute());
  expect(kept).not.toContain(secret);
  const signedIn = await people.signIn("1001", agent.secrets.webPassword ?? "", {
    address: "10.0.0.1",
    userAgent: "t",
  });
  expect(signedIn.actor.agentId).toBe(agent.id);
  expect(people.actorOfToken(signedIn.token)?.name).toBe("李三");
});

test("agent numbers: 2–6 digits, first not 0, unique, fixed", async () => {
  const { people } = await office();
  for (const number of ["01001", "1", "1234567", "10a1", ""])
    await expect(people.agents.save(SYSTEM_ACTOR, undefined, { ...AGENT, number })).rejects.toBeInstanceOf(
      ValidationError,
    );
  const agent = await people.agents.save(SYSTEM_ACTOR, undefined, AGENT);
  const taken = await people.agents.save(SYSTEM_ACTOR, undefined, AGENT).catch((e) => e);
  expect(taken.fields.number.code).toBe("error.taken");
  const moved = await people.agents
    .save(SYSTEM_ACTOR, agent.id, { ...AGENT, number: "1002" })
    .catch((e) => e);
  expect(moved.fields.number.code).toBe("error.fixed");
});

test("a series skips numbers that exist", async () => {
  const { people } = await office();
  await people.agents.save(SYSTEM_ACTOR, undefined, AGENT);
  const result = await people.agents.addSeries(SYSTEM_ACTOR, {
    start: "1000",
    count: 3,
    roleId: null,
    departmentId: null,
    clickToCallOnly: false,
  });
  expect(result.created.map((a) => a.number)).toEqual(["1000", "1002"]);
  expect(result.skipped).toEqual(["1001"]);
  const refused = await people.agents
    .addSeries(SYSTEM_ACTOR, {
      start: "98",
      count: 3,
      roleId: null,
      departmentId: null,
      clickToCallOnly: false,
    })
    .catch((e) => e);
  expect(refused.fields.count.code).toBe("error.series-length");
});

test("sign-in: same refusal for unknown and wrong, slows down, sessions slide and end", async () => {
  const { people, clock } = await office();
  await people.resetAdministrator("Boss", "a good password");
  const meta = { address: "10.0.0.9", userAgent: "test" };
  const unknown = await people.signIn("nobody", "x", meta).catch((e) => e);
  const wrong = await people.signIn("boss", "x", meta).catch((e) => e);
  expect(unknown).toBeInstanceOf(SignInError);
  expect([unknown.code, unknown.params]).toEqual([wrong.code, wrong.params]);
  for (let i = 0; i < 4; i++) await people.signIn("boss", "x", meta).catch(() => undefined);
  const slow = await people.signIn("boss", "a good password", meta).catch((e) => e);
  expect(slow.code).toBe("error.sign-in-slow");
  clock.at += 10_000;
  const { token } = await people.signIn("boss", "a good password", meta);
  clock.at += 11 * 3_600_000;
  expect(people.actorOfToken(token)?.username).toBe("boss");
  clock.at += 11 * 3_600_000;
  expect(people.actorOfToken(token)?.permissions).toEqual(["*"]);
  clock.at += 13 * 3_600_000;
  expect(people.actorOfToken(token)).toBeUndefined();
});

test("the last administrator stays, built-in roles stay, permissions are checked", async () => {
  const { people } = await office();
  const id = await people.resetAdministrator("boss", "a good password");
  await expect(people.accounts.remove(SYSTEM_ACTOR, [id])).rejects.toMatchObject({
    code: "error.last-administrator",
  });
  const [admin] = await people.roles.options(SYSTEM_ACTOR);
  await expect(people.roles.remove(SYSTEM_ACTOR, [admin?.id ?? 0])).rejects.toMatchObject({
    code: "error.built-in",
  });
  const guest: Actor = { ...SYSTEM_ACTOR, permissions: ["desk.use"] };
  await expect(people.accounts.list(guest, {})).rejects.toMatchObject({ code: "error.forbidden" });
  await expect(people.agents.save(guest, undefined, AGENT)).rejects.toMatchObject({
    code: "error.forbidden",
  });
});

test("registrations survive a reopening", async () => {
  const { people, store } = await office();
  const extension = await people.extensions.save(SYSTEM_ACTOR, undefined, {
    number: "2001",
    name: "<b>Lobby</b>",
    enabled: true,
    allowRemote: false,
    dnd: false,
    displayedNumberId: null,
  });
  expect(extension.name).toBe("<b>Lobby</b>");
  const row = {
    extensionId: extension.id,
    number: extension.number,
    contact: "sip:2001@192.168.1.20:5060",
    source: "udp:192.168.1.20:5060",
    userAgent: "phone",
    callId: "c",
    cseq: 1,
    instance: "",
    path: [],
    registeredAt: 1,
    expiresAt: 2,
  };
  people.directory.saveRegistrations({ saved: [row], removed: [] });
  people.directory.saveRegistrations({ saved: [{ ...row, cseq: 2 }], removed: [] });
  const reopened = await openStore(store.folder);
  cleanups.push(() => reopened.close());
  const configuration = createConfiguration({ store: reopened, now: Date.now });
  const again = createPeople({ store: reopened, now: Date.now, configuration, realm: "office" });
  expect(again.directory.loadRegistrations()).toEqual([{ ...row, cseq: 2 }]);
});
