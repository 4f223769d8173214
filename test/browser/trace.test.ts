/** A call that failed, as a person sees it: the sentence, the ladder, the messages, the downloads; and after a restart. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { compose } from "../../appliance/compose.ts";
import { createWeb, type WebServer } from "../../ui/server.ts";
import { type OfficePage, openOffice } from "../kit/browser.ts";
import { type Exchange, nextCall, PROMPT_HZ, startExchange, toneOf } from "../kit/exchange.ts";
import { DID } from "../kit/office.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(40_000);

let x: Exchange;
let server: WebServer;
let office: OfficePage;
let page: Page;
const go = (path: string) => office.go(path);
const shot = (name: string) => office.shot(name);
const text = async (selector: string) => (await page.locator(selector).first().textContent()) ?? "";

beforeAll(async () => {
  x = await startExchange({ trace: { file: true, days: 7, megabytes: 10 } });
  server = await createWeb(x.app).listen("127.0.0.1", 0);
  office = await openOffice(() => `http://127.0.0.1:${server.port}`);
  page = office.page;
  await office.signIn();
  await office.speak("zh-CN");
});
afterAll(async () => {
  await office?.close();
  await server?.stop();
  await x?.stop();
});

async function refusedCall(status: 486 | 488): Promise<string> {
  const a = x.phones.find((phone) => phone.number === "1001") ?? (await x.phone("1001"));
  const b = x.phones.find((phone) => phone.number === "1002") ?? (await x.phone("1002"));
  b.behaviour = { kind: "refuse", status };
  const call = await a.dial("1002");
  await call.ended;
  const journey = await x.journey("1001", "1002");
  await x.ended(journey);
  return journey;
}

test("busy: the panel and the page say so, and the ladder shows both legs", async () => {
  const journey = await refusedCall(486);
  await go(`/calls/${journey}`);
  expect(await text(".panel .why")).toContain("1002 正忙（486 Busy Here");
  await shot("panel");
  await page.locator(`.panel a[href="/calls/${journey}/trace"]`).click();
  await page.locator(".ladder").waitFor();
  expect(await text(".why")).toContain("1002 正忙（486 Busy Here");
  expect(await text(".ladder-head")).toMatch(/1001.*总机.*1002/);
  const rows = await page.locator(".ladder li summary b").allTextContents();
  expect(rows[0]).toBe("INVITE");
  expect(rows.some((row) => row.includes("401"))).toBe(true);
  expect(rows.filter((row) => row === "✕ 486 Busy Here").length).toBe(2);
  await shot("ladder");
});

test("an arrow opens by keyboard to the whole message, with media in words and without secrets", async () => {
  const invite = page.locator(".ladder summary", { hasText: "INVITE" }).first();
  await invite.focus();
  await page.keyboard.press("Enter");
  const message = page.locator(".ladder details[open] .message");
  await message.waitFor();
  const shown = (await message.textContent()) ?? "";
  expect(shown).toContain("INVITE sip:1002@");
  expect(shown).toContain("m=audio");
  expect(shown).toMatch(/媒体audio PCMA.*在 127\.0\.0\.1:\d+ 收 · 双向 · 不加密/);
  await shot("ladder-open");
  const html = await page.content();
  expect(html).toContain('Digest username="1001"');
  expect(html.replaceAll("&#34;", '"')).toMatch(/response="\*\*\*"/);
});

test("a sentence leads to its message", async () => {
  await page.locator(".why a").first().click();
  await page.waitForURL(/open=\d+/, { waitUntil: "domcontentloaded" });
  expect(await text(".ladder details[open] .message pre")).toContain("SIP/2.0 486 Busy Here");
});

test("wrong codec: the sentence names what was offered", async () => {
  const journey = await refusedCall(488);
  await go(`/calls/${journey}/trace`);
  expect(await text(".why")).toMatch(/1002 不支持我们提供的语音编码 PCMA/);
});

test("downloads: text with the sentences, a capture of both legs, named by date and call, in the audit log", async () => {
  const journey = await refusedCall(486);
  await go(`/calls/${journey}/trace`);
  const cookie = (await page.context().cookies()).map((one) => `${one.name}=${one.value}`).join("; ");
  const get = (kind: string) => fetch(`${page.url()}.${kind}`, { headers: { cookie } });
  const plain = await get("txt");
  expect(plain.headers.get("content-disposition")).toMatch(/filename="\d{8}-\d{6}-1001-1002\.txt"/);
  const words = await plain.text();
  expect(words).toContain("1002 正忙");
  expect(words).toMatch(/<- udp:127\.0\.0\.1:\d+\nINVITE sip:1002@/);
  const capture = await get("pcap");
  expect(capture.headers.get("content-disposition")).toMatch(/filename="\d{8}-\d{6}-1001-1002\.pcap"/);
  const bytes = Buffer.from(await capture.arrayBuffer());
  expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4);
  const starts = packetsOf(bytes);
  expect(starts.filter((start) => start.startsWith("INVITE sip:")).length).toBeGreaterThanOrEqual(2);
  expect(starts.filter((start) => start === "SIP/2.0 486 Busy Here").length).toBe(2);
  const read = Bun.spawn(["tcpdump", "-n", "-vv", "-A", "-r", "-"], {
    stdin: new Blob([new Uint8Array(bytes)]),
    stdout: "pipe",
    stderr: "ignore",
  });
  const shown = await new Response(read.stdout).text();
  expect(await read.exited).toBe(0);
  expect(shown).toMatch(/127\.0\.0\.1\.\d+ > 127\.0\.0\.1\.\d+: \[udp sum ok\]/);
  for (const start of ["INVITE sip:1002@", "SIP/2.0 486 Busy Here", "ACK sip:"])
    expect(shown).toContain(start);
  expect(shown).not.toMatch(/truncated|bad cksum|bad udp|incorrect|\[\|/);
  const log = x.db
    .query("SELECT detail_json FROM audit_log WHERE subject = 'trace' AND subject_id = ?")
    .all(journey);
  expect(log.length).toBe(2);
});

test("a call still on shows its ladder as it grows", async () => {
  const [a, b] = x.phones;
  if (!a || !b) throw new Error("no phones");
  b.behaviour = { kind: "answer", afterMs: 50 };
  const call = await a.dial("1002");
  await call.answered;
  const journey = await x.journey("1001", "1002");
  await go("/");
  const row = page.locator(`#call-${journey}`);
  await row.waitFor();
  await shot("dashboard");
  expect(await row.locator(`a[href="/calls/${journey}"]`).count()).toBe(1);
  await row.locator(`a[href="/calls/${journey}/trace"]`).click();
  await page.locator("#trace .notice.info").waitFor();
  const first = page.locator(".ladder summary").first();
  await first.click();
  await call.hangup();
  await x.ended(journey);
  await page.locator(".ladder summary b", { hasText: "BYE" }).first().waitFor();
  await page.locator("#trace .notice.info").waitFor({ state: "detached" });
  // What was opened stays open.
  expect(await page.locator(".ladder details[open]").count()).toBe(1);
  expect(await text("#trace .notice.ok")).toContain("没有发现问题");
});

test("no voice comes from one side: the page says so while the call is on, and afterwards", async () => {
  const [a, b] = x.phones;
  if (!a || !b) throw new Error("no phones");
  b.behaviour = { kind: "answer", afterMs: 300 };
  const before = b.calls.length;
  const call = await a.dial("1002");
  // A firewall between: everything is said, nothing is heard.
  (await nextCall(b, before)).audio.disturb = () => [];
  await call.answered;
  const journey = await x.journey("1001", "1002");
  await go(`/calls/${journey}/trace`);
  await page.locator("#trace .why", { hasText: "没有收到坐席 1002 的任何语音包" }).waitFor();
  expect(await page.locator("#trace .why li").count()).toBe(1);
  await call.hangup();
  await x.ended(journey);
  await waitFor(async () => {
    await go(`/calls/${journey}/trace`);
    const over = (await page.locator("#trace .notice.info").count()) === 0;
    // The packets are counted once more when the call ends.
    return over && (await page.locator("#trace .why").count()) > 0;
  }, "the call to be over and its packets counted");
  expect(await text("#trace .why")).toContain("没有收到坐席 1002 的任何语音包");
});

test("a call from outside over the menu to the second agent: four parties on one screen", async () => {
  const [a, b] = x.phones;
  if (!a || !b) throw new Error("no phones");
  a.behaviour = { kind: "refuse", status: 486 };
  b.behaviour = { kind: "answer", afterMs: 100 };
  const call = await x.carrier.dial(DID, "13512345678");
  await call.answered;
  await waitFor(() => call.hears(PROMPT_HZ), "the menu");
  await call.press("1");
  await waitFor(() => call.hears(toneOf("1002")), "the second agent", 15_000);
  await call.hangup();
  const journey = await x.journey("13512345678", DID);
  await x.ended(journey);
  await go(`/calls/${journey}/trace`);
  expect(await page.locator(".ladder-head .lanes > span").count()).toBe(4);
  expect(await text("#trace .why li.hint")).toContain("1001 正忙");
  expect(await text(".ladder-head")).toMatch(/主叫 13512345678.*总机.*坐席 100\d.*坐席 100\d/);
  const wide = await page.locator(".ladder").evaluate((element) => {
    const box = element as unknown as { scrollWidth: number; clientWidth: number };
    return box.scrollWidth > box.clientWidth;
  });
  expect(wide).toBe(false);
  await shot("four");
});

test("a phone with a wrong password is found among the messages without a call", async () => {
  const bad = await x.phone("1003", { password: "wrong" }).catch((error: unknown) => error);
  expect(bad).toBeInstanceOf(Error);
  // Found and opened without a mouse.
  await go("/sip-trace");
  await page.locator('select[name="extension"]').focus();
  await page.keyboard.type("1003");
  for (let n = 0; n < 3; n++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.get("extension") === String(x.office.extensionIds["1003"]));
  expect(await text(".why")).toContain("1003 的密码不对");
  expect(await text(".messages")).toContain("REGISTER");
  await page.locator(".messages summary").first().focus();
  await page.keyboard.press("Enter");
  expect(await text(".messages details[open] pre")).toContain("SIP/2.0 40");
  await shot("sip-trace");
  await go("/sip-trace?q=127.0.0.99");
  expect(await text(".empty")).toContain("没有消息");
});

test("a number that the carrier does not allow is no wrong password of the phone", async () => {
  const a = await x.phone("1001");
  x.carrier.behaviour = { kind: "refuse", status: 403 };
  const call = await a.dial("913900009999");
  expect(await call.ended).toMatchObject({ status: 403 });
  await go(`/sip-trace?extension=${x.office.extensionIds["1001"]}`);
  expect(await text(".why")).toContain("总机没有接受 1001 的电话");
  expect(await page.getByText("1001 的密码不对").count()).toBe(0);
});

test("after a restart the page still shows the call; what is not kept is said", async () => {
  const journey = await refusedCall(486);
  const day = join(x.folder, "traces");
  await waitFor(
    () => readdirSync(day, { recursive: true }).some((name) => String(name).includes(journey)),
    "the trace on disk",
  );
  await server.stop();
  await x.app.stop();
  const again = await compose(
    { ...x.config, trace: { file: true, days: 7, megabytes: 10 } },
    { log: () => {} },
  );
  server = await createWeb(again).listen("127.0.0.1", 0);
  try {
    await go(`/calls/${journey}/trace`);
    expect(await text(".why")).toContain("1002 正忙（486 Busy Here");
    expect(await text("#trace .notice.info")).toContain("来自磁盘");
    const file = readdirSync(day, { recursive: true }).find((name) => String(name).includes(journey));
    await Bun.file(join(day, String(file))).delete();
    await go(`/calls/${journey}/trace`);
    expect(await text("#trace .notice.warn")).toContain("不再保留");
    await shot("none");
  } finally {
    await again.stop();
  }
});

test("no page raised a script error or broke the content policy", () => {
  expect(office.faults).toEqual([]);
});

/** First lines of the messages in a capture of IPv4 and UDP. */
function packetsOf(bytes: Buffer): string[] {
  const starts: string[] = [];
  for (let at = 24; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    starts.push(bytes.toString("utf8", at + 16 + 28, at + 16 + length).split("\r\n")[0] ?? "");
    at += 16 + length;
  }
  return starts;
}
