/** The proxy as the dialog core uses it. */
export { ProxyCore } from "./core.ts";
