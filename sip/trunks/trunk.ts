/** One carrier line: its registration or health, its addresses, its calls. */

import { randomUUID } from "node:crypto";
import { isIP } from "node:net";
import type { TrunkConfig, TrunkState } from "../directory.ts";
import { parseAddressList } from "../engine/message/address.ts";
import { escapeUser, parseUri } from "../engine/message/uri.ts";
import type { Credentials, Reply, SipStack } from "../srf/model.ts";
import { routeValues } from "../srf/route.ts";
import { CarrierAddresses } from "./addresses.ts";
import { type HealthState, mayCarryCalls, nextHealth, START_HEALTH } from "./health.ts";
import type { TrunkCaller } from "./identity.ts";
import type { CallRate } from "./limits.ts";
import { registeredUser, type TrunkRequest, trunkInvite, trunkOptions, trunkRegister } from "./plan.ts";
import { problemOf, problemWords } from "./problem.ts";
import { afterRegister, afterTime, type RegistrationState, startRegistration } from "./registration.ts";
import { type HostResolver, hostOf } from "./resolve.ts";
import type { After } from "./timer.ts";

export interface TrunkUsage {
  calls: number;
  readonly rate: CallRate;
}

export interface TrunkParts {
  readonly stack: SipStack;
  readonly now: () => number;
  readonly random: () => number;
  readonly resolve: HostResolver;
  readonly onChange: (trunk: Trunk) => void;
  readonly after: After;
  /** Channels in use; outlives the object when the configuration changes under live calls. */
  readonly usage: TrunkUsage;
}

/** Contacts looked at in a 200: others may be registered under our account. */
const MAX_CONTACTS = 50;
const RESOLVE_EVERY_MS = 300_000;
/** A REGISTER that is challenged counts on by itself, by less than this. */
const CSEQ_STEP = 10;
/** An unreachable carrier is asked again sooner than the configured interval, ms. */
const PING_RETRY_MS = 10_000;

export class Trunk {
  readonly config: TrunkConfig;
  readonly #parts: TrunkParts;
  readonly #addresses: CarrierAddresses;
  #registration: RegistrationState | undefined;
  #health: HealthState = START_HEALTH;
  #since: number;
  #shown = "";
  /** A REGISTER, an OPTIONS on its way. */
  #registering: Promise<Reply> | undefined;
  #pinging: Promise<Reply> | undefined;
  readonly #callId = randomUUID();
  #cseq = 1;
  #nextPingAt = 0;
  #nextResolveAt = 0;
  #stopped = false;
  /** A call met no answer at all, and nothing has been heard since. */
  #silent = false;
  /** Routes of our registration (RFC 3608). */
  #serviceRoute: readonly string[] = [];

  constructor(config: TrunkConfig, parts: TrunkParts) {
    this.config = config;
    this.#parts = parts;
    this.#since = parts.now();
    this.#addresses = new CarrierAddresses(config, parts.resolve, parts.now);
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
    const user = this.config.kind === "registration" ? registeredUser(this.config) : "";
    return user === "" ? undefined : user;
  }

  /** Whether a source address is this carrier. */
  owns(address: string): boolean {
    return this.config.enabled && this.#addresses.has(address);
  }

  /** Addresses and networks of the carrier as they are known now. */
  get addresses(): readonly string[] {
    return this.config.enabled ? this.#addresses.entries : [];
  }

  /** How its voice is reached: by IPv6 when that is all the carrier's host has. */
  get family(): "IP4" | "IP6" {
    const host = hostOf(this.config.outboundProxy !== "" ? this.config.outboundProxy : this.config.host);
    const known = isIP(host) === 0 ? this.#addresses.found : [host];
    return known.length > 0 && known.every((address) => isIP(address) === 6) ? "IP6" : "IP4";
  }

