/**
 * Bans in the kernel: a table of our own with two sets whose elements time out. Optional: it needs nft and the right to
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

/** The table, empty; whatever a killed run has left is taken away first. */
export function setUpScript(table: string, ports: readonly number[]): string {
  const list = [...new Set(ports)].sort((a, b) => a - b).join(", ");
  return [
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `add table inet ${table}`,
    `add set inet ${table} banned4 { type ipv4_addr; flags interval, timeout; }`,
    `add set inet ${table} banned6 { type ipv6_addr; flags interval, timeout; }`,
    `add chain inet ${table} input { type filter hook input priority -5; policy accept; }`,
    ...["ip saddr @banned4", "ip6 saddr @banned6"].flatMap((source) =>
      ["udp", "tcp"].map(
        (protocol) => `add rule inet ${table} input ${source} ${protocol} dport { ${list} } drop`,
      ),
    ),
    "",
  ].join("\n");
}

function setOf(address: string): string {
  return address.includes(":") ? "banned6" : "banned4";
}

/** What makes the kernel's sets (`held`: address → until) those of `bans`; "" when nothing is to do. */
export function changeScript(
  table: string,
  held: ReadonlyMap<string, number>,
  bans: readonly Ban[],
  now: number,
): string {
  const wanted = new Map(bans.filter((ban) => ban.until > now).map((ban) => [ban.address, ban.until]));
  const lines: string[] = [];
  const element = (verb: string, address: string, more = "") =>
    lines.push(`${verb} element inet ${table} ${setOf(address)} { ${address}${more} }`);
  for (const [address, until] of held) {
    if (wanted.get(address) === until || until <= now) continue;
    // Added first: an element that timed out this very moment must not make the whole change fail.
    element("add", address);
    element("delete", address);
  }
  for (const [address, until] of wanted)
    if (held.get(address) !== until) element("add", address, ` timeout ${Math.ceil((until - now) / 1000)}s`);
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** The reason behind a failed run of nft. */
export function problemOf(error: string): FirewallProblem {
  if (/ENOENT|not found in \$PATH|executable not found/i.test(error)) return "not-installed";
  return /not permitted|permission denied|must be root/i.test(error) ? "not-permitted" : "failed";
}

export class Firewall {
  readonly #options: Required<FirewallOptions>;
  #held = new Map<string, number>();
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
    const script = changeScript(this.#options.table, this.#held, bans, now);
    if (script === "" || (await this.#run(script)))
      this.#held = new Map(bans.filter((ban) => ban.until > now).map((ban) => [ban.address, ban.until]));
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
