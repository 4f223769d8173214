/** Puts signalling and media together: what the appliance starts and talks to. */
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { DeviceState, Directory, TrunkState } from "./directory.ts";
import type { DoorConfig, TlsIdentity } from "./engine/index.ts";
import { type Defence, type DefenceConfig, Guard } from "./guard.ts";
import { LegService } from "./legs/legs.ts";
import type { Legs } from "./legs/model.ts";
import { createMedia, type Media, type MediaPort, type MediaStats } from "./media/index.ts";
import { Registrar } from "./registrar/registrar.ts";
import { Authenticator, type AuthResultEvent } from "./srf/authenticator.ts";
import type { DigestAlgorithm } from "./srf/digest.ts";
import { parseEngineAddress, SrfFacade } from "./srf/facade.ts";
import { type EngineView, type LaunchedEngine, launchEngine } from "./srf/launch.ts";
import { AddressSet, PRIVATE_RANGES } from "./srf/network.ts";
import { createHostResolver } from "./trunks/resolve.ts";
import { Trunks } from "./trunks/trunks.ts";

export interface SipConfig {
  /** "embedded", or "drachtio://secret@host:port" for a real drachtio-server. */
  readonly engine: string;
  /** Listening points of the embedded engine, e.g. "sip:0.0.0.0:5060;transport=udp,tcp". */
  readonly contacts: readonly string[];
  /** The machine's own address, for SDP; "" = found out. */
  readonly address: string;
  /** Public address in Via, Contact and SDP behind a port-forwarding router. */
  readonly externalAddress?: string;
  /** Certificates of TLS and WSS listening points; asked at each start of the engine. */
  readonly tls?: () => TlsIdentity;
  /** PEM of authorities trusted in carriers' certificates besides those everybody knows; asked at each start of the engine. */
  readonly authorities?: () => string;
  /** Most connections (TCP, TLS, WebSocket) in all and of one source; engine defaults when absent. */
  readonly connections?: { readonly total: number; readonly perSource: number };
  /** Names that never go to DNS, and their addresses, best first. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  /** Address ranges of the office; empty = the private ranges. */
  readonly lan: readonly string[];
  readonly rtpPorts: { readonly min: number; readonly max: number };
  /** Folder for what rtpengine needs. */
  readonly dataFolder: string;
  readonly codecs?: readonly string[];
  /** A party without voice for this long is asked whether it is still there, ms; default 60 000, 0 = never. */
  readonly silentMs?: number;
  /** OPTIONS to each device, ms between two; 0 = none. Default 30 s. */
  readonly keepAliveMs?: number;
  /** Digest algorithms offered, in order; default MD5, SHA-256. */
  readonly digestAlgorithms?: readonly DigestAlgorithm[];
  /** Against attackers, for the embedded engine. */
  readonly defence?: DefenceConfig;
  /** Whether strangers may call this number without a trunk; absent: none. */
  readonly openTo?: (dialled: string) => boolean;
  readonly log?: (line: string) => void;
}

export interface SipStats {
  readonly engineConnected: boolean;
  /** Times the engine was started again after it had died. */
  readonly engineRestarts: number;
  readonly legs: number;
  readonly dialogs: number;
  readonly registeredExtensions: number;
  readonly media: MediaStats;
}

export interface Sip {
  readonly legs: Legs;
  readonly media: MediaPort;
  /** Voice packets that came from the party of a living leg; null when nobody knows. */
  packetsIn(leg: string): Promise<number | null>;
  /** The same of each leg that has ended. */
  onCounted(listener: (leg: string, packetsIn: number) => void): () => void;
  readonly devices: {
    /** Devices of one extension. */
    state(extensionId: number): DeviceState;
    /** Extensions with a live registration. */
    registered(): readonly number[];
  };
  readonly trunks: {
    state(trunkId: number): TrunkState | undefined;
    states(): readonly TrunkState[];
    /** Asks the carrier now; false for a trunk that is unknown or switched off. */
    check(trunkId: number): boolean;
  };
  /** The embedded engine: bans, traces, figures. Undefined with a remote one. */
  readonly engine: EngineView | undefined;
  /** Bans and the allow list. */
  readonly defence: Defence;
  /** Where the engine listens, "udp/192.168.1.2:5060". */
  readonly listening: readonly string[];
  onDevice(listener: (state: DeviceState) => void): () => void;
  onTrunk(listener: (state: TrunkState) => void): () => void;
  /** Proven and failed sign-ins of phones. */
  onAuth(listener: (event: AuthResultEvent) => void): () => void;
  /** The engine came (true) or went (false). */
  onConnection(listener: (connected: boolean) => void): () => void;
  /** Takes changed trunks and registrations over; calls go on. */
  reload(): void;
  stats(): Promise<SipStats>;
  /** Ends all calls, then everything else. */
  stop(): Promise<void>;
}

