/** Addresses and ranges: who is on the office LAN, which source is which trunk. */
import { BlockList, isIP } from "node:net";
import { escapeUser } from "../engine/message/uri.ts";

/** RFC 1918, RFC 6598, loopback, link-local, unique local IPv6. */
export const PRIVATE_RANGES: readonly string[] = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "127.0.0.0/8",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
];

/** "::ffff:1.2.3.4", "[::1]" and zone ids to the plain address. */
export function plainAddress(address: string): string {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
}

/** A set of addresses and CIDRs; texts that are neither are left out (and given back in `invalid`). */
export class AddressSet {
  readonly #list = new BlockList();
  readonly invalid: readonly string[];
  /** What it was made of, without what is invalid. */
  readonly entries: readonly string[];

  constructor(entries: readonly string[]) {
    this.invalid = entries.filter((entry) => !this.#add(entry.trim()));
    this.entries = entries.filter((entry) => !this.invalid.includes(entry)).map((entry) => entry.trim());
  }

  has(address: string): boolean {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 6 ? "ipv6" : "ipv4");
  }

  #add(entry: string): boolean {
    const [base = "", bits] = entry.split("/");
    const address = plainAddress(base);
    const family = isIP(address);
    if (family === 0) return false;
    const kind = family === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) {
      this.#list.addAddress(address, kind);
      return true;
    }
    const prefix = Number(bits);
    if (!/^\d{1,3}$/.test(bits) || prefix > (family === 6 ? 128 : 32)) return false;
    this.#list.addSubnet(address, prefix, kind);
    return true;
  }
}

/** "udp:192.168.1.20:5060" (IPv6 in brackets): how a device's source is kept. */
export function formatSource(source: { protocol: string; address: string; port: number }): string {
  const address = plainAddress(source.address);
  return `${source.protocol}:${address.includes(":") ? `[${address}]` : address}:${source.port}`;
}

/**
 * The next hop that reaches such a source: "sip:192.168.1.20:5060;transport=udp". Undefined for connections: the
 * engine keeps the one a device registered over and finds it by the device's Contact and the To, see `deviceTo` (RFC 5626).
 */
export function sourceUri(source: string): string | undefined {
  const cut = source.indexOf(":");
  const protocol = source.slice(0, cut);
  return protocol === "udp" ? `sip:${source.slice(cut + 1)};transport=udp` : undefined;
}

/** The next hop as a part of request options; empty for connections. */
export function hop(source: string): { proxy?: string } {
  const proxy = sourceUri(source);
  return proxy === undefined ? {} : { proxy };
}

/**
 * The To of a request to a device: its extension at our own address. Over connections it says whose device is meant, for
 * a Contact is only what a device says of itself and another may have registered the same.
 */
export function deviceTo(row: { readonly number: string }): string {
  return `<sip:${escapeUser(row.number)}@localhost>`;
}

/** The way to a device: along the Path of its REGISTER (RFC 3327), else straight to where it came from. */
export function deviceHop(row: { readonly source: string; readonly path?: readonly string[] }): {
  proxy?: string;
  headers?: Record<string, readonly string[]>;
} {
  const first = row.path?.[0];
  if (row.path === undefined || first === undefined) return hop(row.source);
  return { proxy: first.replace(/^<|>$/g, ""), headers: { Route: row.path } };
}
