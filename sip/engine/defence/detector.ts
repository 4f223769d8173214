/**
 * Tells attackers by what they do: how fast they ask, how often they fail, how many names they try. An honest phone
 * that answers its challenge is never suspected; what looks bad is slowed down first, then banned for a time.
 */
import type { TransportProtocol } from "../message/model.ts";
import { Networks, sourceKey } from "./address.ts";
import { Bans, DAY_MS } from "./bans.ts";
import { Guesses } from "./guesses.ts";
import {
  type Ban,
  type BanList,
  type BanReason,
  type DefenceCounters,
  type DefenceOptions,
  type Evidence,
  MOST_USER,
  type Origin,
  type RequestFacts,
} from "./model.ts";
import { Bucket, Recent } from "./recent.ts";
import { newSource, type Source, sweepNames } from "./source.ts";

/** A source that proved a password bears more until this long after, ms. */
const TRUST_MS = 3_600_000;
const TRUST_FACTOR = 10;
/** The name of an attack tool leaves this share of the failures that others may have. */
const TOOL_FACTOR = 0.25;
/** Protected sources may send this many times faster. */
const PROTECTED_FACTOR = 5;
/** Addresses whose standing is remembered. */
const MOST_STANDINGS = 4096;

/** What the lists say of an address. */
interface Standing {
  /** The name it is counted under. */
  readonly key: string;
  /** Never judged. */
  readonly exempt: boolean;
  /** A phone or carrier of ours. */
  readonly known: boolean;
}

/** New requests a second of a source, by the share of its failures used up. */
export function allowedRate(used: number): number {
  if (used < 0.25) return Number.POSITIVE_INFINITY;
  return used < 0.5 ? 5 : 1;
}

export class Detector {
  readonly #sources: Recent<Source>;
  readonly #bans = new Bans();
  readonly #guesses = new Guesses();
  readonly #box = new Bucket();
  readonly #exempt: Networks;
  #allowed = new Networks();
  #protected = new Set<string>();
  #protectedNetworks = new Networks();
  /** By address, until the lists change: it is asked for several times for each message. */
  readonly #standings = new Map<string, Standing>();
  #counts = { dropped: 0, slowed: 0, challenged: 0, failedSignIns: 0, banned: 0 };

  constructor(
    private readonly options: DefenceOptions,
    private readonly now: () => number = Date.now,
  ) {
    this.#sources = new Recent(options.sources, newSource);
    this.#exempt = new Networks(options.allow);
  }

