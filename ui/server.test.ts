import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App } from "../appliance/app.ts";
import { SYSTEM_ACTOR } from "../appliance/kernel.ts";
import { createPeople } from "../appliance/people/index.ts";
import { createQueueingConfig } from "../appliance/queueing/groups.ts";
import { createRouting } from "../appliance/routing/create.ts";
import { createSystem } from "../appliance/system/create.ts";
import { createConfiguration } from "../appliance/system/index.ts";
import { openStore } from "../storage/database.ts";
import { createWeb, type Web } from "./server.ts";

const ORIGIN = "http://office.test";
let app: App;
let web: Web;
let folder: string;
let admin = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "zongji-web-"));
  const store = await openStore(folder);
  const now = Date.now;
  const configuration = createConfiguration({ store, now });
  const people = createPeople({ store, now, configuration, realm: "office" });
  const convert = async () => ({ wav8k: new Uint8Array(44), durationMs: 0 });
  const routing = createRouting({ store, now, configuration, mediaFolder: folder, convert });
  const queueing = createQueueingConfig({ store, now, configuration });
  const system = createSystem({
    store,
    now,
    configuration,
    version: "test",
    prepareAdministrator: people.prepareAdministrator,
  });
  await configuration.load();
  // The parts without pages here (calls, sip) are left out; real ones run in the end-to-end tests.
  app = {
    config: { sip: { contacts: ["sip:0.0.0.0:5060"], address: "" } },
    now,
    store,
    people,
    routing,
    queueing,
    system,
    calls: {
      live: { picture: () => ({ at: 0, calls: [], agents: [], groups: [] }), onChange: () => () => {} },
    },
    sip: { trunks: { state: () => undefined } },
    security: {
      view: async () => ({
        available: true,
        bans: [{ address: "<b>192.0.2.1", since: 0, until: 1, reason: "scanning", evidence: 21, times: 1 }],
        counters: { dropped: 0, slowed: 0, challenged: 0, failedSignIns: 0, banned: 1, sources: 0 },
        allow: ["<i>10.0.0.0/8"],
        anonymousCalls: false,
        firewall: { on: false, held: 0, problem: "failed", detail: "<u>nft" },
      }),
    },
  } as unknown as App;
  web = createWeb(app);
});
afterAll(async () => {
  await app.system.stop();
  await app.store.close();
  rmSync(folder, { recursive: true });
});

const get = (path: string, cookie = admin) =>
  web.fetch(new Request(ORIGIN + path, { headers: { cookie, host: "office.test" } }), "127.0.0.1");
const post = (path: string, fields: Record<string, string>, extra: Record<string, string> = {}) =>
  web.fetch(
    new Request(ORIGIN + path, {
      method: "POST",
      body: new URLSearchParams(fields).toString(),
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        host: "office.test",
        origin: ORIGIN,
        cookie: admin,
        ...extra,
      },
    }),
    "127.0.0.1",
  );

