/** What the dialog core may use of transactions. */

export { ClientTransaction, type Destination } from "./client.ts";
export { type Clock, FakeClock, systemClock } from "./clock.ts";
export * from "./fields.ts";
export { retryAfter, TransactionLayer } from "./layer.ts";
export type { ClientUser, FabricatedCause, TransactionUser } from "./model.ts";
export { type Arrival, ServerTransaction } from "./server.ts";
export { T1, TIMEOUT } from "./timers.ts";
export { Timer, TimerWheel } from "./wheel.ts";
