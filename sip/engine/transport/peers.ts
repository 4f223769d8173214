/** The UDP peers met lately, one object each: a message costs no new ones, and what is known of a peer can hang on it. */
import type { SipPeer } from "../message/model.ts";

/** Peers held at most; forged sources must not fill the memory. */
const MOST = 8192;

export class PeerTable {
  readonly #byPort = new Map<number, Map<string, SipPeer>>();
  #size = 0;

  /** @param flow of the socket they are met at. */
  constructor(private readonly flow: string) {}

  get size(): number {
    return this.#size;
  }

  /** `address`: plain. */
  of(address: string, port: number): SipPeer {
    const known = this.#byPort.get(port)?.get(address);
    if (known) return known;
    const peer: SipPeer = { protocol: "udp", address, port, flow: `${this.flow}/${port}/${address}` };
    if (this.#size >= MOST) {
      this.#byPort.clear();
      this.#size = 0;
    }
    this.#size++;
    const there = this.#byPort.get(port);
    if (there) there.set(address, peer);
    else this.#byPort.set(port, new Map([[address, peer]]));
    return peer;
  }
}
