/** A person at a real browser sees a call come, be answered and end, and plays its recording. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openBrowser, type TestBrowser } from "../kit/browser.ts";
import { CARRIER_HZ, nextCall, Program, toneOf } from "../kit/exchange.ts";
import { ADMIN, DID } from "../kit/office.ts";
import { listen } from "../kit/voice.ts";
import { waitFor } from "../kit/wait.ts";

let program: Program;
let browser: TestBrowser;
beforeAll(async () => {
  program = await Program.start();
  browser = await openBrowser({ language: "en" });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await program?.stop();
}, 30_000);

test("sign in, watch a call live, find its record, play its recording", async () => {
  const { place } = program;
  const phone = await place.phone("1001", { behaviour: { kind: "answer", afterMs: 800 } });
  const page = await browser.context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(program.web);
  await page.fill("input[name=username]", ADMIN.username);
  await page.fill("input[name=password]", ADMIN.password);
  await page.click("main form button[type=submit], form.fields button");
  await page.waitForURL(program.web);

  const caller = "13512345678";
  const call = await place.carrier.dial(DID, caller);
  await call.answered;
  const journey = await place.journey(caller, DID);
  const row = page.locator(`#call-${journey}`);
  await row.waitFor({ timeout: 5000 });
  expect((await row.textContent()) ?? "").toContain(caller);
  const shown = () => page.locator("main").textContent();
  await call.press("1");
  const at = await nextCall(phone, 0);
  await at.answered;
  await waitFor(() => call.hears(toneOf("1001")) && at.hears(CARRIER_HZ), "both tones");
  await waitFor(async () => ((await shown()) ?? "").includes("Talking"), "the page to show the talk");
  await listen(call, 2000);
  await call.hangup();
  await row.waitFor({ state: "detached", timeout: 5000 });
  const record = await place.ended(journey);

  await page.goto(`${program.web}calls`);
  expect(await shown()).toContain(caller);
  await page.goto(`${program.web}calls/${journey}`);
  const audio = page.locator("audio");
  await audio.waitFor();
  const played = await audio.evaluate(async (element) => {
    const player = element as unknown as {
      muted: boolean;
      duration: number;
      currentTime: number;
      play(): Promise<void>;
      addEventListener(name: string, listener: () => void, options: { once: boolean }): void;
    };
    player.muted = true;
    await player.play();
    const told = (name: string) =>
      new Promise<void>((resolve) => player.addEventListener(name, resolve, { once: true }));
    const seeked = told("seeked");
    player.currentTime = 1;
    await seeked;
    const seekedTo = player.currentTime;
    await told("timeupdate");
    return { duration: player.duration, seekedTo, end: player.currentTime };
  });
  expect(Math.abs(played.duration * 1000 - record.talk_ms)).toBeLessThan(400);
  expect(played.seekedTo).toBeCloseTo(1, 1);
  expect(played.end).toBeGreaterThanOrEqual(played.seekedTo);
  expect(complaints).toEqual([]);
}, 60_000);
