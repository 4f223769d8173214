/** The administrator's pages without a mouse: what is reached by Tab and arrows, named, and left by Escape. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import type { OfficePage } from "../kit/browser.ts";
import { type Exchange, startExchange } from "../kit/exchange.ts";
import { openPages } from "../kit/pages.ts";

setDefaultTimeout(40_000);

let x: Exchange;
let office: OfficePage;
let page: Page;
const go = (path: string) => office.go(path);
const press = (key: string) => page.keyboard.press(key);
/** What has the focus, by its name. */
const focused = () =>
  page.locator(":focus").evaluate((element) => {
    const shown = element as unknown as { getAttribute(name: string): string | null; textContent: string };
    return (shown.getAttribute("aria-label") ?? shown.textContent).trim();
  });
const ringed = () =>
  page.locator(":focus").evaluate((element) => {
    const { getComputedStyle } = globalThis as unknown as {
      getComputedStyle(e: unknown): { outlineStyle: string };
    };
    return getComputedStyle(element).outlineStyle;
  });

beforeAll(async () => {
  x = await startExchange({});
  office = await openPages(x.app, "en");
  page = office.page;
});
afterAll(async () => {
  await office?.close();
  await x?.stop();
});

test("an address is banned and let go again; each button says whom it is about", async () => {
  await go("/security");
  await page.locator("#f-address").focus();
  await page.keyboard.type("203.0.113.7");
  await press("Enter");
  const lift = page.getByRole("button", { name: "Lift the ban of 203.0.113.7" });
  await lift.waitFor();
  expect(await page.getByRole("button", { name: "Put 203.0.113.7 on the allow list" }).count()).toBe(1);
  await lift.focus();
  await press("Tab");
  expect(await focused()).toBe("Put 203.0.113.7 on the allow list");
  expect(await ringed()).toBe("solid");
  await press("Shift+Tab");
  await press("Enter");
  await lift.waitFor({ state: "detached" });
});

test("bans that come while the page is open are told of, and the list holds still until it is asked for", async () => {
  await go("/security");
  await x.app.security.ban(SYSTEM_ACTOR, { address: "203.0.113.8", minutes: 10 });
  const show = page.getByRole("link", { name: "Show the latest" });
  await show.waitFor();
  const row = page.getByRole("cell", { name: "203.0.113.8", exact: true });
  expect(await row.count()).toBe(0);
  await show.focus();
  expect(await ringed()).toBe("solid");
  await press("Enter");
  await row.waitFor();
  expect(await show.count()).toBe(0);
  await x.app.security.lift(SYSTEM_ACTOR, "203.0.113.8");
  await show.waitFor();
});

test("a trunk's tabs by arrows, its test by Enter", async () => {
  await go(`/trunks/${x.office.trunkId}`);
  await page.locator("#tab-general").focus();
  await press("ArrowRight");
  await press("ArrowRight");
  expect(await page.locator("#pane-numbers").isVisible()).toBe(true);
  await press("Tab");
  expect(await page.locator(":focus").getAttribute("name")).toBe("numberFormat");
  expect(await ringed()).toBe("solid");
  await page.getByRole("button", { name: "Test now" }).focus();
  await press("Enter");
  await page.locator("#trunk-state").getByText("the state follows by itself").waitFor();
});

test("the authority's certificate is fetched by Enter", async () => {
  await go("/certificates");
  const link = page.getByRole("link", { name: "Download the authority's certificate" });
  await link.focus();
  expect(await ringed()).toBe("solid");
  const [download] = await Promise.all([page.waitForEvent("download"), press("Enter")]);
  expect(readFileSync(await download.path(), "utf8")).toStartWith("-----BEGIN CERTIFICATE-----");
});

test("versions are filtered, and a button to put one back says which", async () => {
  await go("/versions");
  const rows = page.locator("#list tbody tr");
  const all = await rows.count();
  await page.locator('select[name="subject"]').focus();
  await page.keyboard.type("Trunk");
  await page.waitForURL(/subject=trunk/, { waitUntil: "domcontentloaded" });
  await page.locator("#list .chip").waitFor();
  expect(await rows.count()).toBe(1);
  expect(all).toBeGreaterThan(5);
  const name = await rows.getByRole("button").getAttribute("aria-label");
  expect(name).toMatch(/^Put back .*\d\d:\d\d:\d\d Save trunk Carrier$/);
});

test("a menu and the panel of a call are left by Escape", async () => {
  const [a, b] = [await x.phone("1001"), await x.phone("1002")];
  b.behaviour = { kind: "answer", afterMs: 50 };
  const call = await a.dial("1002");
  await call.answered;
  await call.hangup();
  const journey = await x.journey("1001", "1002");
  await x.ended(journey);
  await go(`/calls/${journey}`);
  await page.locator(".panel-head a:focus").waitFor();
  const menu = page.locator("header .menu");
  await menu.locator("summary").focus();
  await press("Enter");
  expect(await menu.getAttribute("open")).not.toBeNull();
  await press("Tab");
  await press("Escape");
  expect(await menu.getAttribute("open")).toBeNull();
  expect(await menu.locator("summary:focus").count()).toBe(1);
  expect(await page.locator(".panel").count()).toBe(1);
  await press("Escape");
  await page.waitForURL((url) => url.pathname === "/calls", { waitUntil: "domcontentloaded" });
  expect(await page.locator(".panel").count()).toBe(0);
  expect(office.faults).toEqual([]);
});
