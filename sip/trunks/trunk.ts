/** One carrier line: its registration or health, its addresses, its calls. */

import type { TrunkConfig, TrunkState } from "../directory.ts";
import { parseAddressList } from "../engine/message/address.ts";
import { escapeUser, parseUri } from "../engine/message/uri.ts";
import type { Credentials, Reply, SipStack } from "../srf/model.ts";
import { AddressSet } from "../srf/network.ts";
import { type HealthState, nextHealth, START_HEALTH } from "./health.ts";
import { trunkCallerHeaders, trunkProxy, trunkTarget } from "./identity.ts";
import { afterRegister, afterTime, type RegistrationState, startRegistration } from "./registration.ts";
import { type HostResolver, hostOf } from "./resolve.ts";

export interface TrunkParts {
  readonly stack: SipStack;
  readonly now: () => number;
  readonly random: () => number;
  readonly resolve: HostResolver;
  readonly onChange: (trunk: Trunk) => void;
  /** Channels in use; outlives the object when the configuration changes under live calls. */
  readonly usage: { calls: number };
}

const RESOLVE_EVERY_MS = 300_000;
/** An unreachable carrier is asked again sooner than the configured interval, ms. */
const PING_RETRY_MS = 10_000;

export class Trunk {
  readonly config: TrunkConfig;
  readonly #parts: TrunkParts;
  #addresses: AddressSet;
  #registration: RegistrationState | undefined;
  #health: HealthState = START_HEALTH;
  #since: number;
  #shown = "";
  #busy = false;
  #pinging = false;
  #nextPingAt = 0;
  #nextResolveAt = 0;
  #stopped = false;

  constructor(config: TrunkConfig, parts: TrunkParts) {
    this.config = config;
    this.#parts = parts;
    this.#since = parts.now();
    this.#addresses = new AddressSet([hostOf(config.host), ...config.allowedAddresses]);
    if (config.kind === "registration" && config.enabled) {
      this.#registration = startRegistration(config.registerExpiresS, parts.now());
    }
    this.#shown = this.#face();
  }

  get credentials(): Credentials | undefined {
    const { authUsername, username, password } = this.config;
    const user = authUsername !== "" ? authUsername : username;
    return user === "" && password === "" ? undefined : { username: user, password };
  }

  /** The user part under which the carrier knows us; calls to it carry the number in To. */
  get contactUser(): string | undefined {
    return this.config.kind === "registration" && this.config.username !== ""
      ? this.config.username
      : undefined;
  }

  /** Whether a source address is this carrier. */
  owns(address: string): boolean {
    return this.config.enabled && this.#addresses.has(address);
  }

