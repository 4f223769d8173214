/** Addresses as the defence counts them: single ones, networks, and IPv6 by /64 (one household, RFC 6177). */
import { isIP } from "node:net";

interface Network {
  readonly groups: readonly number[];
  readonly bits: number;
}

/** IPv4 as 2 groups of 16 bits, IPv6 as 8; undefined for anything else. */
function groupsOf(address: string): number[] | undefined {
  const family = isIP(address);
  if (family === 4) {
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  }
  if (family !== 6) return undefined;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const pair = (high: string | undefined, low: string | undefined) =>
    (Number(high) * 256 + Number(low)).toString(16);
  const text = dotted
    ? `${dotted[1]}${pair(dotted[2], dotted[3])}:${pair(dotted[4], dotted[5])}`
    : address.replace(/%.*$/, "");
  const [head = "", tail] = text.split("::");
  const read = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const first = read(head);
  if (tail === undefined) return first;
  const last = read(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** "::ffff:1.2.3.4" is 1.2.3.4; brackets and zones are left out. */
function bare(address: string): string {
  const plain = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain;
}

function parseNetwork(entry: string): Network | undefined {
  const [base = "", bits, more] = entry.trim().split("/");
  const groups = groupsOf(bare(base));
  if (groups === undefined || more !== undefined) return undefined;
  const width = groups.length * 16;
  if (bits === undefined) return { groups, bits: width };
  return /^\d{1,3}$/.test(bits) && Number(bits) <= width ? { groups, bits: Number(bits) } : undefined;
}

/** An address or a network (a.b.c.d/n, x::/n). */
export function isNetwork(entry: string): boolean {
  return parseNetwork(entry) !== undefined;
}

function covers(network: Network, groups: readonly number[]): boolean {
  if (network.groups.length !== groups.length) return false;
  for (let index = 0, left = network.bits; left > 0; index++, left -= 16) {
    const shift = Math.max(0, 16 - left);
    if ((network.groups[index] ?? 0) >> shift !== (groups[index] ?? 0) >> shift) return false;
  }
  return true;
}

/** A set of addresses and networks; entries that are neither are left out. */
export class Networks {
  readonly #exact = new Set<string>();
  readonly #networks: Network[] = [];

  constructor(entries: readonly string[] = []) {
    for (const entry of entries) this.add(entry);
  }

  add(entry: string): boolean {
    const network = parseNetwork(entry);
    if (network === undefined) return false;
    if (entry.includes("/")) this.#networks.push(network);
    else this.#exact.add(bare(entry.trim()));
    return true;
  }

  has(address: string): boolean {
    const plain = bare(address);
    if (this.#exact.has(plain)) return true;
    if (this.#networks.length === 0) return false;
    const groups = groupsOf(plain);
    return groups !== undefined && this.#networks.some((network) => covers(network, groups));
  }
}

/**
 * The name a source is counted under. A global IPv6 address counts as its /64: whoever holds one address of it holds
 * all. On a LAN (link-local, unique local) a /64 is the whole office, so each address stands for itself.
 */
export function sourceKey(address: string): string {
  const plain = bare(address);
  if (!plain.includes(":")) return plain;
  const groups = groupsOf(plain);
  const [first = 0, second = 0, third = 0, fourth = 0] = groups ?? [];
  if (groups === undefined || first < 0x2000 || first > 0x3fff) return plain;
  return `${[first, second, third, fourth].map((group) => group.toString(16)).join(":")}::/64`;
}
