/** What the other layers of the engine may use of messages. */
export * from "./address.ts";
export * from "./auth.ts";
export * from "./fields.ts";
export * from "./headers.ts";
export * from "./model.ts";
export { headEnd, LIMITS, type ParseFailure, type ParseResult, parseMessage } from "./parse.ts";
export { serializeMessage } from "./serialize.ts";
export type { Params } from "./tokens.ts";
export * from "./uri.ts";
export { statelessResponse, unsupportedExtensions, type Verdict, validateMessage } from "./validate.ts";
export * from "./via.ts";
