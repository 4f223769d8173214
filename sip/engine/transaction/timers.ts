import type { TransportProtocol } from "../message/model.ts";

/** Timer values of RFC 3261 §17.1.1.1, ms. */
export const T1 = 500;
export const T2 = 4_000;
export const T4 = 5_000;
/** 64·T1: timers B, D, F, H, J, L and M. */
export const TIMEOUT = 64 * T1;

/** Whether the transport delivers by itself: no retransmission, no waiting for late copies (RFC 3261 §17). */
export function isReliable(protocol: TransportProtocol): boolean {
  return protocol !== "udp";
}