  get counters(): DefenceCounters {
    return { ...this.#counts, sources: this.#sources.size };
  }

  /** Never judge this address or network. */
  allow(entry: string): void {
    this.#exempt.add(entry);
    this.#standings.clear();
  }

  /**
   * Replaces the allow list of the office and the addresses (and networks) of its registered phones and carriers. The latter are
   * never banned, whatever is sent in their name; what fails there is only slowed down.
   */
  protect(lists: { readonly allow: readonly string[]; readonly trusted: readonly string[] }): void {
    this.#allowed = new Networks(lists.allow);
    const networks = lists.trusted.filter((entry) => entry.includes("/"));
    const addresses = lists.trusted.filter((entry) => !entry.includes("/"));
    this.#protected = new Set(addresses.flatMap((address) => [address, sourceKey(address)]));
    this.#protectedNetworks = new Networks(networks);
    this.#standings.clear();
    for (const ban of this.list()) {
      const known = ban.reason !== "manual" && this.#isProtected(ban.address);
      if (known || this.#allowed.has(ban.address.replace(/\/64$/, ""))) this.#bans.lift(ban.address);
    }
  }

  /** Bans of an earlier run. */
  restore(bans: readonly Ban[]): void {
    this.#bans.restore(bans, this.now());
  }

  /** Asked for each datagram or connection before anything is read. False: drop without a word. */
  admit(address: string, _protocol: TransportProtocol): boolean {
    if (!this.options.enabled) return true;
    const { key, exempt, known } = this.#standing(address);
    if (exempt) return true;
    const now = this.now();
    if (this.#isBanned(address, key, now)) return this.#drop();
    const { rate, burst, boxRate, boxBurst } = this.options;
    const source = this.#sources.touch(key);
    const factor = known ? PROTECTED_FACTOR : 1;
    if (source.packets.take(now, rate * factor, burst * factor)) {
      // The share of known phones and carriers cannot be used up by strangers.
      return known || this.#box.take(now, boxRate, boxBurst) || this.#drop();
    }
    // Dropping is enough against a burst; only one that goes on for long is banned.
    if (++source.flooded > burst * 10) {
      source.flooded = 0;
      this.#punish(key, source, "flood", burst * 10);
    }
    return this.#drop();
  }

  /** Asked for each request that could be read. False: drop without a word, which slows its sender down. */
  judge(origin: Origin, facts: RequestFacts): boolean {
    if (!this.options.enabled || !facts.fresh) return true;
    const { key, exempt, known } = this.#standing(origin.address);
    if (exempt) return true;
    const now = this.now();
    const source = this.#sources.touch(key);
    if (facts.tool) source.tool = true;
    const { user } = facts;
    if (user !== undefined && !this.#guesses.admits(key, origin, user, now)) return this.#slow(key, source);
    this.#overdue(key, source);
    if (known) return true;
    const rate = allowedRate(source.failures.value(now, this.#leak()) / this.#limit(source, now));
    if (rate === Number.POSITIVE_INFINITY || source.requests.take(now, rate, rate)) return true;
    return this.#slow(key, source);
  }

  /** A phone or carrier of ours, an address that is never judged, or one where a password was proven lately. */
  knows(address: string): boolean {
    if (!this.options.enabled) return true;
    const { key, exempt, known } = this.#standing(address);
    return exempt || known || this.#isTrusted(this.#sources.peek(key), this.now());
  }

  /** What a request came to. */
  outcome(origin: Origin, facts: RequestFacts, status: number): void {
    if (!this.options.enabled) return;
    const { address, port } = origin;
    const { key, exempt } = this.#standing(address);
    if (exempt) return;
    const source = this.#sources.touch(key);
    if (origin.protocol !== "udp") source.solid = true;
    const { user, method } = facts;
    const challenge = status === 401 || status === 407;
    if (!this.options.told) {
      if (status >= 200 && status < 300 && (user !== undefined || method === "REGISTER")) {
        this.evidence({ kind: "proven", address, port, user: user ?? "" });
        return;
      }
      if (user !== undefined && (challenge || status === 403)) {
        this.evidence({ kind: "failed", address, port, user });
        return;
      }
    }
    if (challenge) {
      this.#counts.challenged++;
      // No failure yet: the answer may be on its way. Hundreds that nobody ever answers are a sweep.
      if (sweepNames.challenged(source, facts.name, this.now())) this.#blame(key, source, 1, "scanning");
    } else this.#blame(key, source, weightOf(method, status), "scanning");
  }

  /** Sign-ins the app has judged. */
  evidence(event: Evidence): void {
    if (!this.options.enabled) return;
    const { address, port } = event;
    const user = shortened(event.user);
    const { key, exempt } = this.#standing(address);
    const now = this.now();
    if (event.kind === "failed") this.#counts.failedSignIns++;
    if (exempt) return;
    const source = this.#sources.touch(key);
    if (event.kind === "proven") {
      this.#guesses.proven(key, address, port, user);
      source.provenAt = now;
      source.failures.clear();
      sweepNames.clear(source);
      return;
    }
    // Its nonce was made for this address: nobody else could have answered it.
    if (this.options.told) source.solid = true;
    const siege = this.#guesses.failed(key, address, port, user, now);
    this.#blame(key, source, siege ? 3 : 1, "guessing");
  }

  /** Traffic that could not be read: broken, cut short, or never ended. */
  rejected(origin: Origin, reason = ""): void {
    if (!this.options.enabled) return;
    const { key, exempt } = this.#standing(origin.address);
    if (exempt) return;
    const source = this.#sources.touch(key);
    if (origin.protocol !== "udp") source.solid = true;
    this.#blame(key, source, reason === "Unfinished Message" ? 4 : 1, "malformed");
  }

  list(): Ban[] {
    return this.#bans.list(this.now());
  }

  /** The bans in force, when they are others than at the revision `known`. */
  changes(known: number): BanList | undefined {
    const bans = this.list();
    const { revision } = this.#bans;
    return revision === known ? undefined : { revision, bans };
  }

  /** Bans by hand, also a protected address. Undefined for an address that is exempt. */
  ban(address: string, lastsMs: number): Ban | undefined {
    if (this.#isExempt(address)) return undefined;
    const firstMs = Math.min(lastsMs, 366 * DAY_MS);
    this.#counts.banned++;
    return this.#bans.add(address, {
      now: this.now(),
      reason: "manual",
      evidence: 0,
      firstMs,
      longestMs: firstMs,
    });
  }

  /** Lifts a ban and forgets the source's past; false when there was none. */
  lift(address: string): boolean {
    this.#sources.delete(address);
    return this.#bans.lift(address);
  }

  #standing(address: string): Standing {
    const remembered = this.#standings.get(address);
    if (remembered) return remembered;
    const key = this.#key(address);
    const standing = { key, exempt: this.#isExempt(address), known: this.#isProtected(key) };
    if (this.#standings.size >= MOST_STANDINGS) this.#standings.clear();
    this.#standings.set(address, standing);
    return standing;
  }

  /** A /64 that holds one of our own phones is looked at address by address. */
  #key(address: string): string {
    const key = sourceKey(address);
    return key !== address && this.#protected.has(key) ? address : key;
  }

  #isProtected(key: string): boolean {
    return this.#protected.has(key) || this.#protectedNetworks.has(key.replace(/\/64$/, ""));
  }

  #isExempt(address: string): boolean {
    return this.#exempt.has(address) || this.#allowed.has(address);
  }

  #isBanned(address: string, key: string, now: number): boolean {
    if (this.#bans.size === 0) return false;
    return this.#bans.holds(key, now) || (key !== address && this.#bans.holds(address, now));
  }

  #drop(): false {
    this.#counts.dropped++;
    return false;
  }

  /** Dropped to slow it down; whoever only sends the faster is counting towards a ban. */
  #slow(key: string, source: Source): false {
    this.#counts.slowed++;
    this.#blame(key, source, 0.1, "guessing");
    return false;
  }

  #leak(): number {
    return this.options.failures / this.options.windowMs;
  }

