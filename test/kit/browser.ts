/** A real browser: Debian's chromium, driven through playwright-core, for the tests that look at pages. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Opens chromium with a new profile; 1366×768 unless told otherwise. */
export async function openBrowser(
  options: { readonly language?: string; readonly width?: number; readonly height?: number } = {},
): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), "zongji-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    locale: options.language ?? "zh-CN",
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
