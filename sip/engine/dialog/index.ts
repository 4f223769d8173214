/** The dialog core as the engine uses it. */
export type { CoreOptions } from "./context.ts";
export { Core } from "./core.ts";
export type { AppPort } from "./model.ts";
export { lookupResolve, type Resolve } from "./routing.ts";
