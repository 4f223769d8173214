/** JsSIP in a real browser as a softphone of an extension (RFC 7118, RFC 8827). */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { openBrowser } from "./browser.ts";
import type { Softphone } from "./softphone.page.ts";
import { toneWav } from "./tone.ts";
import { waitFor } from "./wait.ts";

declare global {
  var softphone: Softphone;
}

type Names = { [K in keyof Softphone]: K }[keyof Softphone];

export class BrowserPhone {
  readonly page: Page;
  readonly #close: () => Promise<void>;

  private constructor(page: Page, close: () => Promise<void>) {
    this.page = page;
    this.#close = close;
  }

  /**
   * Opens the sign-in page of `origin` ("http://127.0.0.1:8080") and puts the phone into it; its microphone hears `hz`.
   * So the page's own policy decides what the phone may do.
   */
  static async open(origin: string, hz: number): Promise<BrowserPhone> {
    const folder = mkdtempSync(join(tmpdir(), "zongji-softphone-"));
    const microphone = join(folder, "microphone.wav");
    writeFileSync(microphone, toneWav(hz, 20_000));
    const built = await Bun.build({
      entrypoints: [join(import.meta.dir, "softphone.page.ts")],
      target: "browser",
      format: "iife",
    });
    const script = await built.outputs[0]?.text();
    if (script === undefined) throw new Error("The page of the softphone could not be bundled");
    const browser = await openBrowser({ language: "en", microphone });
    const page = browser.context.pages()[0] ?? (await browser.context.newPage());
    await page.goto(`${origin}/sign-in`);
    await page.evaluate(script);
    return new BrowserPhone(page, async () => {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  /** Asks the page's phone something, see softphone.page.ts. */
  ask<K extends Names>(
    name: K,
    ...args: Parameters<Softphone[K]>
  ): Promise<Awaited<ReturnType<Softphone[K]>>> {
    return this.page.evaluate(
      ([name, args]) =>
        (globalThis.softphone[name as Names] as (...args: unknown[]) => unknown)(...(args as unknown[])),
      [name, args] as const,
    ) as Promise<Awaited<ReturnType<Softphone[K]>>>;
  }

  /** Waits for the ring of a call that is one more than `before`. */
  async rings(before: number, timeoutMs = 8000): Promise<void> {
    await waitFor(async () => (await this.ask("calls")) > before, "the browser to ring", timeoutMs);
    await this.logged("progress");
  }

  /** Waits until a line of the call's log begins with `text`. */
  logged(text: string, timeoutMs = 8000): Promise<string> {
    return waitFor(
      async () => (await this.ask("log")).find((line) => line.startsWith(text)),
      `"${text}" of the browser's call`,
      timeoutMs,
    );
  }

  /** Waits until the page hears `hz` (within 15 Hz). */
  hears(hz: number, timeoutMs = 8000): Promise<boolean> {
    return waitFor(
      async () => Math.abs((await this.ask("hz")) - hz) < 15,
      `${hz} Hz in the browser`,
      timeoutMs,
    );
  }

  /** Waits until the page hears nothing. */
  hearsNothing(timeoutMs = 8000): Promise<boolean> {
    return waitFor(async () => (await this.ask("hz")) === 0, "silence in the browser", timeoutMs);
  }

  async close(): Promise<void> {
    await this.#close();
  }
}