  /** Takes a channel; false when all are in use. */
  acquire(): boolean {
    if (this.config.maxCalls > 0 && this.#parts.usage.calls >= this.config.maxCalls) return false;
    this.#parts.usage.calls++;
    this.#parts.onChange(this);
    return true;
  }

  /** Takes a channel for a call of ours, or says which limit stands in the way. */
  acquireOutgoing(): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
    const { maxCalls, callsPerSecond } = this.config;
    if (!this.#parts.usage.rate.room(callsPerSecond, this.#parts.now()))
      return { ok: false, reason: `More than ${callsPerSecond} calls a second` };
    if (!this.acquire()) return { ok: false, reason: `All ${maxCalls} channels of the trunk are in use` };
    const at = this.#parts.now();
    this.#parts.usage.rate.count(at);
    this.#health = nextHealth(this.#health, { type: "call", at });
    return { ok: true };
  }

  /** False while the line is known not to work; without anything else to tell, a call now and then finds out. */
  get usable(): boolean {
    const { state } = this.state();
    if (state === "disabled" || state === "refused" || this.#silent) return false;
    if (this.#registration !== undefined) return state !== "unreachable";
    return mayCarryCalls(this.#health, this.config.optionsPingS > 0, this.#parts.now());
  }

  /** The INVITE for `number` as dialled. */
  invite(number: string, caller: TrunkCaller): TrunkRequest {
    return trunkInvite(this.config, this.#serviceRoute, number, caller);
  }

  release(): void {
    this.#parts.usage.calls = Math.max(0, this.#parts.usage.calls - 1);
    this.#parts.onChange(this);
  }

  /** Asks the carrier now instead of when it is due. */
  check(): void {
    if (this.#registration !== undefined && this.#registering === undefined)
      this.#registration = { ...this.#registration, nextAt: this.#parts.now() };
    this.#nextPingAt = 0;
    this.#nextResolveAt = 0;
    if (this.#registration === undefined && this.config.optionsPingS <= 0 && this.#pinging === undefined)
      void this.#ping();
    this.tick();
  }

  /**
   * Whether the carrier is there, found out within `withinMs` by what it is known to answer: OPTIONS, or REGISTER. Calls
   * that wait share one question, and its answer counts for the line. "unknown" when nothing can tell.
   */
  async hears(withinMs: number): Promise<"answers" | "silent" | "unknown"> {
    const { answersOptions } = this.#health;
    if (!answersOptions && this.#registration === undefined) return "unknown";
    const asked = answersOptions ? (this.#pinging ?? this.#ping()) : (this.#registering ?? this.#register());
    const heard = asked.then((reply) => (spoke(reply) ? ("answers" as const) : ("silent" as const)));
    let cancel = () => {};
    const patience = new Promise<"silent">((resolve) => {
      cancel = this.#parts.after(withinMs, () => resolve("silent"));
    });
    const verdict = await Promise.race([heard, patience]);
    cancel();
    if (verdict === "silent") this.traffic(false);
    return verdict;
  }

  /** What a call showed about the carrier. */
  traffic(answered: boolean): void {
    const at = this.#parts.now();
    this.#health = nextHealth(this.#health, { type: "traffic", answered, at });
    const registration = this.#registration;
    if (registration !== undefined && !answered && !this.#silent) {
      // Nobody answered a call: is the registrar still there?
      this.#silent = true;
      this.#registration = { ...registration, nextAt: at };
    } else if (answered) this.#silent = false;
    this.#changed();
  }

  state(): TrunkState {
    const registration = this.#registration;
    const base = {
      trunkId: this.config.id,
      since: this.#since,
      callsNow: this.#parts.usage.calls,
      latencyMs: this.#health.latencyMs,
      registeredUntil: registration?.registeredUntil ?? null,
    };
    const well = { reason: "", problem: null };
    if (!this.config.enabled) return { ...base, ...well, state: "disabled" };
    if (registration !== undefined) {
      const { reason, problem } = registration;
      if (registration.kind === "registered")
        return this.#silent && problem !== null
          ? { ...base, reason, problem, state: "unreachable" }
          : { ...base, ...well, state: "registered" };
      return {
        ...base,
        reason,
        problem,
        state: registration.kind === "idle" ? "registering" : registration.kind,
      };
    }
    const { kind, problem } = this.#health;
    if (kind === "unknown" && this.config.optionsPingS <= 0) return { ...base, ...well, state: "up" };
    if (kind === "unknown")
      return {
        ...base,
        state: "down",
        reason: "Not checked yet",
        problem: { code: "not-checked", detail: "" },
      };
    return { ...base, state: kind, problem, reason: problem === null ? "" : problemWords(problem) };
  }

  /** Does what is due. Called each second. */
  tick(): void {
    if (this.#stopped || !this.config.enabled) return;
    const now = this.#parts.now();
    if (now >= this.#nextResolveAt) {
      this.#nextResolveAt = now + RESOLVE_EVERY_MS;
      void this.#addresses.lookUp();
    }
    if (!this.#parts.stack.connected) return;
    if (this.#registration !== undefined) {
      this.#registration = afterTime(this.#registration, now);
      if (
        this.#registering === undefined &&
        this.#registration.nextAt !== null &&
        now >= this.#registration.nextAt
      )
        void this.#register();
      this.#changed();
    }
    if (this.config.optionsPingS > 0 && this.#pinging === undefined && now >= this.#nextPingAt)
      void this.#ping();
  }

  /** Ends the registration at the carrier (best effort) and all timers. */
  async stop(unregister: boolean): Promise<void> {
    this.#stopped = true;
    if (!unregister || this.#registration?.kind !== "registered") return;
    await this.#send(0);
  }

  #register(): Promise<Reply> {
    const sentAt = this.#parts.now();
    const asked = this.#send(this.#registration?.expiresS ?? this.config.registerExpiresS);
    this.#registering = asked;
    return asked.then((reply) => {
      this.#registering = undefined;
      if (!this.#stopped) this.#registered(reply, sentAt);
      return reply;
    });
  }

  #registered(reply: Reply, sentAt: number): void {
    const state = this.#registration;
    if (state === undefined) return;
    const now = this.#parts.now();
    const number = (name: string): number | undefined => {
      const value = Number.parseInt(reply.header(name) ?? "", 10);
      return Number.isFinite(value) ? value : undefined;
    };
    this.#registration = afterRegister(
      state,
      {
        ...answerOf(reply),
        expiresS: this.#granted(reply) ?? number("Expires"),
        minExpiresS: number("Min-Expires"),
        retryAfterS: number("Retry-After"),
      },
      now,
      this.#parts.random(),
    );
    if (reply.status < 300) {
      this.#addresses.heard(reply.source.address, this.#registration.registeredUntil ?? now);
      this.#health = { ...this.#health, latencyMs: now - sentAt };
      this.#silent = false;
      // A Service-Route that makes no sense must not cut the line off.
      this.#serviceRoute = routeValues(reply.header("Service-Route")) ?? [];
    }
    this.#changed();
  }

  /**
   * Seconds the carrier granted to our contact (it may list others). Of several with our user the first to end counts:
   * carriers write other addresses than ours into it, and an older binding may outlast the new one.
   */
  #granted(reply: Reply): number | undefined {
    const contacts = parseAddressList(reply.header("Contact") ?? "") ?? [];
    const listed = contacts.slice(0, MAX_CONTACTS);
    const ours = listed.filter((contact) => {
      const uri = parseUri(contact.uri);
      return uri?.kind === "sip" && uri.user === escapeUser(registeredUser(this.config));
    });
    const granted = (ours.length > 0 || listed.length > 1 ? ours : listed)
      .map((contact) => Number.parseInt(contact.params.get("expires") ?? "", 10))
      .filter((seconds) => seconds > 0);
    return granted.length === 0 ? undefined : Math.min(...granted);
  }

  #send(expiresS: number): Promise<Reply> {
    const credentials = this.credentials;
    const name = { callId: this.#callId, cseq: this.#cseq };
    this.#cseq += CSEQ_STEP;
    return this.#parts.stack.request({
      method: "REGISTER",
      ...trunkRegister(this.config, expiresS, name),
      ...(credentials === undefined ? {} : { credentials }),
    }).final;
  }

  #ping(): Promise<Reply> {
    const sentAt = this.#parts.now();
    const asked = this.#parts.stack.request({ method: "OPTIONS", ...trunkOptions(this.config) }).final;
    this.#pinging = asked;
    return asked.then((reply) => {
      this.#pinging = undefined;
      if (!this.#stopped) this.#pinged(reply, sentAt);
      return reply;
    });
  }

  #pinged(reply: Reply, sentAt: number): void {
    const { config } = this;
    const now = this.#parts.now();
    const answered = spoke(reply);
    this.#health = nextHealth(this.#health, {
      type: "options",
      answered,
      problem: answered ? null : problemOf(answerOf(reply)),
      latencyMs: now - sentAt,
      at: now,
    });
    const every = config.optionsPingS * 1000;
    if (answered && reply.status < 300) this.#addresses.heard(reply.source.address, now + every);
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

/** Whether a reply is the carrier's own. */
function spoke(reply: Reply): boolean {
  return reply.origin === "network" && reply.status !== 408;
}

function answerOf(reply: Reply) {
  return {
    status: reply.status,
    reason: reply.reason,
    origin: reply.origin,
    // "399 host \"text\"": what the engine itself met on the way.
    warning: /^399 \S+ "((?:[^"\\]|\\.)*)"/.exec(reply.header("Warning") ?? "")?.[1],
  };
}