  /** Takes a channel; false when all are in use. */
  acquire(): boolean {
    if (this.config.maxCalls > 0 && this.#parts.usage.calls >= this.config.maxCalls) return false;
    this.#parts.usage.calls++;
    this.#parts.onChange(this);
    return true;
  }

  release(): void {
    this.#parts.usage.calls = Math.max(0, this.#parts.usage.calls - 1);
    this.#parts.onChange(this);
  }

  /** What a call showed about the carrier. */
  traffic(answered: boolean, reason = ""): void {
    const at = this.#parts.now();
    this.#health = nextHealth(this.#health, { type: "traffic", answered, reason, at });
    this.#changed();
  }

  state(): TrunkState {
    const registration = this.#registration;
    const base = {
      trunkId: this.config.id,
      since: this.#since,
      callsNow: this.#parts.usage.calls,
      problem: null,
      latencyMs: this.#health.latencyMs,
      registeredUntil: registration?.registeredUntil ?? null,
    };
    if (!this.config.enabled) return { ...base, state: "disabled", reason: "" };
    if (registration !== undefined) {
      const state = registration.kind === "idle" ? "registering" : registration.kind;
      return { ...base, state, reason: registration.kind === "registered" ? "" : registration.reason };
    }
    if (this.config.optionsPingS <= 0 && this.#health.kind === "unknown")
      return { ...base, state: "up", reason: "" };
    if (this.#health.kind === "unknown") return { ...base, state: "down", reason: "Not checked yet" };
    return { ...base, state: this.#health.kind, reason: this.#health.reason };
  }

  /** Does what is due. Called each second. */
  tick(): void {
    if (this.#stopped || !this.config.enabled) return;
    const now = this.#parts.now();
    if (now >= this.#nextResolveAt) {
      this.#nextResolveAt = now + RESOLVE_EVERY_MS;
      void this.resolve();
    }
    if (!this.#parts.stack.connected) return;
    if (this.#registration !== undefined) {
      this.#registration = afterTime(this.#registration, now);
      if (!this.#busy && this.#registration.nextAt !== null && now >= this.#registration.nextAt)
        void this.#register();
      this.#changed();
    }
    if (this.config.optionsPingS > 0 && !this.#pinging && now >= this.#nextPingAt) void this.#ping();
  }

  /** Looks the carrier's names up again. */
  async resolve(): Promise<void> {
    const { host, outboundProxy, transport, allowedAddresses } = this.config;
    const literal = new AddressSet(allowedAddresses);
    const names = [hostOf(host), hostOf(outboundProxy), ...literal.invalid.map(hostOf)].filter(
      (name) => name !== "",
    );
    const found = (await Promise.all(names.map((name) => this.#parts.resolve(name, transport)))).flat();
    if (found.length > 0) this.#addresses = new AddressSet([...found, ...allowedAddresses]);
  }

  /** Ends the registration at the carrier (best effort) and all timers. */
  async stop(unregister: boolean): Promise<void> {
    this.#stopped = true;
    if (!unregister || this.#registration?.kind !== "registered") return;
    await this.#send(0);
  }

  async #register(): Promise<void> {
    const state = this.#registration;
    if (state === undefined) return;
    this.#busy = true;
    const sentAt = this.#parts.now();
    const reply = await this.#send(state.expiresS);
    this.#busy = false;
    if (this.#stopped) return;
    const now = this.#parts.now();
    const number = (name: string): number | undefined => {
      const value = Number.parseInt(reply.header(name) ?? "", 10);
      return Number.isFinite(value) ? value : undefined;
    };
    this.#registration = afterRegister(
      state,
      {
        status: reply.status,
        reason: reply.reason,
        origin: reply.origin,
        expiresS: this.#granted(reply) ?? number("Expires"),
        minExpiresS: number("Min-Expires"),
        retryAfterS: number("Retry-After"),
      },
      now,
      this.#parts.random(),
    );
    if (reply.status < 300) this.#health = { ...this.#health, latencyMs: now - sentAt };
    this.#changed();
  }

  /** Seconds the carrier granted to our contact (it may list others). */
  #granted(reply: Reply): number | undefined {
    const contacts = parseAddressList(reply.header("Contact") ?? "") ?? [];
    const ours = contacts.find((contact) => {
      const uri = parseUri(contact.uri);
      return uri?.kind === "sip" && uri.user === escapeUser(this.config.username);
    });
    const value = Number.parseInt((ours ?? contacts[0])?.params.get("expires") ?? "", 10);
    return Number.isFinite(value) ? value : undefined;
  }

  #send(expiresS: number): Promise<Reply> {
    const { config } = this;
    const domain = config.fromDomain !== "" ? config.fromDomain : config.host;
    const proxy = trunkProxy(config);
    const credentials = this.credentials;
    const user = escapeUser(config.username);
    const transport = config.transport === "udp" ? "" : `;transport=${config.transport}`;
    return this.#parts.stack.request({
      method: "REGISTER",
      uri: trunkTarget(config, ""),
      headers: {
        From: `<sip:${user}@${domain}>`,
        To: `<sip:${user}@${domain}>`,
        Contact: `<sip:${user}@localhost${transport}>`,
        Expires: String(expiresS),
      },
      ...(proxy === undefined ? {} : { proxy }),
      ...(credentials === undefined ? {} : { credentials }),
    }).final;
  }

  async #ping(): Promise<void> {
    this.#pinging = true;
    const { config } = this;
    const sentAt = this.#parts.now();
    const proxy = trunkProxy(config);
    const reply = await this.#parts.stack.request({
      method: "OPTIONS",
      uri: trunkTarget(config, ""),
      headers: trunkCallerHeaders(
        { ...config, identityHeader: "none" },
        { number: config.username || "ping" },
      ),
      ...(proxy === undefined ? {} : { proxy }),
    }).final;
    this.#pinging = false;
    if (this.#stopped) return;
    const now = this.#parts.now();
    const answered = reply.origin === "network" && reply.status !== 408;
    const reason = reply.status === 408 ? "No answer" : reply.reason;
    this.#health = nextHealth(this.#health, {
      type: "options",
      answered,
      reason,
      latencyMs: now - sentAt,
      at: now,
    });
    const every = config.optionsPingS * 1000;
    this.#nextPingAt = now + (answered ? every : Math.min(every, PING_RETRY_MS));
    this.#changed();
  }

  #face(): string {
    const { state, reason, registeredUntil } = this.state();
    return `${state} ${reason} ${registeredUntil}`;
  }

  #changed(): void {
    const before = this.#shown;
    this.#shown = this.#face();
    if (before === this.#shown) return;
    if (before.split(" ")[0] !== this.#shown.split(" ")[0]) this.#since = this.#parts.now();
    this.#parts.onChange(this);
  }
}
