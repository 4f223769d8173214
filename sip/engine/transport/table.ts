/** The open connections: found by flow and by peer, bounded in all and per source, swept of the idle and the stuck. */
import { type Connection, connectionKey, type WaitingBytes } from "./connection.ts";
import type { Settings } from "./options.ts";

/** A peer that does not close its side is cut after this time, ms. */
const LINGER_MS = 5_000;
/** A connection of a registration of ours without a byte for this long is sent a keep-alive (RFC 5626 §3.5.1), ms. */
const PING_MS = 60_000;
/** It is given up when no message came for longer than any registration lasts, ms. */
const KEPT_MS = 90_000_000;
const PING = Buffer.from("\r\n\r\n");

export class ConnectionTable {
  readonly bounds: { readonly maxPendingBytes: number; readonly waiting: WaitingBytes };
  readonly #settings: Settings;
  readonly #byFlow = new Map<string, Connection>();
  readonly #byKey = new Map<string, Connection>();
  readonly #perAddress = new Map<string, number>();

  constructor(settings: Settings) {
    this.#settings = settings;
    const { maxPendingBytes, maxWaitingBytes: limit } = settings;
    this.bounds = { maxPendingBytes, waiting: { bytes: 0, limit } };
  }

  get size(): number {
    return this.#byFlow.size;
  }

  /** Whether one more from that source is within the bounds. */
  hasRoom(address: string): boolean {
    const { maxConnections, maxPerAddress } = this.#settings;
    return this.size < maxConnections && (this.#perAddress.get(address) ?? 0) < maxPerAddress;
  }

  add(connection: Connection): void {
    const { address, flow } = connection.peer;
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    this.#byFlow.set(flow, connection);
    this.#byKey.set(connection.key, connection);
  }

  /** False when it was not there. */
  remove(connection: Connection): boolean {
    connection.release();
    const { address, flow } = connection.peer;
    if (!this.#byFlow.delete(flow)) return false;
    for (const key of [connection.key, connection.namedKey ?? ""]) {
      if (this.#byKey.get(key) === connection) this.#byKey.delete(key);
    }
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
    return true;
  }

  /** Also finds a connection we opened by the name its server was certified under. */
  name(connection: Connection, key: string): void {
    connection.namedKey = key;
    this.#byKey.set(key, connection);
  }

  byFlow(flow: string): Connection | undefined {
    return this.#byFlow.get(flow);
  }

  /** One that can still be written to. */
  byKey(key: string): Connection | undefined {
    const found = this.#byKey.get(key);
    return found && !found.closed && found.endingSince === 0 ? found : undefined;
  }

  /**
   * Ends what is unfinished, stuck, idle, or of a stranger, and keeps those of our registrations open; `slow` is told of
   * messages that never ended.
   */
  sweep(now: number, slow: (connection: Connection) => void): void {
    const { messageTimeoutMs, idleMs, strangerIdleMs } = this.#settings;
    for (const connection of [...this.#byFlow.values()]) {
      const { unfinishedSince, endingSince, proven } = connection;
      if (unfinishedSince > 0 && now - unfinishedSince > messageTimeoutMs) {
        slow(connection);
        connection.terminate();
      } else if (endingSince > 0 && now - endingSince > LINGER_MS) connection.terminate();
      else if (connection.kept && now - connection.lastMessage <= KEPT_MS) {
        // No answer to it is asked for: many servers give none. The system finds out when nobody is there any more.
        if (now - connection.lastUsed > PING_MS) connection.send(PING);
      } else if (!proven && now - connection.lastMessage > strangerIdleMs) connection.end();
      else if (now - connection.lastUsed > idleMs) connection.end();
    }
  }

  /** Cuts all of them. */
  clear(): void {
    for (const connection of [...this.#byFlow.values()]) connection.terminate();
    this.#byFlow.clear();
    this.#byKey.clear();
    this.#perAddress.clear();
  }
}

/** The key of connections to a server; one certified under one name is not yet trusted under another. */
export function keyOf(
  target: { protocol: Connection["peer"]["protocol"]; address: string; port: number },
  name: string | undefined,
): string {
  const plain = connectionKey(target.protocol, target.address, target.port);
  return name === undefined ? plain : `${plain}/${name}`;
}