test("the wizard refuses a wrong code, keeps what was typed, and signs the administrator in", async () => {
  expect((await get("/agents")).headers.get("location")).toBe("/setup");
  const fields = {
    username: "boss",
    displayName: "<b>Boss</b>",
    password: "correct horse 9",
    repeat: "correct horse 9",
    officeName: "<script>x</script>",
    timeZone: "Asia/Shanghai",
    country: "CN",
    areaCode: "021",
    emergencyNumbers: "110 119",
    numberingLength: "4",
  };
  const wrong = await post("/setup", { ...fields, code: "0000-0000" });
  expect(wrong.status).toBe(422);
  expect(await wrong.text()).toContain('value="boss"');
  const done = await post("/setup", { ...fields, code: app.system.setup.code });
  expect(done.status).toBe(303);
  admin = (done.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  expect(done.headers.get("set-cookie")).toContain("HttpOnly; SameSite=Lax");
});

const LISTS =
  "accounts agents extensions departments roles groups pause-reasons trunks dids displayed-numbers inbound-routes conditions flows outbound-rules blacklist media-files";
for (const name of LISTS.split(" "))
  test(`/${name}: list and form in both languages`, async () => {
    for (const lang of ["zh-CN", "en"] as const) {
      await post("/preferences", { language: lang });
      for (const path of [`/${name}`, name === "media-files" ? "/media-upload" : `/${name}/new`]) {
        const answer = await get(path);
        const text = await answer.text();
        expect(answer.status).toBe(200);
        expect(text).toContain(`<html lang="${lang}"`);
        expect(text).not.toContain("<script>x</script>");
        expect(text).not.toContain("[object ");
      }
    }
  });

test("settings, audit, versions and the series page open", async () => {
  for (const path of [
    "/settings",
    "/audit",
    "/security",
    "/versions",
    "/agents/series",
    "/password",
    "/default-route",
    "/blacklist/many",
    "/feature-codes",
  ])
    expect((await get(path)).status).toBe(200);
});

test("HTML in a name is shown as text, and a refused form keeps what was typed", async () => {
  const name = '<img src=x onerror="alert(1)">';
  expect((await post("/displayed-numbers/new", { number: "02155550001", supplier: name })).status).toBe(303);
  const text = await (await get("/displayed-numbers")).text();
  expect(text).not.toContain("<img src=x");
  expect(text).toContain("&lt;img src=x");
  const refused = await post(
    "/displayed-numbers/new",
    { number: "", supplier: name },
    { "hx-request": "true" },
  );
  const body = await refused.text();
  expect(refused.status).toBe(422);
  expect(body).toContain('aria-invalid="true"');
  // Inside the quotes of an attribute only the quote itself could break out.
  expect(body).toContain('value="<img src=x onerror=&#34;alert(1)&#34;>"');
});

test("deleting names what is destroyed", async () => {
  const row = await app.routing.blacklist.save(SYSTEM_ACTOR, undefined, { number: "13800001111", note: "" });
  expect(await (await get(`/blacklist/delete?ids=${row.id}`)).text()).toContain("13800001111");
  expect((await post("/blacklist/delete", { ids: String(row.id) })).headers.get("location")).toContain(
    "deleted",
  );
  expect((await app.routing.blacklist.list(SYSTEM_ACTOR, {})).total).toBe(0);
});

test("requests from other sites are refused", async () => {
  const marks: Record<string, string>[] = [
    { origin: "http://evil.test" },
    { "sec-fetch-site": "cross-site" },
  ];
  for (const extra of marks) expect((await post("/blacklist/new", { number: "1" }, extra)).status).toBe(403);
});

test("a new agent's passwords are shown once; without permission a readable 403", async () => {
  const made = await post("/agents/new", {
    number: "1001",
    firstName: "三",
    lastName: "张",
    enabled: "1",
    webPassword: "agent pass 77",
  });
  expect(made.status).toBe(200);
  expect(await made.text()).toContain('id="sip-1001"');
  const signedIn = await post("/sign-in", { username: "1001", password: "agent pass 77" }, { cookie: "" });
  const cookie = (signedIn.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const refused = await get("/trunks", cookie);
  expect(refused.status).toBe(403);
  expect(await refused.text()).toContain("trunks.view");
});

test("answers carry a CSP with the nonce of their scripts; unknown pages are 404", async () => {
  const answer = await get("/agents");
  const nonce = /'nonce-([^']+)'/.exec(answer.headers.get("content-security-policy") ?? "")?.[1] ?? "-";
  expect(await answer.text()).toContain(`nonce="${nonce}"`);
  expect((await get("/no-such-page")).status).toBe(404);
  expect((await get("/agents/999999")).status).toBe(404);
});

test("feature codes, the default route and many blacklisted numbers are saved; a doubled code is told at its field", async () => {
  const doubled = await post(
    "/feature-codes",
    { "sign-in": "*11", "sign-out": "*11" },
    { "hx-request": "true" },
  );
  expect(doubled.status).toBe(422);
  expect(await doubled.text()).toContain('id="f-sign-out"');
  expect((await post("/feature-codes", { "sign-in": "*11", echo: "*43" })).status).toBe(303);
  expect(await app.routing.featureCodes.list(SYSTEM_ACTOR)).toEqual([
    { code: "*11", feature: "sign-in" },
    { code: "*43", feature: "echo" },
  ]);
  expect((await post("/default-route", { "destination.type": "hangup" })).status).toBe(303);
  expect(await app.routing.defaultRoute.get(SYSTEM_ACTOR)).toEqual({ type: "hangup" });
  expect((await post("/blacklist/many", { numbers: "" }, { "hx-request": "true" })).status).toBe(422);
  expect((await post("/blacklist/many", { numbers: "13900000001\n13900000002", note: "" })).status).toBe(303);
  expect((await app.routing.blacklist.list(SYSTEM_ACTOR, { search: "1390000000" })).total).toBe(2);
});
