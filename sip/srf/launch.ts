/** Brings an engine up for us: a Worker of its own in the appliance, in this thread for small test agents. */
import { randomBytes } from "node:crypto";
import { rootCertificates } from "node:tls";
import {
  type Ban,
  type BanList,
  type DefenceCounters,
  type EngineConfig,
  type EngineStats,
  type Evidence,
  type OpenWeb,
  parseContact,
  startEngine,
  startEngineWorker,
  type TlsIdentity,
  type TraceEntry,
  type TraceQuery,
} from "../engine/index.ts";
import type { EngineAddress } from "./facade.ts";

export interface LaunchOptions {
  /** "sip:IP:PORT;transport=udp,tcp"; port 0 takes a free one. */
  readonly contacts: readonly string[];
  /** Address put into Via and Contact instead of the bound one. */
  readonly externalAddress?: string;
  readonly worker: boolean;
  /** Only for engines whose peers are all ours: no defence against floods. */
  readonly undefended?: boolean;
  /** Lists, earlier bans and bounds of the defence. */
  readonly defence?: Omit<NonNullable<EngineConfig["defence"]>, "enabled">;
  /** Certificates of the TLS and WSS listening points. */
  readonly tls?: TlsIdentity;
  /** PEM of authorities trusted besides those everybody knows, when we connect by TLS; "" = none. */
  readonly authorities?: string;
  /** Names that never go to DNS, and their addresses, best first. */
  readonly hosts?: EngineConfig["hosts"];
  /** Bounds of connections. */
  readonly limits?: EngineConfig["limits"];
  /** Let the engine give the first challenge of REGISTERs, see Authenticator.door. */
  readonly door?: EngineConfig["door"];
  /** The Worker died by itself. */
  readonly onExit?: (reason: string) => void;
}

/** What pages and tests may ask an embedded engine. */
export interface EngineView {
  stats(): Promise<EngineStats>;
  /** The bans, when they are others than at the revision `known`; without it always. */
  bans(known?: number): Promise<BanList | undefined>;
  /** True when there was such a ban. */
  liftBan(address: string): Promise<boolean>;
  /** Never ban this address or IPv4 network. */
  allow(entry: string): Promise<void>;
  /** Bans by hand; undefined when the address is exempt. */
  ban(address: string, lastsMs: number): Promise<Ban | undefined>;
  protect(lists: { readonly allow: readonly string[]; readonly trusted: readonly string[] }): Promise<void>;
  evidence(events: readonly Evidence[]): Promise<void>;
  defence(): Promise<{ readonly bans: readonly Ban[]; readonly counters: DefenceCounters }>;
  /** Hands a WebSocket that the web server has accepted (sub-protocol "sip") to the engine. */
  readonly openWeb: OpenWeb;
  /** New certificates for further TLS and WSS connections. */
  renewTls(identity: TlsIdentity): Promise<void>;
  /** The last messages of a call, by Call-ID. */
  trace(callId: string): Promise<TraceEntry[]>;
  /** The last messages of an address or a user, in calls and without. */
  traceSearch(query: TraceQuery): Promise<TraceEntry[]>;
}

export interface LaunchedEngine extends EngineView {
  readonly agent: EngineAddress;
  /** `silent`: without a BYE, as when the power fails; only for an engine in this thread. */
  stop(options?: { readonly silent?: boolean }): Promise<void>;
}

/** Starts an engine on loopback with a secret of its own. Rejects with the engine's error, e.g. when a port is taken. */
export async function launchEngine(options: LaunchOptions): Promise<LaunchedEngine> {
  const secret = randomBytes(32).toString("hex");
  const { externalAddress, tls, limits, authorities = "" } = options;
  const points = options.contacts
    .flatMap(parseContact)
    .map((point) =>
      tls && (point.protocol === "tls" || point.protocol === "wss") ? { ...point, tls } : point,
    );
  const config: EngineConfig = {
    contacts: externalAddress === undefined ? points : points.map((point) => ({ ...point, externalAddress })),
    agent: { address: "127.0.0.1", port: 0, secret },
    ...(options.door === undefined ? {} : { door: options.door }),
    defence: { ...options.defence, enabled: options.undefended !== true },
    ...(limits === undefined ? {} : { limits }),
    ...(options.hosts === undefined ? {} : { hosts: options.hosts }),
    // Naming authorities replaces the known ones, so they are named too.
    ...(authorities === "" ? {} : { tlsClient: { ca: [...rootCertificates, authorities].join("\n") } }),
  };
  if (options.worker) {
    const engine = await startEngineWorker(config);
    engine.onCrash((error) => options.onExit?.(error.message));
    return { ...engine, agent: { host: "127.0.0.1", port: engine.agentPort, secret } };
  }
  const engine = await startEngine(config);
  return {
    agent: { host: "127.0.0.1", port: engine.agentPort, secret },
    stats: async () => engine.stats(),
    bans: async (known) => engine.bans(known),
    liftBan: async (address) => engine.liftBan(address),
    allow: async (entry) => engine.allow(entry),
    ban: async (address, lastsMs) => engine.ban(address, lastsMs),
    protect: async (lists) => engine.protect(lists),
    evidence: async (events) => engine.evidence(events),
    defence: async () => engine.defence(),
    openWeb: engine.openWeb,
    renewTls: (identity) => engine.renewTls(identity),
    trace: async (callId) => engine.trace(callId),
    traceSearch: async (query) => engine.traceSearch(query),
    stop: (how) => engine.stop(how),
  };
}
