/**
 * Bans in the kernel: a table of our own with sets whose elements time out. Optional: it needs nft and the right to
 * change the firewall (root or CAP_NET_ADMIN). Only the SIP ports are closed: a forged ban must not cut off a server.
 */
import type { Ban } from "./model.ts";

export interface FirewallOptions {
  /** The program, with arguments before ours if need be. */
  readonly command: readonly string[];
  /** Ports that are closed to banned sources. */
  readonly ports: readonly number[];
  readonly table?: string;
  readonly now?: () => number;
}

export type FirewallProblem = "not-installed" | "not-permitted" | "failed";

export interface FirewallState {
  readonly on: boolean;
  /** Addresses the kernel drops now. */
  readonly held: number;
  readonly problem: FirewallProblem | null;
  /** What nft said, one line. */
  readonly detail: string;
}

const TABLE = "zongji";
/**
 * Name, type, flags and what is looked up. Networks stand apart: in one set an address and the network around it are in
 * conflict, and nft refuses the whole change.
 */
const SETS = [
  ["banned4", "ipv4_addr", "timeout", "ip"],
  ["banned6", "ipv6_addr", "timeout", "ip6"],
  ["networks4", "ipv4_addr", "interval, timeout", "ip"],
  ["networks6", "ipv6_addr", "interval, timeout", "ip6"],
] as const;
/** Runs of nft to find what it refuses in one change. */
const MOST_TRIES = 60;

/** The table, empty; whatever a killed run has left is taken away first. */
export function setUpScript(table: string, ports: readonly number[]): string {
  const list = [...new Set(ports)].sort((a, b) => a - b).join(", ");
  return [
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `add table inet ${table}`,
    ...SETS.map(([set, type, flags]) => `add set inet ${table} ${set} { type ${type}; flags ${flags}; }`),
    `add chain inet ${table} input { type filter hook input priority -5; policy accept; }`,
    ...SETS.flatMap(([set, , , source]) =>
      ["udp", "tcp"].map(
        (protocol) =>
          `add rule inet ${table} input ${source} saddr @${set} ${protocol} dport { ${list} } drop`,
      ),
    ),
    "",
  ].join("\n");
}

function setOf(address: string): string {
  return `${address.includes("/") ? "networks" : "banned"}${address.includes(":") ? 6 : 4}`;
}

/** What one address needs; the lines belong together. */
export interface Change {
  readonly address: string;
  /** UTC ms; undefined: it is no longer banned. */
  readonly until: number | undefined;
  readonly lines: readonly string[];
}

/** What makes the kernel's sets (`held`: address → until) those of `bans`. */
export function changesFor(
  table: string,
  held: ReadonlyMap<string, number>,
  bans: readonly Ban[],
  now: number,
): Change[] {
  const wanted = new Map(bans.filter((ban) => ban.until > now).map((ban) => [ban.address, ban.until]));
  const element = (verb: string, address: string, more = "") =>
    `${verb} element inet ${table} ${setOf(address)} { ${address}${more} }`;
  const changes: Change[] = [];
  for (const address of new Set([...held.keys(), ...wanted.keys()])) {
    const until = wanted.get(address);
    const before = held.get(address);
    const lines: string[] = [];
    // Added first: an element that timed out this very moment must not make the whole change fail.
    if (before !== undefined && before > now && before !== until)
      lines.push(element("add", address), element("delete", address));
    if (until !== undefined && before !== until)
      lines.push(element("add", address, ` timeout ${Math.ceil((until - now) / 1000)}s`));
    if (lines.length > 0) changes.push({ address, until, lines });
  }
  return changes;
}

/** The reason behind a failed run of nft. */
export function problemOf(error: string): FirewallProblem {
  if (/ENOENT|not found in \$PATH|executable not found/i.test(error)) return "not-installed";
  return /not permitted|permission denied|must be root/i.test(error) ? "not-permitted" : "failed";
}

export class Firewall {
  readonly #options: Required<FirewallOptions>;
  readonly #held = new Map<string, number>();
  #on = false;
  #problem: FirewallProblem | null = null;
  #detail = "";
  #work: Promise<void> = Promise.resolve();

  constructor(options: FirewallOptions) {
    this.#options = { table: TABLE, now: Date.now, ...options };
  }

  get state(): FirewallState {
    const now = this.#options.now();
    const held = [...this.#held.values()].filter((until) => until > now).length;
    return { on: this.#on, held, problem: this.#problem, detail: this.#detail };
  }

  /** Makes the table. Never rejects: the state says what is wrong. */
  start(bans: readonly Ban[]): Promise<void> {
    return this.#then(async () => {
      this.#on = await this.#run(setUpScript(this.#options.table, this.#options.ports));
      if (this.#on) await this.#apply(bans);
    });
  }

  /** Takes the bans over; one after the other. */
  sync(bans: readonly Ban[]): Promise<void> {
    return this.#then(() => this.#apply(bans));
  }

  /** Takes the table away. */
  stop(): Promise<void> {
    return this.#then(async () => {
      if (this.#on) await this.#run(`delete table inet ${this.#options.table}\n`);
      this.#on = false;
      this.#held.clear();
    });
  }

  #then(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step);
    return this.#work;
  }

  async #apply(bans: readonly Ban[]): Promise<void> {
    if (!this.#on) return;
    const now = this.#options.now();
    const changes = changesFor(this.#options.table, this.#held, bans, now);
    for (const [address, until] of this.#held) if (until <= now) this.#held.delete(address);
    if (changes.length > 0) await this.#change(changes);
  }

  /**
   * nft takes a change whole or not at all: what it refuses is narrowed down by halves, so that one element keeps back
   * no other. The first trouble met stays in the state; what was not taken is tried again at the next change.
   */
  async #change(all: readonly Change[]): Promise<void> {
    let trouble: { problem: FirewallProblem | null; detail: string } | undefined;
    const waiting = [all];
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const changes = waiting.pop();
      if (changes === undefined) break;
      if (await this.#run(`${changes.flatMap((change) => change.lines).join("\n")}\n`)) {
        for (const { address, until } of changes)
          if (until === undefined) this.#held.delete(address);
          else this.#held.set(address, until);
        continue;
      }
      trouble ??= { problem: this.#problem, detail: this.#detail };
      if (this.#problem !== "failed") break;
      const half = Math.ceil(changes.length / 2);
      if (changes.length > 1) waiting.push(changes.slice(half), changes.slice(0, half));
    }
    this.#problem = trouble?.problem ?? null;
    this.#detail = trouble?.detail ?? "";
  }

  async #run(script: string): Promise<boolean> {
    let said = "";
    try {
      const child = Bun.spawn([...this.#options.command, "-f", "-"], {
        stdin: new TextEncoder().encode(script),
        stdout: "ignore",
        stderr: "pipe",
      });
      const [text, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
      said = code === 0 ? "" : text || `exit code ${code}`;
    } catch (error) {
      said = String(error);
    }
    this.#problem = said === "" ? null : problemOf(said);
    this.#detail = said.trim().split("\n")[0]?.slice(0, 200) ?? "";
    return said === "";
  }
}
