/** A new office in a real browser: wizard, agent, group, number; lists, deleting, HTML in names, the language. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Locator, Page } from "playwright-core";
import { type OfficePage, openOffice } from "../kit/browser.ts";
import { Place, Program } from "../kit/exchange.ts";

setDefaultTimeout(40_000);

const EVIL = '<img src=x onerror="document.title=1">';
let program: Program;
let office: OfficePage;
let page: Page;

const go = (path: string) => office.go(path);
const field = (name: string) => page.locator(`main [name="${name}"]`);
const textOf = async (locator: Locator) => (await locator.textContent()) ?? "";
const save = () => page.locator(".savebar button[type=submit]").click();
const at = (path: string) =>
  page.waitForURL((url) => url.pathname === path, { waitUntil: "domcontentloaded" });

beforeAll(async () => {
  program = new Program(await Place.make());
  await program.run();
  office = await openOffice(() => program.web);
  page = office.page;
});
afterAll(async () => {
  await office?.close();
  await program?.stop();
});

test("the wizard makes the administrator and leads to the dashboard", async () => {
  await go("/");
  await at("/setup");
  const code = /\b\d{4}-\d{4}\b|code[^:\n]*:\s*(\S+)/i.exec(program.output);
  await field("code").fill(code?.[1] ?? code?.[0] ?? "");
  await field("username").fill("boss");
  await field("displayName").fill("老板");
  await field("password").fill("correct horse 9");
  await field("repeat").fill("correct horse 9");
  await field("officeName").fill("试验办公室");
  await page.locator("main button[type=submit]").click();
  await page.waitForURL((url) => url.pathname !== "/setup", { waitUntil: "domcontentloaded" });
  await go("/");
  expect(await textOf(page.locator("h1"))).toBe("仪表盘");
  expect(await textOf(page.locator(".brand"))).toContain("试验办公室");
  // Nothing is set up yet: the first steps are offered.
  expect(await page.locator("ol.steps a").count()).toBe(4);
});

test("a new agent's SIP password is shown once", async () => {
  await go("/agents/new");
  await field("number").fill("1001");
  await field("firstName").fill(EVIL);
  await save();
  const secret = (await textOf(page.locator("#sip-1001"))).trim();
  expect(secret.length).toBeGreaterThan(11);
  await go("/agents");
  expect(await page.locator("tbody tr").count()).toBe(1);
  await page.locator("tbody td a").first().click();
  await page.waitForURL(/\/agents\/\d+/, { waitUntil: "domcontentloaded" });
  expect(await page.content()).not.toContain(secret);
});

test("HTML in a name is shown as text", async () => {
  await go("/agents");
  expect(await textOf(page.locator("tbody"))).toContain(EVIL);
  expect(await page.locator("tbody img").count()).toBe(0);
  expect(await page.title()).toContain("试验办公室");
});

test("a group with the agent, and a number that leads to it", async () => {
  await go("/groups/new");
  await field("name").fill("客服");
  await field("number").fill("800");
  await save();
  await at("/groups");
  await go("/dids/new");
  await field("numbers").or(field("number")).first().fill("02155550100");
  await field("destination.type").selectOption("group");
  await field("destination.group").selectOption({ label: "800 客服" });
  await save();
  await at("/dids");
  expect(await textOf(page.locator("tbody"))).toContain("02155550100");
  expect(await textOf(page.locator("tbody"))).toContain("客服");
});

test("a wrong entry is told beside its field and what was typed stays", async () => {
  await go("/groups/new");
  await field("name").fill("第二组");
  await field("number").fill("abc");
  await save();
  await page.locator('[name="number"][aria-invalid="true"]').waitFor();
  expect(await field("name").inputValue()).toBe("第二组");
  expect((await textOf(page.locator("#e-number"))).length).toBeGreaterThan(2);
});

test("deleting asks, names what goes, and Esc keeps it", async () => {
  page.on("dialog", (dialog) => void dialog.accept());
  await go("/blacklist/many");
  await field("numbers").fill("13900000001\n13900000002");
  await save();
  await at("/blacklist");
  const rows = page.locator("tbody tr");
  expect(await rows.count()).toBe(2);
  await rows.filter({ hasText: "13900000001" }).locator("input[type=checkbox]").check();
  await page.locator(".bulk button").click();
  await page.locator("dialog[open] li").waitFor();
  expect(await page.locator("dialog[open] li").allTextContents()).toEqual(["13900000001"]);
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "hidden" });
  expect(await rows.count()).toBe(2);
  await page.locator(".bulk button").click();
  await page.locator("dialog[open] .danger.solid").click();
  await page.locator("tbody tr", { hasText: "13900000001" }).waitFor({ state: "detached" });
  expect(await textOf(page.locator("tbody"))).toContain("13900000002");
});

test("/ finds a page by keyboard alone", async () => {
  await go("/dids");
  await page.keyboard.press("/");
  await page.keyboard.type("黑名单");
  await page.keyboard.press("Enter");
  await at("/blacklist");
});

test("the language changes and stays", async () => {
  await page.locator("header .menu > summary").click();
  await page.locator('header button[name="language"][value="en"]').click();
  await page.locator('html[lang="en"]').waitFor({ state: "attached" });
  await go("/dids");
  expect(await textOf(page.locator("nav.side"))).toContain("Blacklist");
  expect(await textOf(page.locator("nav.side"))).not.toMatch(/[\u4e00-\u9fff]/);
});

test("no page raised a script error or broke the content policy", () => {
  expect(office.faults).toEqual([]);
});
