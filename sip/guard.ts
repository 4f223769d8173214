/**
 * The defence as the application sees it: tells the engine which addresses are ours and how sign-ins went, keeps the
 * bans over a restart of the engine, and reports them to whoever stores them.
 */
import type { DeviceState } from "./directory.ts";
import {
  type Ban,
  type DefenceCounters,
  type DefenceOptions,
  type Evidence,
  isNetwork,
} from "./engine/index.ts";
import type { AuthResultEvent } from "./srf/authenticator.ts";
import type { EngineView, LaunchOptions } from "./srf/launch.ts";
import { plainAddress } from "./srf/network.ts";

export { Firewall, type FirewallState } from "./engine/defence/nftables.ts";
export type { Ban, BanReason, DefenceCounters } from "./engine/index.ts";
export { isNetwork };

export interface DefenceConfig {
  /** Networks that are never judged; absent: loopback. */
  readonly exempt?: readonly string[];
  /** The allow list of the office at the start. */
  readonly allow?: readonly string[];
  /** Bans of the last run. */
  readonly bans?: readonly Ban[];
  readonly bounds?: Partial<DefenceOptions>;
}

/** What the office may do about attackers. */
export interface Defence {
  /** Undefined when the engine is not ours or is just starting again. */
  state(): Promise<{ readonly bans: readonly Ban[]; readonly counters: DefenceCounters } | undefined>;
  /** Bans an address for `lastsMs`. Undefined when it is exempt. */
  ban(address: string, lastsMs: number): Promise<Ban | undefined>;
  /** True when there was such a ban. */
  lift(address: string): Promise<boolean>;
  /** Replaces the allow list. */
  setAllow(entries: readonly string[]): void;
  /** Each time the bans have changed, at most once a second. */
  onBans(listener: (bans: readonly Ban[]) => void): () => void;
}

export interface GuardParts {
  readonly engine: () => EngineView | undefined;
  /** States of all devices registered now. */
  readonly devices: () => readonly DeviceState[];
  /** Addresses and networks of the carriers. */
  readonly carriers: () => readonly string[];
  readonly now?: () => number;
}

/** A phone's address is known this long after its last registration, ms. */
const KNOWN_MS = 86_400_000;
const MOST_KNOWN = 10_000;
/** A proof from the same flow is told once in this time, ms. */
const PROOF_EVERY_MS = 60_000;
const MOST_PROOFS = 10_000;
const FLUSH_MS = 50;
const LOOK_MS = 1_000;

export class Guard implements Defence {
  readonly #parts: GuardParts;
  readonly #now: () => number;
  #allow: readonly string[];
  #bans: readonly Ban[];
  #revision = 0;
  readonly #config: DefenceConfig;
  readonly #known = new Map<string, number>();
  #told = "";
  readonly #proofs = new Map<string, number>();
  #waiting: Evidence[] = [];
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #listeners = new Set<(bans: readonly Ban[]) => void>();

  constructor(config: DefenceConfig, parts: GuardParts) {
    this.#config = config;
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
    this.#allow = config.allow ?? [];
    this.#bans = config.bans ?? [];
  }

  start(): void {
    this.#timer = setInterval(() => void this.look().catch(() => {}), LOOK_MS);
  }

  /** Looks at the bans one last time, so that none is lost. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#flushing);
    await this.look().catch(() => {});
  }

  /** What an engine is told at its start. */
  forEngine(): NonNullable<LaunchOptions["defence"]> {
    const { exempt, bounds } = this.#config;
    return {
      allow: this.#allow,
      trusted: this.#trusted(),
      bans: this.#bans,
      bounds: { ...bounds, told: true },
      ...(exempt === undefined ? {} : { exempt }),
    };
  }

  /** Refreshes the addresses the engine protects and takes its bans down. */
  async look(): Promise<void> {
    const engine = this.#parts.engine();
    if (engine === undefined) return;
    await this.#protect(engine);
    const changed = await engine.bans(this.#revision);
    if (changed === undefined) return;
    this.#revision = changed.revision;
    const none = changed.bans.length === 0 && this.#bans.length === 0;
    this.#bans = changed.bans;
    if (!none) for (const listener of this.#listeners) listener(this.#bans);
  }

  /** A sign-in that was proven or failed. */
  note(event: AuthResultEvent): void {
    const { sourceAddress: address, sourcePort: port, user } = event;
    const kind = event.result === "ok" ? "proven" : "failed";
    const flow = `${address} ${port} ${user}`;
    if (kind === "proven") {
      const now = this.#now();
      if (now - (this.#proofs.get(flow) ?? Number.NEGATIVE_INFINITY) < PROOF_EVERY_MS) return;
      if (this.#proofs.size >= MOST_PROOFS) this.#proofs.clear();
      this.#proofs.set(flow, now);
    } else this.#proofs.delete(flow);
    this.#waiting.push({ kind, address: plainAddress(address), port, user });
    // A failure must be known before the next attempt; proofs may wait for each other.
    if (kind === "failed" || this.#waiting.length > 200) this.#flush();
    else this.#flushing ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** A phone has registered: its address is ours from now on. */
  device(state: DeviceState): void {
    const { size } = this.#known;
    this.#remember([state]);
    const engine = this.#parts.engine();
    if (engine && this.#known.size !== size) void this.#protect(engine).catch(() => {});
  }

  async state() {
    return this.#parts.engine()?.defence();
  }

  async ban(address: string, lastsMs: number) {
    const made = await this.#parts.engine()?.ban(address, lastsMs);
    await this.look();
    return made;
  }

  async lift(address: string) {
    const lifted = (await this.#parts.engine()?.liftBan(address)) ?? false;
    await this.look();
    return lifted;
  }

  setAllow(entries: readonly string[]): void {
    this.#allow = entries;
    void this.look().catch(() => {});
  }

  onBans(listener: (bans: readonly Ban[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    if (events.length > 0)
      void this.#parts
        .engine()
        ?.evidence(events)
        .catch(() => {});
  }

  async #protect(engine: EngineView): Promise<void> {
    const lists = { allow: this.#allow, trusted: this.#trusted() };
    const told = JSON.stringify(lists);
    if (told === this.#told) return;
    this.#told = told;
    await engine.protect(lists);
  }

  #trusted(): string[] {
    this.#remember(this.#parts.devices());
    const now = this.#now();
    for (const [address, at] of this.#known) if (now - at > KNOWN_MS) this.#known.delete(address);
    return [...this.#known.keys(), ...this.#parts.carriers()];
  }

  #remember(states: readonly DeviceState[]): void {
    const now = this.#now();
    for (const { devices } of states)
      for (const { source } of devices) {
        const address = plainAddress(source.slice(source.indexOf(":") + 1, source.lastIndexOf(":")));
        if (this.#known.has(address) || this.#known.size < MOST_KNOWN) this.#known.set(address, now);
      }
  }
}
