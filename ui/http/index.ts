/** Requests, contexts, forms and answers: what route modules use. */
export * from "./context.ts";
export * from "./cookies.ts";
export * from "./forms.ts";
export * from "./handle.ts";
export * from "./reply.ts";
export * from "./submitted.ts";
