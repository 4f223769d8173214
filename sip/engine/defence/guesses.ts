/**
 * Password guessing as seen by the user it is aimed at. Guesses from many sources slow those sources down, never the
 * user: the flow from which the password was proven goes on unhindered, and a new one always has its first attempts.
 */
import type { Origin } from "./model.ts";
import { Leaky, Recent } from "./recent.ts";

interface Pair {
  /** Attempts since the last proof; counted when they are let in, for their answers may be a while in coming. */
  attempts: number;
  nextAt: number;
}

interface Aim {
  readonly failures: Leaky;
  /** Sources that failed lately; no more than matter are kept. */
  readonly sources: Set<string>;
}

interface Spray {
  /** Users that failed from this source. */
  readonly users: Set<string>;
  /** Attempts whose answer has not come. */
  pending: number;
  nextAt: number;
}

/** Attempts a pair of source and user may make before each further one has to wait. */
const FREE_ATTEMPTS = 5;
const FREE_UNDER_SIEGE = 2;
const WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 60_000;
/** A user is under siege when this many failures within ten minutes came from at least this many sources. */
const SIEGE_FAILURES = 10;
const SIEGE_SOURCES = 3;
const SIEGE_LEAK = SIEGE_FAILURES / 600_000;
/** Several users failed from one source: it tries one password on everybody. */
const SPRAYED_USERS = 8;
/** Attempts of one source on their way to the app: what a branch office makes at the same moment. */
const MOST_PENDING = 64;

export class Guesses {
  readonly #pairs = new Recent<Pair>(20_000, () => ({ attempts: 0, nextAt: 0 }));
  readonly #aims = new Recent<Aim>(5_000, () => ({ failures: new Leaky(), sources: new Set() }));
  readonly #flows = new Recent<{ failures: number }>(20_000, () => ({ failures: 0 }));
  readonly #sprays = new Recent<Spray>(5_000, () => ({ users: new Set(), pending: 0, nextAt: 0 }));

  /** Whether an attempt with credentials may go to the app now. `source`: the key of the origin's address. */
  admits(source: string, origin: Origin, user: string, now: number): boolean {
    const flow = this.#flows.peek(flowKey(origin.address, origin.port, user));
    if (flow && flow.failures <= FREE_ATTEMPTS) return true;
    const spray = this.#sprays.touch(source);
    if (spray.users.size >= SPRAYED_USERS || spray.pending >= MOST_PENDING) {
      if (now < spray.nextAt) return false;
      spray.nextAt = now + WAIT_MS / 2;
      spray.pending = Math.min(spray.pending, MOST_PENDING - 1);
    }
    const pair = this.#pairs.touch(`${source} ${user}`);
    const over = pair.attempts - (this.besieged(user, now) ? FREE_UNDER_SIEGE : FREE_ATTEMPTS);
    if (over >= 0) {
      if (now < pair.nextAt) return false;
      pair.nextAt = now + Math.min(LONGEST_WAIT_MS, WAIT_MS * (over + 1));
    }
    pair.attempts++;
    spray.pending++;
    return true;
  }

  proven(source: string, address: string, port: number, user: string): void {
    this.#flows.touch(flowKey(address, port, user)).failures = 0;
    this.#pairs.delete(`${source} ${user}`);
    const spray = this.#sprays.peek(source);
    if (!spray) return;
    spray.users.delete(user);
    spray.pending = 0;
  }

  /** Takes a failure down; tells whether the user is under siege. */
  failed(source: string, address: string, port: number, user: string, now: number): boolean {
    const flow = this.#flows.peek(flowKey(address, port, user));
    if (flow) flow.failures++;
    const spray = this.#sprays.touch(source);
    spray.pending = Math.max(0, spray.pending - 1);
    if (spray.users.size < SPRAYED_USERS) spray.users.add(user);
    const aim = this.#aims.touch(user);
    aim.failures.add(1, now, SIEGE_LEAK);
    if (aim.sources.size < SIEGE_SOURCES) aim.sources.add(source);
    return this.besieged(user, now);
  }

  besieged(user: string, now: number): boolean {
    const aim = this.#aims.peek(user);
    if (!aim) return false;
    const failures = aim.failures.value(now, SIEGE_LEAK);
    if (failures === 0) aim.sources.clear();
    return aim.sources.size >= SIEGE_SOURCES && failures >= SIEGE_FAILURES / 2;
  }
}

function flowKey(address: string, port: number, user: string): string {
  return `${address}:${port} ${user}`;
}
