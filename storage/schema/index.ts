/**
 * Every table as Kysely sees it. Times are UTC ms (integers); booleans are 0/1; JSON columns end in `_json` and hold
 * the typed shape named beside them. Contexts own their tables; the sets below are kept one file a context.
 */
import type { CallsTables } from "./calls.ts";
import type { PeopleTables } from "./people.ts";
import type { RoutingTables } from "./routing.ts";
import type { SipTables } from "./sip.ts";
import type { SystemTables } from "./system.ts";

export interface Database extends PeopleTables, SipTables, RoutingTables, CallsTables, SystemTables {}
export type * from "./calls.ts";
export type * from "./people.ts";
export type * from "./routing.ts";
export type * from "./sip.ts";
export type * from "./system.ts";
