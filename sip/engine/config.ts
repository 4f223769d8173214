import type { DoorConfig } from "./challenge/index.ts";
import type { Ban, DefenceOptions } from "./defence/index.ts";
import type { TransportProtocol } from "./message/model.ts";
import type { ListenPoint } from "./transport/model.ts";

/** Everything the engine is told at its start; plain data, so that it can cross into a Worker. */
export interface EngineConfig {
  /** Listeners; see `parseContact` for the text form. */
  readonly contacts: readonly ListenPoint[];
  readonly agent: {
    /** Keep it on loopback: who knows the secret commands the engine. */
    readonly address: string;
    /** 0 takes a free port. */
    readonly port: number;
    readonly secret: string;
  };
  readonly limits?: Partial<EngineLimits>;
  /** Let the engine give the first challenge of REGISTERs by itself. */
  readonly door?: DoorConfig;
  /** Send `cdr:*` events to apps that ask for them. */
  readonly cdr?: boolean;
  /** Names that never go to DNS: host → addresses, best first. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  /** Verification of the servers reached by TLS; by default their certificates must be good. */
  readonly tlsClient?: { readonly ca?: string; readonly rejectUnauthorized?: boolean };
  readonly defence?: {
    readonly enabled: boolean;
    /** Never judged; instead of loopback alone. */
    readonly exempt?: readonly string[];
    /** The office's list of addresses and networks that are never judged. */
    readonly allow?: readonly string[];
    /** Addresses of registered phones and carriers: never banned. */
    readonly trusted?: readonly string[];
    /** Bans of an earlier run. */
    readonly bans?: readonly Ban[];
    /** Other bounds than the usual ones. */
    readonly bounds?: Partial<DefenceOptions>;
  };
}

export interface EngineLimits {
  readonly transactions: number;
  readonly dialogs: number;
  /** TCP, TLS and WebSocket connections in all and of one source address. */
  readonly connections: number;
  readonly connectionsPerSource: number;
  /** Calls in the trace ring (so many that are up, that we placed, that are over, that strangers try) and messages kept of each. */
  readonly traceCalls: number;
  readonly traceMessages: number;
  /** Grace before the calls of an app that went away are released, ms. */
  readonly graceMs: number;
}

export const DEFAULT_LIMITS: EngineLimits = {
  transactions: 200_000,
  dialogs: 20_000,
  connections: 12_000,
  connectionsPerSource: 512,
  traceCalls: 500,
  traceMessages: 100,
  graceMs: 5_000,
};

export class EngineConfigError extends Error {
  readonly code = "engine-config";
}

const PROTOCOLS = new Set(["udp", "tcp", "tls", "ws", "wss"]);

/**
 * Reads "sip:IP:PORT;transport=udp,tcp": one listen point a protocol (default udp,tcp; port 5060, or 5061 for tls).
 * @throws EngineConfigError with one clear sentence.
 */
export function parseContact(text: string): ListenPoint[] {
  const match = /^sips?:(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.*-]+)(?::(\d{1,5}))?(?:;transport=([a-z,]+))?$/i.exec(
    text.trim(),
  );
  if (!match)
    throw new EngineConfigError(`cannot read contact "${text}"; expected sip:IP:PORT;transport=udp,tcp`);
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && port > 65_535)
    throw new EngineConfigError(`port out of range in contact "${text}"`);
  return (match[3] ?? "udp,tcp")
    .toLowerCase()
    .split(",")
    .map((protocol) => {
      if (!PROTOCOLS.has(protocol))
        throw new EngineConfigError(`unknown transport "${protocol}" in "${text}"`);
      return {
        protocol: protocol as TransportProtocol,
        address: host === "*" ? "0.0.0.0" : host,
        port: port ?? (protocol === "tls" ? 5061 : 5060),
      };
    });
}
