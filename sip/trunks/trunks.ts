/** All trunks: which one a call comes from, their states, changes of the configuration. */
import type { Directory, TrunkConfig, TrunkState } from "../directory.ts";
import { decodeUser, parseUri } from "../engine/message/uri.ts";
import type { IncomingRequest, SipStack } from "../srf/model.ts";
import { CallRate } from "./limits.ts";
import { createHostResolver, type HostResolver } from "./resolve.ts";
import { type After, after } from "./timer.ts";
import { Trunk, type TrunkUsage } from "./trunk.ts";

export interface TrunksOptions {
  readonly stack: SipStack;
  readonly directory: Pick<Directory, "trunks">;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly resolve?: HostResolver;
  readonly after?: After;
}

export class Trunks {
  readonly #o: TrunksOptions;
  readonly #resolve: HostResolver;
  readonly #trunks = new Map<number, Trunk>();
  readonly #usage = new Map<number, TrunkUsage>();
  readonly #listeners = new Set<(state: TrunkState) => void>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: TrunksOptions) {
    this.#o = options;
    this.#resolve = options.resolve ?? createHostResolver();
  }

  start(): void {
    this.reload();
    this.#timer = setInterval(() => this.tick(), 1000);
  }

  /** Ends timers and takes our contacts back from the carriers, for at most two seconds. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const all = [...this.#trunks.values()].map((trunk) => trunk.stop(true));
    this.#trunks.clear();
    await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, 2000))]);
  }

  /** Takes the configuration over; unchanged trunks keep their registration. */
  reload(): void {
    const configs = new Map(this.#o.directory.trunks().map((config) => [config.id, config]));
    for (const [id, trunk] of [...this.#trunks]) {
      const config = configs.get(id);
      if (config !== undefined && sameConfig(config, trunk.config)) continue;
      const moved = config === undefined || !config.enabled || config.host !== trunk.config.host;
      void trunk.stop(moved || config.username !== trunk.config.username);
      this.#trunks.delete(id);
    }
    for (const [id, config] of configs) {
      if (this.#trunks.has(id)) continue;
      const usage = this.#usage.get(id) ?? { calls: 0, rate: new CallRate() };
      this.#usage.set(id, usage);
      const trunk = new Trunk(config, {
        usage,
        stack: this.#o.stack,
        now: this.#o.now ?? Date.now,
        random: this.#o.random ?? Math.random,
        resolve: this.#resolve,
        after: this.#o.after ?? after,
        onChange: (changed) => this.#emit(changed),
      });
      this.#trunks.set(id, trunk);
      trunk.tick();
      this.#emit(trunk);
    }
  }

  tick(): void {
    for (const trunk of this.#trunks.values()) trunk.tick();
  }

  get(trunkId: number): Trunk | undefined {
    return this.#trunks.get(trunkId);
  }

  state(trunkId: number): TrunkState | undefined {
    return this.#trunks.get(trunkId)?.state();
  }

  states(): TrunkState[] {
    return [...this.#trunks.values()].map((trunk) => trunk.state());
  }

  /** Addresses and networks of all carriers. */
  addresses(): string[] {
    return [...this.#trunks.values()].flatMap((trunk) => trunk.addresses);
  }

  /** Asks the carrier now; false for a trunk that is unknown or switched off. */
  check(trunkId: number): boolean {
    const trunk = this.#trunks.get(trunkId);
    if (trunk === undefined || !trunk.config.enabled) return false;
    trunk.check();
    return true;
  }

  onTrunk(listener: (state: TrunkState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The trunk a request comes from, by its source address. Several accounts at one carrier are told apart by the
   * contact user called, then by the source port.
   */
  match(request: Pick<IncomingRequest, "uri" | "source">): Trunk | undefined {
    const found = [...this.#trunks.values()].filter((trunk) => trunk.owns(request.source.address));
    if (found.length <= 1) return found[0];
    const uri = parseUri(request.uri);
    const user = uri === undefined ? "" : decodeUser(uri);
    return (
      found.find((trunk) => trunk.contactUser === user) ??
      found.find((trunk) => trunk.config.port === request.source.port) ??
      found.find((trunk) => trunk.config.kind === "ip") ??
      found[0]
    );
  }

  #emit(trunk: Trunk): void {
    const state = trunk.state();
    for (const listener of this.#listeners) listener(state);
  }
}

function sameConfig(left: TrunkConfig, right: TrunkConfig): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
