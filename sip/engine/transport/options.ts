/** Bounds and hooks of the transport layer. */
import type { SipPeer, TransportProtocol } from "../message/model.ts";

export interface TransportOptions {
  /** Asked before anything is parsed or accepted; false drops in silence. */
  readonly admit?: (address: string, protocol: TransportProtocol) => boolean;
  /** Told about every message that did not reach the upper layer, with the reason in words. */
  readonly onReject?: (peer: SipPeer, reason: string) => void;
  /** A UDP request longer than this goes by TCP where there is a TCP listener (RFC 3261 §18.1.1). Bytes. */
  readonly udpLimit?: number;
  /** So long such a request waits for the TCP connection before it goes by UDP after all, ms. */
  readonly longWaitMs?: number;
  /** A peer that took no TCP is asked again so often, ms; its long requests go by UDP meanwhile and do not wait. */
  readonly longAskMs?: number;
  readonly maxConnections?: number;
  readonly maxPerAddress?: number;
  /** A message that has begun must end within this time, ms. */
  readonly messageTimeoutMs?: number;
  /** A connection without any byte for this time is closed, ms. */
  readonly idleMs?: number;
  readonly connectTimeoutMs?: number;
  /** A connection of which nothing came (no registration, no call) is closed this long after its last message, ms. */
  readonly strangerIdleMs?: number;
  /** Bytes waiting for a slow reader before its connection is closed, of one and of all connections. */
  readonly maxPendingBytes?: number;
  readonly maxWaitingBytes?: number;
  /** Verification of the servers we connect to by TLS. */
  readonly tlsClient?: { readonly ca?: string; readonly rejectUnauthorized?: boolean };
}

export const DEFAULTS = {
  udpLimit: 1300,
  longWaitMs: 1_000,
  longAskMs: 60_000,
  maxConnections: 12_000,
  maxPerAddress: 512,
  messageTimeoutMs: 10_000,
  strangerIdleMs: 60_000,
  idleMs: 900_000,
  connectTimeoutMs: 4_000,
  maxPendingBytes: 262_144,
  maxWaitingBytes: 67_108_864,
} as const;

export type Settings = TransportOptions & { readonly [K in keyof typeof DEFAULTS]: number };
