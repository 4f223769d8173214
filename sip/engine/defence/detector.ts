import type { TransportProtocol } from "../message/model.ts";

export interface DefenceOptions {
  readonly enabled: boolean;
  /** Addresses and IPv4 networks (a.b.c.d/n) that are never banned. */
  readonly allow: readonly string[];
  /** Requests a second and burst from one source before they are dropped in silence. */
  readonly rate: number;
  readonly burst: number;
  /** Failures (guesses, unknown names, refused methods) in `windowMs` that make a ban. */
  readonly failures: number;
  readonly windowMs: number;
  /** First ban, ms; doubles with each further one, up to a day. */
  readonly banMs: number;
}

export const DEFENCE_DEFAULTS: DefenceOptions = {
  enabled: true,
  allow: ["127.0.0.0/8", "::1"],
  rate: 200,
  burst: 800,
  failures: 20,
  windowMs: 60_000,
  banMs: 600_000,
};

export interface Ban {
  readonly address: string;
  /** UTC ms. */
  readonly since: number;
  readonly until: number;
  readonly reason: "guessing" | "scanning" | "flood";
}

interface Source {
  tokens: number;
  refilled: number;
  failures: number;
  windowEnds: number;
  /** Challenges not yet answered well. */
  challenged: number;
  bans: number;
  lastGood: number;
  dropped: number;
}

const DAY = 86_400_000;
const MAX_SOURCES = 100_000;
/** A source with a registered phone is trusted this long: one wrong password must not lock out an office. */
const TRUST_MS = 3_600_000;

/**
 * Tells attackers by what they do: how fast they ask and how often they fail. A 401 counts as nothing: only a request
 * with credentials that is refused again, or a refused name, is a failure; a good answer clears the slate.
 */
export class Detector {
  private readonly sources = new Map<string, Source>();
  private readonly bans = new Map<string, Ban>();
  private readonly exact = new Set<string>();
  private readonly networks: { base: number; mask: number }[] = [];
  dropped = 0;

  constructor(
    private readonly options: DefenceOptions,
    private readonly now: () => number = Date.now,
  ) {
    for (const entry of options.allow) this.allow(entry);
  }

  /** Never ban this address or IPv4 network. */
  allow(entry: string): void {
    const [address = "", bits] = entry.split("/");
    const base = ipv4(address);
    if (bits === undefined || base === undefined) {
      this.exact.add(address);
      return;
    }
    const width = Math.min(32, Math.max(0, Number(bits)));
    const mask = width === 0 ? 0 : (0xffffffff << (32 - width)) >>> 0;
    this.networks.push({ base: (base & mask) >>> 0, mask });
  }

  /** Asked for each datagram or connection before anything is read. False: drop without a word. */
  admit(address: string, _protocol: TransportProtocol): boolean {
    if (!this.options.enabled) return true;
    if (this.bans.size > 0 && this.isBanned(address)) {
      this.dropped++;
      return false;
    }
    if (this.isAllowed(address)) return true;
    const source = this.source(address);
    const now = this.now();
    source.tokens = Math.min(
      this.options.burst,
      source.tokens + ((now - source.refilled) / 1000) * this.options.rate,
    );
    source.refilled = now;
    if (source.tokens >= 1) {
      source.tokens--;
      return true;
    }
    this.dropped++;
    source.dropped++;
    // Dropping is enough against a burst; only one that goes on for long is banned.
    if (source.dropped > this.options.burst * 10) {
      source.dropped = 0;
      this.ban(address, "flood");
    }
    return false;
  }

  /** What a request from that source came to. `credentials`: it carried an Authorization. */
  outcome(address: string, method: string, status: number, credentials: boolean): void {
    if (!this.options.enabled || this.isAllowed(address)) return;
    const source = this.source(address);
    const now = this.now();
    if (status >= 200 && status < 300) {
      if (credentials || method === "REGISTER") {
        source.lastGood = now;
        source.failures = 0;
        source.challenged = 0;
      }
      return;
    }
    const weight = this.weightOf(method, status, credentials, source);
    if (weight === 0) return;
    if (now > source.windowEnds) {
      source.failures = 0;
      source.windowEnds = now + this.options.windowMs;
    }
    source.failures += weight;
    const trusted = now - source.lastGood < TRUST_MS && source.lastGood > 0;
    if (source.failures < this.options.failures * (trusted ? 10 : 1)) return;
    source.failures = 0;
    this.ban(address, credentials ? "guessing" : "scanning");
  }

  /** Unreadable traffic is worth a little. */
  rejected(address: string): void {
    this.outcome(address, "", 400, false);
  }

  list(): Ban[] {
    this.expire();
    return [...this.bans.values()];
  }

  /** Lifts a ban and forgets the source's past; false when there was none. */
  lift(address: string): boolean {
    this.sources.delete(address);
    return this.bans.delete(address);
  }

  private weightOf(method: string, status: number, credentials: boolean, source: Source): number {
    if (status === 401 || status === 407) {
      if (credentials) return 1;
      // A challenge is no failure, but hundreds that nobody ever answers are a sweep.
      source.challenged++;
      return source.challenged > 10 ? 1 : 0;
    }
    if (status === 403) return credentials ? 2 : 1;
    if (status === 404) return method === "REGISTER" || method === "OPTIONS" || method === "INVITE" ? 1 : 0;
    if (status === 400 || status === 405 || status === 501) return 1;
    return 0;
  }

  private ban(address: string, reason: Ban["reason"]): void {
    const source = this.source(address);
    const now = this.now();
    const lasts = Math.min(DAY, this.options.banMs * 2 ** Math.min(source.bans, 10));
    source.bans++;
    this.bans.set(address, { address, since: now, until: now + lasts, reason });
  }

  private isBanned(address: string): boolean {
    const ban = this.bans.get(address);
    if (!ban) return false;
    if (ban.until > this.now()) return true;
    this.bans.delete(address);
    return false;
  }

  private isAllowed(address: string): boolean {
    if (this.exact.has(address)) return true;
    if (this.networks.length === 0) return false;
    const value = ipv4(address);
    return value !== undefined && this.networks.some((net) => (value & net.mask) >>> 0 === net.base);
  }

  private source(address: string): Source {
    const known = this.sources.get(address);
    if (known) return known;
    // Forged sources must not fill the memory: the oldest goes.
    if (this.sources.size >= MAX_SOURCES) {
      const [oldest] = this.sources.keys();
      if (oldest !== undefined) this.sources.delete(oldest);
    }
    const source: Source = {
      tokens: this.options.burst,
      refilled: this.now(),
      failures: 0,
      windowEnds: 0,
      challenged: 0,
      bans: 0,
      lastGood: 0,
      dropped: 0,
    };
    this.sources.set(address, source);
    return source;
  }

  private expire(): void {
    for (const [address, ban] of this.bans) if (ban.until <= this.now()) this.bans.delete(address);
  }
}

function ipv4(text: string): number | undefined {
  const parts = text.replace(/^::ffff:/, "").split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    const byte = Number(part);
    if (!Number.isInteger(byte) || byte < 0 || byte > 255 || part === "") return undefined;
    value = value * 256 + byte;
  }
  return value;
}
