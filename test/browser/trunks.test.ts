/** A line that the carrier refuses, as an administrator sees and mends it; the state follows without a reload. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Page } from "playwright-core";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { OfficePage } from "../kit/browser.ts";
import { type Exchange, startExchange } from "../kit/exchange.ts";
import { Kamailio } from "../kit/kamailio.ts";
import { openPages } from "../kit/pages.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(40_000);

const ADDRESS = "127.0.0.2";
let x: Exchange;
let carrier: Kamailio;
let office: OfficePage;
let page: Page;
const go = (path: string) => office.go(path);
const shot = (name: string) => office.shot(name);

beforeAll(async () => {
  x = await startExchange();
  await x.closeCarrier();
  carrier = await Kamailio.start({ address: ADDRESS, exchange: x.server });
  office = await openPages(x.app, "en");
  page = office.page;
});
afterAll(async () => {
  await office?.close();
  await carrier?.stop();
  await x?.stop();
});

test("a new line: complaints beside the fields, refused in words, mended, registered", async () => {
  await go("/trunks/new");
  const set = (name: string, text: string) => page.locator(`[name="${name}"]`).fill(text);
  const tab = (name: string) => page.getByRole("tab", { name }).click();
  await set("name", "Line 1");
  await set("host", ADDRESS);
  await set("username", "line1");
  await set("password", "not this");
  await tab("Advanced");
  await set("port", String(carrier.port));
  await tab("Numbers and identity");
  await page.locator('[name="fromUser"]').selectOption("fixed");
  await set("numberPrefix", "abc");
  await shot("trunk-numbers");
  await tab("Limits and spare");
  await set("callsPerSecond", "5000");
  await shot("trunk-limits");
  await page.locator("button.primary[type=submit]").click();
  await page.locator("#e-numberPrefix").waitFor({ state: "attached" });
  expect(await page.locator("#e-fromText").textContent()).not.toBe("");
  expect(await page.locator("#e-callsPerSecond").textContent()).toContain("1000");

  await tab("Numbers and identity");
  await page.locator('[name="fromUser"]').selectOption("account");
  await page.locator('[name="numberFormat"]').selectOption("e164");
  await set("numberPrefix", "");
  await tab("Limits and spare");
  await set("callsPerSecond", "5");
  await page.locator('[name="nextTrunkId"]').selectOption({ label: "Carrier" });
  await tab("General");
  await set("password", "not this");
  await page.locator("button.primary[type=submit]").click();
  await page.waitForURL((url) => url.pathname === "/trunks");
  const row = page.locator("tr", { hasText: "Line 1" });
  await row.getByText("Refused: 403 Forbidden, wrong password?").waitFor();
  await shot("trunk-list");

  const id = (await x.app.routing.trunks.options(SYSTEM_ACTOR)).find((o) => o.label.includes("Line 1"))?.id;
  const stored = await x.app.routing.trunks.get(SYSTEM_ACTOR, id ?? 0);
  expect(stored).toMatchObject({
    numberFormat: "e164",
    callsPerSecond: 5,
    nextTrunkId: x.office.trunkId,
    country: "CN",
    areaCode: "021",
    earlyMedia: true,
  });
  await go(`/trunks/${id}`);
  await page.locator("#trunk-state").getByText("403 Forbidden, wrong password?").waitFor();
  await shot("trunk-refused");
  await x.app.routing.trunks.save(SYSTEM_ACTOR, stored.id, { ...stored, password: "correct horse" });
  // No reload: the card follows by itself.
  await page.locator("#trunk-state").getByText("Registered until").waitFor();

  const before = carrier.said("registered").length;
  await page.getByRole("button", { name: "Test now" }).click();
  await page.locator("#trunk-state").getByText("the state follows by itself").waitFor();
  await waitFor(() => carrier.said("registered").length > before, "another REGISTER");

  await office.speak("zh-CN");
  await page.locator("#trunk-state").getByText("已注册，有效至").waitFor();
  await page.getByRole("tab", { name: "号码与身份" }).click();
  await shot("trunk-zh");
  await go("/health");
  await page.getByText("已注册，有效至").first().waitFor();
  expect(office.faults).toEqual([]);
});
