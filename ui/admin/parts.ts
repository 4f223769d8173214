/** All parts of the pages, in mounting order. */
import type { AnyElysia } from "elysia";
import type { App } from "../../appliance/app.ts";
import { entry } from "./entry/routes.tsx";

export const parts: readonly ((app: App) => AnyElysia)[] = [entry];
