/** The door of `sip`: what the appliance may use. */
export type * from "./directory.ts";
export type * from "./legs/model.ts";
export { LEG_END_CAUSES } from "./legs/model.ts";
export type * from "./media/model.ts";
