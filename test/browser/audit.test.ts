/** The audit log and the versions, as a person reads them. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
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
const shot = (name: string) => office.shot(name);

beforeAll(async () => {
  x = await startExchange({});
  office = await openPages(x.app);
  page = office.page;
});
afterAll(async () => {
  await office?.close();
  await x?.stop();
});

test("the time line of a call tells in words why it went where it went", async () => {
  const [a, b] = [await x.phone("1001"), await x.phone("1002")];
  b.behaviour = { kind: "answer", afterMs: 50 };
  const call = await a.dial("1002");
  await call.answered;
  await call.hangup();
  const journey = await x.journey("1001", "1002");
  await x.ended(journey);
  for (const [language, why] of [
    ["zh-CN", "选择去向：1002 是内部号码"],
    ["en", "Route: 1002 is a number of the office"],
  ] as const) {
    // A page whose menu is surely shut.
    await go("/versions");
    await office.speak(language);
    await go(`/calls/${journey}`);
    expect(await page.locator(".panel .timeline").textContent()).toContain(why);
    await shot(`timeline-${language}`);
  }
});

test("rows stand in words, and the filters leave what was asked for", async () => {
  await x.app.routing.versions.rollback(SYSTEM_ACTOR, 1);
  for (const [language, save, put] of [
    ["zh-CN", "保存", "恢复"],
    ["en", "Save", "Put back"],
  ] as const) {
    // A page whose menu is surely shut.
    await go("/versions");
    await office.speak(language);
    await go("/audit");
    await shot(`audit-${language}`);
    const rows = (await page.locator("#list tbody").textContent()) ?? "";
    expect(rows).toContain(save);
    expect(rows).not.toMatch(/\b(?:save|rollback|sign-in|inbound-route|media-file)\b/);
    await go("/audit?action=rollback");
    const actions = await page.locator("#list tbody tr td:nth-child(3)").allTextContents();
    expect(actions.map((action) => action.trim())).toEqual([put]);
    await go("/versions");
    await shot(`versions-${language}`);
    const versions = (await page.locator("main tbody").textContent()) ?? "";
    expect(versions).toContain(put);
    expect(versions).not.toMatch(/\b(?:save|rollback|inbound-route|media-file)\b/);
  }
});