/** The first IPv4 address of this machine that others can reach; 127.0.0.1 without a network. */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((entry) => entry.family === "IPv4" && !entry.internal)?.address ?? "127.0.0.1";
}

/**
 * Where voice over IPv6 goes: the IPv6 address of a listening point, for "::" the first that others can reach. Undefined
 * when phones cannot reach us by IPv6 either.
 */
export function ownAddress6(
  contacts: readonly string[],
  interfaces: () => ReturnType<typeof networkInterfaces> = networkInterfaces,
): string | undefined {
  const hosts = contacts.flatMap((contact) => /^sips?:\[([0-9a-f:.]+)\]/i.exec(contact.trim())?.[1] ?? []);
  const own = hosts.find((host) => host !== "::");
  if (own !== undefined || hosts.length === 0) return own;
  const all = Object.values(interfaces()).flatMap((list) => list ?? []);
  const reachable = all.filter((entry) => entry.family === "IPv6" && !/^fe[89ab]/i.test(entry.address));
  return (reachable.find((entry) => !entry.internal) ?? reachable[0])?.address;
}

const HANGUP_PATIENCE_MS = 1500;

/**
 * Starts the engine (or joins a remote one), the media and everything between.
 * Throws SipStackError, RtpengineStartError or the engine's own error when a part cannot start; nothing is left running.
 */
export async function startSip(config: SipConfig, directory: Directory): Promise<Sip> {
  const log = config.log ?? (() => {});
  const onError = (message: string, error: unknown): void =>
    log(error === undefined ? message : `${message}: ${error}`);
  const address = config.address !== "" ? config.address : ownAddress();
  const address6 = ownAddress6(config.contacts);
  const media = await createMedia({
    folder: join(config.dataFolder, "media"),
    address,
    rtpPorts: config.rtpPorts,
    log,
    ...(address6 === undefined ? {} : { address6 }),
    ...(config.externalAddress === undefined ? {} : { advertised: config.externalAddress }),
    ...(config.codecs === undefined ? {} : { codecs: config.codecs }),
    ...(config.silentMs === undefined ? {} : { silentMs: config.silentMs }),
  });

  const stack = new SrfFacade();
  const lan = new AddressSet(config.lan.length > 0 ? config.lan : PRIVATE_RANGES);
  for (const entry of lan.invalid) log(`"${entry}" is not an address range; it is left out of the LAN`);
  const { digestAlgorithms: algorithms } = config;
  const authenticator = new Authenticator(directory, algorithms === undefined ? {} : { algorithms });
  const registrar = new Registrar({
    stack,
    directory,
    authenticator,
    lan,
    onError,
    ...(config.keepAliveMs === undefined ? {} : { keepAliveMs: config.keepAliveMs }),
  });
  const trunks = new Trunks({ stack, directory, resolve: createHostResolver({ hosts: config.hosts ?? {} }) });
  const legs = new LegService({
    stack,
    media,
    registrar,
    trunks,
    authenticator,
    realm: directory.realm,
    lan,
    onError,
    // A 100 does not reach an application; the trace has it.
    heardOf: async (callId) => {
      const trace = (await engine.view?.trace(callId)) ?? [];
      return trace.length === 0 || trace.some((entry) => entry.direction === "in");
    },
    ...(config.openTo === undefined ? {} : { openTo: config.openTo }),
  });
  const guard: Guard = new Guard(config.defence ?? {}, {
    engine: () => engine.view,
    devices: () => registrar.registered().map((id) => registrar.deviceState(id)),
    carriers: () => trunks.addresses(),
  });
  const engine = new EngineKeeper(config, stack, log, guard, () => authenticator.door());
  // Registrations are there before the first request: a restart must not lose calls to phones.
  registrar.start();
  stack.onConnection((connected) => {
    if (connected) trunks.tick();
  });
  try {
    await engine.start();
  } catch (error) {
    registrar.stop();
    stack.stop();
    await engine.stop();
    await media.stop();
    throw error;
  }
  trunks.start();
  guard.start();
  registrar.onDevice((state) => guard.device(state));
  authenticator.onResult((event) => guard.note(event));

  return {
    get engine() {
      return engine.view;
    },
    defence: guard,
    legs,
    media,
    packetsIn: (leg) => media.packetsIn(leg),
    onCounted: (listener) => media.onCounted(listener),
    devices: { state: (id) => registrar.deviceState(id), registered: () => registrar.registered() },
    trunks: {
      state: (id) => trunks.state(id),
      states: () => trunks.states(),
      check: (id) => trunks.check(id),
    },
    get listening() {
      return stack.hostports;
    },
    onDevice: (listener) => registrar.onDevice(listener),
    onTrunk: (listener) => trunks.onTrunk(listener),
    onAuth: (listener) => authenticator.onResult(listener),
    onConnection: (listener) => stack.onConnection(listener),
    reload() {
      registrar.reload();
      trunks.reload();
    },
    stats: async () => ({
      engineConnected: stack.connected,
      engineRestarts: engine.restarts,
      legs: legs.size,
      dialogs: stack.dialogs().length,
      registeredExtensions: registrar.registered().length,
      media: await media.stats(),
    }),
    stop: () => stopAll({ guard, legs, trunks, registrar, stack, engine, media }),
  };
}

