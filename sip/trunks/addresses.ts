/** The addresses a carrier is recognised by: those configured, those its names lead to, those that answered us. */
import { isIP } from "node:net";
import type { TrunkConfig } from "../directory.ts";
import { AddressSet, plainAddress } from "../srf/network.ts";
import { type HostResolver, hostOf } from "./resolve.ts";

type Names = Pick<TrunkConfig, "host" | "outboundProxy" | "transport" | "allowedAddresses">;

/** Answering addresses known at a time; the latest. */
const MAX_HEARD = 16;
/** An address is known this much longer than its answer holds: carriers move on before their calls do, ms. */
const LINGER_MS = 600_000;

export class CarrierAddresses {
  readonly #names: Names;
  readonly #resolve: HostResolver;
  readonly #now: () => number;
  #set: AddressSet;
  #found: readonly string[] = [];
  /** Until when, UTC ms, by address. */
  readonly #heard = new Map<string, number>();

  /** @param now UTC ms */
  constructor(names: Names, resolve: HostResolver, now: () => number) {
    this.#names = names;
    this.#resolve = resolve;
    this.#now = now;
    this.#set = new AddressSet([hostOf(names.host), ...names.allowedAddresses]);
  }

  /** What its names were looked up to last. */
  get found(): readonly string[] {
    return this.#found;
  }

  /** Addresses and networks, without repetition. */
  get entries(): readonly string[] {
    const now = this.#now();
    const heard = [...this.#heard].flatMap(([address, until]) => (until > now ? [address] : []));
    return [...new Set([...this.#set.entries, ...heard])];
  }

  has(address: string): boolean {
    return this.#set.has(address) || (this.#heard.get(plainAddress(address)) ?? 0) > this.#now();
  }

  /**
   * It answered a request of ours with success: calls from there are the carrier's, also when the name leads elsewhere
   * by now. Only for answers to our own requests.
   * @param until UTC ms the answer holds
   */
  heard(source: string, until: number): void {
    const address = plainAddress(source);
    if (isIP(address) === 0) return;
    this.#heard.delete(address);
    this.#heard.set(address, until + LINGER_MS);
    for (const [known, end] of this.#heard)
      if (end <= this.#now() || this.#heard.size > MAX_HEARD) this.#heard.delete(known);
  }

  /** Looks the names up again; when nothing is found, what is known stays. */
  async lookUp(): Promise<void> {
    const { host, outboundProxy, transport, allowedAddresses } = this.#names;
    const literal = new AddressSet(allowedAddresses);
    const names = [hostOf(host), hostOf(outboundProxy), ...literal.invalid.map(hostOf)].filter(
      (name) => name !== "",
    );
    const found = (await Promise.all(names.map((name) => this.#resolve(name, transport)))).flat();
    if (found.length === 0) return;
    this.#found = found;
    this.#set = new AddressSet([...found, ...allowedAddresses]);
  }
}
