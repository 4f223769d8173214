/** One builder for all list and form pages. */

export * from "./columns.tsx";
export * from "./fields-pane.tsx";
export * from "./model.ts";
export { entityRoutes, idOf } from "./routes.tsx";