async function stopAll(parts: {
  guard: Guard;
  legs: LegService;
  trunks: Trunks;
  registrar: Registrar;
  stack: SrfFacade;
  engine: EngineKeeper;
  media: Media;
}): Promise<void> {
  await parts.guard.stop();
  parts.registrar.stop();
  await parts.legs.stop(HANGUP_PATIENCE_MS);
  await parts.trunks.stop();
  parts.stack.stop();
  await parts.engine.stop();
  await parts.media.stop();
}

/** Starts the embedded engine and starts it again should it die; or just knows the address of a remote one. */
class EngineKeeper {
  restarts = 0;
  #engine: LaunchedEngine | undefined;
  #stopping = false;

  constructor(
    private readonly config: SipConfig,
    private readonly stack: SrfFacade,
    private readonly log: (line: string) => void,
    private readonly guard: Guard,
    private readonly door: () => DoorConfig,
  ) {}

  async start(): Promise<void> {
    if (this.config.engine !== "embedded") {
      await this.stack.connect(parseEngineAddress(this.config.engine));
      return;
    }
    const { connections } = this.config;
    this.#engine = await launchEngine({
      contacts: this.config.contacts,
      worker: true,
      door: this.door(),
      defence: this.guard.forEngine(),
      onExit: (reason) => void this.#again(reason),
      ...(this.config.tls === undefined ? {} : { tls: this.config.tls() }),
      authorities: this.config.authorities?.() ?? "",
      ...(this.config.hosts === undefined ? {} : { hosts: this.config.hosts }),
      ...(connections === undefined
        ? {}
        : { limits: { connections: connections.total, connectionsPerSource: connections.perSource } }),
      ...(this.config.externalAddress === undefined ? {} : { externalAddress: this.config.externalAddress }),
    });
    await this.stack.connect(this.#engine.agent);
  }

  get view(): EngineView | undefined {
    return this.#engine;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#engine?.stop();
  }

  async #again(cause: string): Promise<void> {
    let reason = cause;
    for (let wait = 100; !this.#stopping; wait = Math.min(wait * 2, 5000)) {
      this.log(`The SIP engine ended (${reason}) and is started again`);
      this.restarts++;
      try {
        await this.start();
        return;
      } catch (error) {
        reason = String(error);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }
}