  #limit(source: Source, now: number): number {
    if (this.#isTrusted(source, now)) return this.options.failures * TRUST_FACTOR;
    return this.options.failures * (source.tool ? TOOL_FACTOR : 1);
  }

  #isTrusted(source: Source | undefined, now: number): boolean {
    return source !== undefined && source.provenAt > 0 && now - source.provenAt < TRUST_MS;
  }

  #overdue(key: string, source: Source): void {
    const overdue = sweepNames.overdue(source, this.now());
    if (overdue > 0) this.#blame(key, source, overdue, "scanning");
  }

  #blame(key: string, source: Source, weight: number, reason: BanReason): void {
    if (weight === 0) return;
    const now = this.now();
    // What was under way when the ban came (connections, answers of the app) is no new offence.
    if (this.#bans.holds(key, now)) return;
    source.seen += weight;
    if (weight >= 1) source.worst = reason;
    const failures = source.failures.add(weight, now, this.#leak());
    if (failures >= this.#limit(source, now)) this.#punish(key, source, source.worst, source.seen);
  }

  #punish(key: string, source: Source, reason: BanReason, evidence: number): void {
    if (this.#isProtected(key)) return;
    const { banMs, forgeableBanMs } = this.options;
    this.#bans.add(key, {
      now: this.now(),
      reason,
      evidence: Math.round(evidence),
      firstMs: banMs,
      longestMs: source.solid ? DAY_MS : forgeableBanMs,
    });
    this.#counts.banned++;
    // After the ban it starts anew; only the number of bans is remembered.
    this.#sources.delete(key);
  }
}

/** A copy where it is too long: a part of a text holds on to all of it. */
function shortened(user: string): string {
  return user.length <= MOST_USER ? user : Buffer.from(user.slice(0, MOST_USER)).toString();
}

/** What a final answer says against its sender. */
export function weightOf(method: string, status: number): number {
  if (status === 404 || status === 484)
    return method === "REGISTER" || method === "OPTIONS" || method === "INVITE" ? 1 : 0;
  if (status === 400 || status === 403 || status === 405 || status === 501) return 1;
  // Requests in dialogs that do not exist: honest after a restart, a way round the limits in a flood.
  return status === 481 ? 0.2 : 0;
}
