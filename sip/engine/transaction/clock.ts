/** Time as the engine sees it; tests put a fake in its place. All values are milliseconds. */
export interface Clock {
  /** Monotonic now. */
  now(): number;
  /** Calls `tick` about every `everyMs` until the returned function is called. */
  every(everyMs: number, tick: () => void): () => void;
}

/** The machine's own monotonic clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  every(everyMs, tick) {
    const handle = setInterval(tick, everyMs);
    return () => clearInterval(handle);
  },
};

/** A clock that stands still until told to move; for tests. */
export class FakeClock implements Clock {
  private time = 0;
  private readonly ticks = new Set<{ every: number; next: number; tick: () => void }>();

  now(): number {
    return this.time;
  }

  every(everyMs: number, tick: () => void): () => void {
    const entry = { every: everyMs, next: this.time + everyMs, tick };
    this.ticks.add(entry);
    return () => {
      this.ticks.delete(entry);
    };
  }

  /** Moves time forward by `ms`, running every tick that falls due, in order. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      let due: { every: number; next: number; tick: () => void } | undefined;
      for (const entry of this.ticks) {
        if (entry.next <= end && (!due || entry.next < due.next)) due = entry;
      }
      if (!due) break;
      this.time = due.next;
      due.next += due.every;
      due.tick();
    }
    this.time = end;
  }
}
