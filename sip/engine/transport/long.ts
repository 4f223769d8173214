/**
 * Long requests to UDP peers: by TCP where the peer takes it (RFC 3261 §18.1.1). The top Via of a request says how it
 * went; what copies that Via, its CANCEL and the ACK of a refusal, goes the same way (§9.1, §17.1.1.3).
 */
import { serializeMessage, setTopVia, topVia } from "../message/index.ts";
import type { SipPeer, SipRequest } from "../message/model.ts";
import type { Connection } from "./connection.ts";
import { plainAddress } from "./local.ts";
import type { SendTarget, TransportLayer } from "./model.ts";
import type { Settings } from "./options.ts";

type Address = Extract<SendTarget, { by: "address" }>;

const MOST_REMEMBERED = 1_000;

/** What it asks of the layer. */
export interface LongParts {
  readonly settings: Pick<Settings, "udpLimit" | "longWaitMs" | "longAskMs">;
  readonly localFor: TransportLayer["localFor"];
  /** Opens a connection or finds the open one. */
  connection(target: Address): Connection | Promise<Connection>;
  /** Sends by UDP. */
  datagram(request: SipRequest, target: Address): SipPeer;
}

export class LongRequests {
  /** When a peer that took no TCP may be asked again, by destination. */
  readonly #without = new Map<string, number>();
  /** Requests that wait for a connection. */
  readonly #waiting = new WeakMap<SipRequest, Promise<SipPeer>>();
  /** The connection a request was written to. */
  readonly #written = new WeakMap<SipRequest, Connection>();
  /** Long ones that went by UDP, where their repeats go too. */
  readonly #byUdp = new WeakSet<SipRequest>();

  constructor(private readonly parts: LongParts) {}

  /** Sends a request of so many bytes; undefined when it is to go by UDP as any other. */
  send(request: SipRequest, bytes: number, target: Address): Promise<SipPeer> | undefined {
    const waiting = this.#waiting.get(request);
    if (waiting) return waiting;
    const turned = topVia(request)?.transport === "TCP";
    if (!turned && (bytes <= this.parts.settings.udpLimit || this.#byUdp.has(request))) return undefined;
    if (!turned && !this.parts.localFor("tcp", target.address)) return undefined;
    const sending = this.#send(request, target).finally(() => this.#waiting.delete(request));
    this.#waiting.set(request, sending);
    return sending;
  }

  /** Whether a request waits for its connection or was written to one that is open: then a repeat is of no use. */
  holds(request: SipRequest): boolean {
    return this.#waiting.has(request) || this.#written.get(request)?.closed === false;
  }

  /** A TCP connection with that peer is open: it takes TCP after all. */
  opened(peer: { readonly address: string; readonly port: number }): void {
    this.#without.delete(keyOf(peer));
  }

  async #send(request: SipRequest, target: Address): Promise<SipPeer> {
    // One that broke without an answer is not tried twice.
    const broke = this.#written.get(request)?.closed;
    const connection = broke ? undefined : await this.#connection(target);
    if (connection) {
      this.#stamp(request, "tcp", target);
      if (connection.send(serializeMessage(request))) {
        this.#written.set(request, connection);
        return connection.peer;
      }
    }
    this.#byUdp.add(request);
    this.#stamp(request, "udp", target);
    return this.parts.datagram(request, target);
  }

  /** Undefined when the peer takes no TCP, as far as is known or can be found out within the time there is. */
  async #connection(target: Address): Promise<Connection | undefined> {
    const key = keyOf(target);
    const askAt = this.#without.get(key);
    if (askAt !== undefined && askAt > performance.now()) return undefined;
    const found = this.parts.connection({ ...target, protocol: "tcp" });
    if (!(found instanceof Promise)) return found;
    // Asked before in vain: this time nobody waits for it.
    const waitMs = askAt === undefined ? this.parts.settings.longWaitMs : 0;
    const connection = await within(found, waitMs);
    if (!connection) this.#remember(key);
    return connection;
  }

  #remember(key: string): void {
    if (this.#without.size >= MOST_REMEMBERED) this.#without.clear();
    this.#without.set(key, performance.now() + this.parts.settings.longAskMs);
  }

  /** Makes the top Via say the way; copies of the request already handed on stay as they are. */
  #stamp(request: SipRequest, protocol: "tcp" | "udp", target: Address): void {
    const via = topVia(request);
    const local = this.parts.localFor(protocol, target.address);
    const transport = protocol.toUpperCase();
    if (via && local && via.transport !== transport)
      setTopVia(request, { ...via, transport, port: local.port });
  }
}

/** The connection, if it comes about in time; it may still do so later. */
function within(dial: Promise<Connection>, ms: number): Promise<Connection | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    const done = (connection?: Connection) => {
      clearTimeout(timer);
      resolve(connection);
    };
    dial.then(done, () => done());
  });
}

function keyOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${plainAddress(address)}/${port}`;
}
