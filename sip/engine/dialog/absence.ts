/**
 * Apps that went away and may return. One that named itself by tags is known again by them: its calls live on, and it
 * hears what came meanwhile. One without tags has no name, so its calls are released when its grace time is over.
 */
import type { AppPort } from "./model.ts";

/** Messages kept for an app on its way back; more than that is no short absence. */
const MAX_KEPT = 1_000;

export class Absences {
  readonly #away = new Map<AppPort, ((port: AppPort) => void)[]>();
  readonly #heirs = new WeakMap<AppPort, AppPort>();

  /** The connection that speaks for an app now. */
  portOf(port: AppPort): AppPort {
    let now = port;
    for (let next = this.#heirs.get(now); next; next = this.#heirs.get(now)) now = next;
    return now;
  }

  /** Whether two connections are the same app. */
  same(one: AppPort, other: AppPort): boolean {
    return one === other || this.portOf(one) === this.portOf(other);
  }

  /** Whether the app is gone but expected back. */
  away(port: AppPort): boolean {
    return this.#away.has(this.portOf(port));
  }

  /** Whether what is sent to the app gets there, now or on its return. */
  reachable(port: AppPort): boolean {
    const now = this.portOf(port);
    return now.connected || this.#away.has(now);
  }

  /** A connection ended; true when its app is expected back. */
  leave(port: AppPort): boolean {
    if ((port.tags ?? []).length === 0) return false;
    this.#away.set(port, []);
    return true;
  }

  /** The grace time of a connection is over; true when its app has not come back. */
  over(port: AppPort): boolean {
    this.#away.delete(port);
    return !this.#heirs.has(port);
  }

  /** Hands something to the app, or keeps it for its return. */
  deliver(port: AppPort, send: (port: AppPort) => void): void {
    const now = this.portOf(port);
    const kept = this.#away.get(now);
    if (!kept) send(now);
    else if (kept.length < MAX_KEPT) kept.push(send);
  }

  /** A new connection: of the apps that are away the one with its tags, the longest gone first, goes on as this one. */
  arrive(port: AppPort): void {
    const name = nameOf(port);
    if (name === "") return;
    for (const [gone, kept] of this.#away) {
      if (nameOf(gone) !== name) continue;
      this.#away.delete(gone);
      this.#heirs.set(gone, port);
      for (const send of kept) send(port);
      return;
    }
  }
}

function nameOf(port: AppPort): string {
  return [...(port.tags ?? [])].sort().join(",");
}
