/** The projections of the logs: pure reducer, rows, rebuilding. */
export { rebuild } from "./rebuild.ts";
export { reduce } from "./reduce.ts";
export { resultOf, rowsOf } from "./rows.ts";
export * from "./state.ts";
