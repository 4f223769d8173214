import { isIP } from "node:net";
import { AgentServer } from "./agent-protocol/index.ts";
import { Door } from "./challenge/index.ts";
import { DEFAULT_LIMITS, type EngineConfig } from "./config.ts";
import {
  type Ban,
  type BanList,
  DEFENCE_DEFAULTS,
  type DefenceCounters,
  Detector,
  type Evidence,
  factsOf,
} from "./defence/index.ts";
import { Core, lookupResolve, type Resolve } from "./dialog/index.ts";
import { bareHost, parseUri } from "./message/index.ts";
import { refuseWhenBusy } from "./overload.ts";
import { createResolver } from "./resolve/index.ts";
import { hostOf, type TraceEntry, type TraceQuery, TraceRing } from "./trace/index.ts";
import { type Clock, systemClock, TimerWheel, TransactionLayer } from "./transaction/index.ts";
import { createTransport, type ListenPoint, type TlsIdentity } from "./transport/index.ts";
import type { OpenWeb } from "./web-bridge.ts";

/** Requests whose success shows that a connection belongs to somebody. */
const PROVING = new Set(["REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE", "PUBLISH"]);

export interface EngineStats {
  readonly serverTransactions: number;
  readonly clientTransactions: number;
  readonly dialogs: number;
  readonly timers: number;
  readonly sockets: number;
  /** Open TCP, TLS and WebSocket connections. */
  readonly connections: number;
  readonly agents: number;
  readonly flows: number;
  readonly bans: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** Longest wait of a stop for the answers of its BYEs, ms. */
const STOP_WAIT_MS = 2_000;

/** A running engine. */
export interface Engine {
  /** Port the apps connect to. */
  readonly agentPort: number;
  /** Bound SIP sockets with their real ports. */
  readonly listening: readonly ListenPoint[];
  stats(): EngineStats;
  /** The bans, when they are others than at the revision `known`; without it always. */
  bans(known?: number): BanList | undefined;
  liftBan(address: string): boolean;
  allow(entry: string): void;
  /** Bans by hand; undefined when the address is exempt. */
  ban(address: string, lastsMs: number): Ban | undefined;
  /** Replaces the allow list and the addresses of phones and carriers. */
  protect(lists: { readonly allow: readonly string[]; readonly trusted: readonly string[] }): void;
  /** Sign-ins the app has judged. */
  evidence(events: readonly Evidence[]): void;
  defence(): { readonly bans: readonly Ban[]; readonly counters: DefenceCounters };
  /** Takes a WebSocket that a web server has accepted as a connection of its own. */
  readonly openWeb: OpenWeb;
  /** New certificates for the TLS and WSS listeners; connections stay. Rejects when a port cannot be had again. */
  renewTls(identity: TlsIdentity): Promise<void>;
  /** The last messages of a call, secrets masked. */
  trace(callId: string): TraceEntry[];
  /** The last messages of an address or a user, in calls and without. */
  traceSearch(query: TraceQuery): TraceEntry[];
  /** Releases calls with BYE, waits up to 2 s for the answers, closes everything. `silent`: without a word, as when the power fails. */
  stop(options?: { readonly silent?: boolean }): Promise<void>;
}

/**
 * Starts the SIP server in this thread.
 * @throws TransportError when a SIP socket cannot be bound, or the system's error for the agent port.
 */
export async function startEngine(config: EngineConfig, clock: Clock = systemClock): Promise<Engine> {
  const limits = { ...DEFAULT_LIMITS, ...config.limits };
  const { enabled = true, exempt, allow = [], trusted = [], bans = [], bounds = {} } = config.defence ?? {};
  const detector = new Detector({
    ...DEFENCE_DEFAULTS,
    ...bounds,
    enabled,
    allow: exempt ?? DEFENCE_DEFAULTS.allow,
  });
  detector.protect({ allow, trusted });
  detector.restore(bans);
  const traceLimits = { calls: limits.traceCalls, messages: limits.traceMessages };
  const trace = new TraceRing(traceLimits, {
    knows: (address) => detector.knows(address),
    localFor(remote) {
      const protocol = remote.slice(0, remote.indexOf(":"));
      const known = transport.listening.find((point) => point.protocol === protocol);
      const local = known && transport.localFor(known.protocol, hostOf(remote));
      return local ? `${protocol}:${local.address}:${local.port}` : "";
    },
  });
  const door = config.door && new Door(config.door);
  const wheel = new TimerWheel(clock);
  const transport = await createTransport(config.contacts, {
    admit: (address, protocol) => detector.admit(address, protocol),
    onReject: (peer, reason) => detector.rejected(peer, reason),
    maxConnections: limits.connections,
    maxPerAddress: limits.connectionsPerSource,
    ...(config.tlsClient ? { tlsClient: config.tlsClient } : {}),
  });
  const layer = new TransactionLayer({
    transport,
    wheel,
    limit: limits.transactions,
    onSent(message, target) {
      const peer = target.by === "flow" ? transport.flowPeer(target.flow) : target;
      const remote = peer ? `${peer.protocol}:${peer.address}:${peer.port}` : "";
      trace.note("out", remote, message);
    },
    onFinal(request, peer, status) {
      if (status >= 200 && status < 300 && PROVING.has(request.method)) transport.prove(peer.flow);
      detector.outcome(peer, factsOf(request), status);
    },
    knows: (peer) => detector.knows(peer.address),
    stateless(request, peer) {
      const lag = { pending: core.context.servers.size, backlogBytes: agents?.backlogBytes ?? 0 };
      const busy = refuseWhenBusy(request, lag);
      if (busy) overloaded++;
      return (
        busy ?? (door && agents?.serves("register") ? door.answer(request, peer, Date.now()) : undefined)
      );
    },
  });
  let overloaded = 0;
  let agents: AgentServer | undefined;
  const core = new Core({
    layer,
    transport,
    pick: (route) => agents?.pick(route),
    resolve: makeResolve(transport.listening, config.hosts ?? {}),
    dialogLimit: limits.dialogs,
    cdr: config.cdr ?? false,
    graceMs: limits.graceMs,
  });
  const hostports = transport.listening
    .map((point) => `${point.protocol}/${point.address}:${point.port}`)
    .join(",");
  const server = new AgentServer(
    { ...config.agent, hostports: () => hostports },
    {
      onSip: (client, id, fields, message) => core.onSip(client, id, fields, message),
      onProxy: (client, id, fields, message) => core.onProxy(client, id, fields, message),
      onReady: (client) => core.onReady(client),
      onGone: (client) => core.onGone(client),
    },
  );
  agents = server;
  let faults = 0;
  transport.onMessage((inbound) => {
    const { message, peer } = inbound;
    // What is dropped is not traced: a sweep would push the calls of the office out.
    if (message.kind === "request" && !detector.judge(peer, factsOf(message))) return;
    trace.note("in", `${peer.protocol}:${peer.address}:${peer.port}`, message);
    try {
      layer.receive(inbound);
    } catch (error) {
      // One message must not end the service of all others.
      faults++;
      console.error("sip message failed", error);
    }
  });
  let agentPort: number;
  try {
    agentPort = server.listen();
  } catch (error) {
    await transport.close();
    throw error;
  }
  return {
    agentPort,
    listening: transport.listening,
    stats: () => ({
      serverTransactions: layer.serverCount,
      clientTransactions: layer.clientCount,
      dialogs: core.context.dialogs.size,
      timers: wheel.size,
      sockets: transport.listening.length,
      connections: transport.connections,
      agents: server.clientCount,
      flows: core.context.flows.count(wheel.now()),
      bans: detector.list().length,
      counters: { ...layer.counters, overloaded, dropped: detector.counters.dropped, faults },
    }),
    bans: (known = 0) => detector.changes(known),
    liftBan: (address) => detector.lift(address),
    allow: (entry) => detector.allow(entry),
    ban: (address, lastsMs) => detector.ban(address, lastsMs),
    protect: (lists) => detector.protect(lists),
    evidence: (events) => {
      for (const event of events) detector.evidence(event);
    },
    defence: () => ({ bans: detector.list(), counters: detector.counters }),
    openWeb: (peer, sink) => transport.openWeb(peer, sink),
    renewTls: (identity) => transport.renew(identity),
    trace: (callId) => trace.entries(callId),
    traceSearch: (query) => trace.search(query),
    async stop(options = {}) {
      if (options.silent !== true) await core.releaseAll(STOP_WAIT_MS);
      // One turn for what has no answer (CANCEL, refusals) to leave.
      await new Promise((resolve) => setImmediate(resolve));
      layer.close();
      wheel.clear();
      server.close();
      await transport.close();
    },
  };
}

/** NAPTR, SRV and addresses (RFC 3263), then the system's own look-up, which also reads the hosts file. */
function makeResolve(
  listening: readonly ListenPoint[],
  names: Readonly<Record<string, readonly string[]>>,
): Resolve {
  const able = (["udp", "tcp", "tls"] as const).filter((name) =>
    listening.some((point) => point.protocol === name),
  );
  const hosts = new Map(Object.entries(names).map(([name, list]) => [name.toLowerCase(), list]));
  // Addresses of version 6 only where something listens that could send to them.
  const ipv6 = listening.some((point) => isIP(point.address) === 6);
  const resolver = createResolver({ protocols: able, hosts, ipv6 });
  return async (text) => {
    const uri = parseUri(text);
    if (uri?.kind === "sip") {
      const targets = await resolver(uri).catch(() => []);
      if (targets.length > 0) {
        const serverName = bareHost(uri.host);
        return targets.map((target) => ({
          target: { by: "address", ...target, ...(target.protocol === "tls" ? { serverName } : {}) },
          destination: target,
        }));
      }
    }
    return lookupResolve(text);
  };
}
