/**
 * How many connections one address keeps open to the pages between its requests. Whoever opens more is asked to close
 * each after its answer: the system's files are there for the phones too.
 */

/** Connections that are kept of one address: some hundred browsers behind one proxy. */
const MOST_KEPT = 1_000;
/** Connections remembered in all. */
const MOST_REMEMBERED = 50_000;

export class Crowd {
  readonly #seen = new Map<string, Map<number, number>>();
  readonly #idleMs: number;
  readonly #most: number;
  #size = 0;

  /** `idleMs`: how long the web server keeps a connection on which nothing happens. */
  constructor(idleMs: number, most = MOST_KEPT) {
    this.#idleMs = idleMs;
    this.#most = most;
  }

  /** Takes a request down; false when its connection is one too many. `now` in ms. */
  keeps(address: string, port: number, now: number): boolean {
    const ports = this.#seen.get(address) ?? new Map<number, number>();
    if (ports.delete(port)) this.#size--;
    else if (ports.size >= this.#most) this.#forget(ports, now);
    if (ports.size >= this.#most) return false;
    if (this.#size >= MOST_REMEMBERED) this.#clear();
    this.#seen.set(address, ports.set(port, now));
    this.#size++;
    return true;
  }

  /** Oldest first, as each use puts a connection at the end. */
  #forget(ports: Map<number, number>, now: number): void {
    for (const [port, at] of ports) {
      if (now - at < this.#idleMs) return;
      ports.delete(port);
      this.#size--;
    }
  }

  #clear(): void {
    this.#seen.clear();
    this.#size = 0;
  }
}
