import type { InboundMessage, SipRequest, SipResponse } from "../message/model.ts";
import type { ClientTransaction } from "./client.ts";
import type { ServerTransaction } from "./server.ts";

/** What sits on top of the transactions: the dialog core (RFC 3261 §5, "transaction user"). */
export interface TransactionUser {
  /** A new request that is neither ACK nor CANCEL. */
  onRequest(transaction: ServerTransaction): void;
  /** A CANCEL; already answered (200, or 481 without a match). `invite` may have had its final response. */
  onCancel(cancel: ServerTransaction, invite: ServerTransaction): void;
  /** An ACK that belongs to no non-2xx response: the end of a 2xx handshake, or a stray. */
  onAck(inbound: InboundMessage): void;
  /** A response without a client transaction. */
  onStrayResponse(inbound: InboundMessage): void;
}

/** Where a final answer came from when nobody sent one. */
export type FabricatedCause = "timeout" | "transport";

/** One owner of a client transaction. */
export interface ClientUser {
  /** Any response, 100 included; every 2xx of an INVITE, retransmissions and forks too (RFC 6026). */
  onResponse(response: SipResponse, inbound: InboundMessage, transaction: ClientTransaction): void;
  /** No final response will come: time-out or transport failure. Called at most once, never after a final one. */
  onFailure(cause: FabricatedCause, transaction: ClientTransaction): void;
  /** The transaction is gone. */
  onTerminated?(transaction: ClientTransaction): void;
}

/** Hooks for trace and counters; called for each message in each direction. */
export interface WireTap {
  sent(message: SipRequest | SipResponse, remote: string): void;
}
