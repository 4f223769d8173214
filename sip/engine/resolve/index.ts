/** What the other layers of the engine may use of the look-up. */
export { createResolver, type Dns, type ResolveOptions, type Target } from "./resolve.ts";
