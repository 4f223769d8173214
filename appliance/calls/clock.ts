/** The clock of the call engine: UTC ms that never go back, and timers; a fake one lets tests skip hours. */

export interface Clock {
  /** UTC ms, whole, never less than an earlier answer. */
  now(): number;
  /** Runs `run` once after `ms`; the function given back cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** Below this the wall clock and ours are held to be equal, ms. */
const TOLERANCE = 5;
/** Our pace while the wall clock is behind us: durations stay true within 1 %. */
const SLEW = 0.99;
/** The longest delay a timer of the runtime can hold. */
const LONGEST_TIMER = 0x7fffffff;

/**
 * The wall clock corrected by the monotonic one: set forward it is followed at once, set back our time goes on a
 * little slower until both meet.
 */
export function systemClock(
  wall: () => number = Date.now,
  monotonic: () => number = () => performance.now(),
): Clock {
  let last = monotonic();
  let current = wall();
  function now(): number {
    const at = monotonic();
    const elapsed = Math.max(0, at - last);
    last = at;
    const expected = current + elapsed;
    const told = wall();
    if (told > expected + TOLERANCE) current = told;
    else if (told < expected - TOLERANCE) current += elapsed * SLEW;
    else current = expected;
    return Math.floor(current);
  }
  return { now, after: (ms, run) => later(ms, run) };
}

function later(ms: number, run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const arm = (left: number) => {
    timer =
      left > LONGEST_TIMER
        ? setTimeout(() => arm(left - LONGEST_TIMER), LONGEST_TIMER)
        : setTimeout(run, Math.max(0, left));
  };
  arm(ms);
  return () => clearTimeout(timer);
}

export interface FakeClock extends Clock {
  /** Moves the time on, running what falls due in order of time, also what that schedules. */
  advance(ms: number): void;
  /** Timers that wait. */
  pending(): number;
}

/** A clock that stands still until `advance`. */
export function fakeClock(start = 1_700_000_000_000): FakeClock {
  let current = start;
  let count = 0;
  let timers: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  return {
    now: () => current,
    after(ms, run) {
      const timer = { at: current + Math.max(0, ms), order: count++, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((t) => t !== timer);
      };
    },
    advance(ms) {
      const end = current + ms;
      for (;;) {
        const [next] = timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at || a.order - b.order);
        if (!next) break;
        timers = timers.filter((t) => t !== next);
        current = Math.max(current, next.at);
        next.run();
      }
      current = end;
    },
    pending: () => timers.length,
  };
}
