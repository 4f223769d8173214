/** A real browser: Debian's chromium, driven through playwright-core, for the tests that look at pages. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

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
