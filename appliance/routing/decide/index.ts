/** The pure deciders of routing. */
export * from "./condition.ts";
export * from "./dialled.ts";
export * from "./failover.ts";
export * from "./inbound.ts";
export * from "./menu.ts";
export * from "./office.ts";
export * from "./office-time.ts";
