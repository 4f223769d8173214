/** A real browser: Debian's chromium, driven through playwright-core, for the tests that look at pages. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { ADMIN } from "./office.ts";

export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Flags for calls in the browser: a file as microphone, and voice over loopback. */
function callFlags(microphone: string): string[] {
  return [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${microphone}`,
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
  ];
}

/**
 * Opens chromium with a new profile; 1366×768 unless told otherwise. `microphone`: a WAV that it says over and over.
 * Any certificate is taken.
 */
export async function openBrowser(
  options: {
    readonly language?: string;
    readonly width?: number;
    readonly height?: number;
    readonly microphone?: string;
  } = {},
): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), "zongji-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    locale: options.language ?? "zh-CN",
    ignoreHTTPSErrors: true,
    viewport: { width: options.width ?? 1366, height: options.height ?? 768 },
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
      ...(options.microphone === undefined ? [] : callFlags(options.microphone)),
    ],
  });
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** One page in a browser of its own, at the pages of an office. */
export interface OfficePage {
  readonly page: Page;
  /** Script errors and breaches of the content policy so far. */
  readonly faults: readonly string[];
  go(path: string): Promise<unknown>;
  /** Signs the administrator of the kit's office in. */
  signIn(): Promise<void>;
  /** Changes the language by the menu of the page, if it is another. */
  speak(language: "en" | "zh-CN"): Promise<void>;
  /** A picture into the folder named by SHOTS, if one is. */
  shot(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a browser for pages at `base()`, "http://127.0.0.1:8080"; asked each time, for servers that start again. */
export async function openOffice(
  base: () => string,
  language: "en" | "zh-CN" = "zh-CN",
): Promise<OfficePage> {
  const browser = await openBrowser({ language });
  const page = browser.context.pages()[0] ?? (await browser.context.newPage());
  page.setDefaultTimeout(10_000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy/.test(message.text()))
      faults.push(message.text());
  });
  const shots = process.env["SHOTS"];
  const go = (path: string) =>
    page.goto(new URL(path, base()).href, { waitUntil: "domcontentloaded", timeout: 15_000 });
  return {
    page,
    faults,
    go,
    async signIn() {
      await go("/sign-in");
      await page.fill("input[name=username]", ADMIN.username);
      await page.fill("input[name=password]", ADMIN.password);
      await page.locator("main form button[type=submit]").click();
      await page.waitForURL((url) => url.pathname !== "/sign-in", { waitUntil: "domcontentloaded" });
    },
    async speak(wanted) {
      if ((await page.locator("html").getAttribute("lang")) === wanted) return;
      const button = page.locator(`header button[name="language"][value="${wanted}"]`);
      if (!(await button.isVisible())) await page.locator("header .menu > summary").click();
      await button.click();
      await page.locator(`html[lang="${wanted}"]`).waitFor({ state: "attached" });
    },
    async shot(name) {
      if (shots) await page.screenshot({ path: join(shots, `${name}.png`) });
    },
    close: () => browser.close(),
  };
}
