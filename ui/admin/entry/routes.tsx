/** Sign-in, sign-out, own preferences. */
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { cookie } from "../../http/cookies.ts";
import { handle, RAW, readForm, redirect, SESSION_COOKIE, setCookie, value } from "../../http/index.ts";
import { ownAddress } from "./address.ts";

export function entry(app: App) {
  return new Elysia()
    .post(
      "/sign-out",
      handle(app, null, async (ctx) => {
        await app.people.signOut(cookie(ctx.request, SESSION_COOKIE) ?? "");
        return redirect(ctx, "/sign-in", [setCookie(ctx.request, SESSION_COOKIE, "", 0)]);
      }),
      RAW,
    )
    .post(
      "/preferences",
      handle(app, null, async (ctx) => {
        const { values } = await readForm(ctx.request);
        const language = value(values, "language");
        const theme = value(values, "theme");
        await app.people.savePreferences(ctx.actor, {
          ...(language === "en" || language === "zh-CN" ? { language } : {}),
          ...(theme === "light" || theme === "dark" ? { theme } : {}),
        });
        return redirect(ctx, ownAddress(value(values, "back") || "/"));
      }),
      RAW,
    );
}
