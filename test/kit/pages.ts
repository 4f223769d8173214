/** The pages of an exchange, served and opened. */
import type { App } from "../../appliance/app.ts";
import { createWeb } from "../../ui/server.ts";
import { type OfficePage, openOffice } from "./browser.ts";

/** Serves an office's pages and opens them in a browser, the administrator signed in; `close` ends both. */
export async function openPages(app: App, language: "en" | "zh-CN" = "zh-CN"): Promise<OfficePage> {
  const server = await createWeb(app).listen("127.0.0.1", 0);
  const office = await openOffice(() => `http://127.0.0.1:${server.port}`, language);
  await office.signIn();
  await office.speak(language);
  return {
    ...office,
    async close() {
      await office.close();
      await server.stop();
    },
  };
}
