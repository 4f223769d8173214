import type { Clock } from "./clock.ts";

/** A pending call-back of the wheel. `cancel` is idempotent and free of search. */
export class Timer {
  previous: Timer | undefined;
  next: Timer | undefined;
  slot = -1;

  constructor(
    private readonly wheel: TimerWheel,
    public due: number,
    public run: () => void,
  ) {}

  /** True until it has run or was cancelled. */
  get pending(): boolean {
    return this.slot >= 0;
  }

  cancel(): void {
    this.wheel.drop(this);
  }
}

const SLOTS = 4096;
const TICK_MS = 10;

/**
 * Hashed timer wheel: setting and cancelling cost O(1), which matters because each SIP transaction sets several
 * timers that almost never fire. Resolution is 10 ms; timers further away than one turn (41 s) wait for their turn.
 */
export class TimerWheel {
  private readonly slots: (Timer | undefined)[] = new Array(SLOTS).fill(undefined);
  private at: number;
  private stopTicking: (() => void) | undefined;
  private count = 0;

  constructor(private readonly clock: Clock) {
    this.at = Math.floor(clock.now() / TICK_MS);
  }

  /** Number of pending timers. */
  get size(): number {
    return this.count;
  }

  now(): number {
    return this.clock.now();
  }

  /** Runs `run` once, `ms` from now (never earlier). */
  after(ms: number, run: () => void): Timer {
    const timer = new Timer(this, this.clock.now() + ms, run);
    this.insert(timer);
    this.count++;
    if (!this.stopTicking) {
      this.at = Math.floor(this.clock.now() / TICK_MS);
      this.stopTicking = this.clock.every(TICK_MS, () => this.turn());
    }
    return timer;
  }

  /** Takes a timer out; used by `Timer.cancel`. */
  drop(timer: Timer): void {
    if (timer.slot < 0) return;
    this.unlink(timer);
    this.count--;
    this.rest();
  }

  /** Drops every timer. */
  clear(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let timer = this.slots[slot]; timer; ) {
        const next = timer.next;
        this.unlink(timer);
        timer = next;
      }
    }
    this.count = 0;
    this.rest();
  }

  private rest(): void {
    if (this.count === 0 && this.stopTicking) {
      this.stopTicking();
      this.stopTicking = undefined;
    }
  }

  private insert(timer: Timer): void {
    // A due time inside the current tick would otherwise wait for a whole turn.
    const tick = Math.max(Math.ceil(timer.due / TICK_MS), this.at + 1);
    const slot = tick % SLOTS;
    timer.slot = slot;
    const head = this.slots[slot];
    timer.next = head;
    timer.previous = undefined;
    if (head) head.previous = timer;
    this.slots[slot] = timer;
  }

  private unlink(timer: Timer): void {
    if (timer.previous) timer.previous.next = timer.next;
    else this.slots[timer.slot] = timer.next;
    if (timer.next) timer.next.previous = timer.previous;
    timer.previous = undefined;
    timer.next = undefined;
    timer.slot = -1;
  }

  private turn(): void {
    const now = this.clock.now();
    const target = Math.floor(now / TICK_MS);
    // After a long stop (suspended machine) one full turn visits every slot; more would find nothing new.
    if (target - this.at > SLOTS) this.at = target - SLOTS;
    while (this.at < target && this.stopTicking) {
      this.at++;
      this.visit(this.at % SLOTS, now);
    }
  }

  private visit(slot: number, now: number): void {
    const due: Timer[] = [];
    for (let timer = this.slots[slot]; timer; timer = timer.next) if (timer.due <= now) due.push(timer);
    // The newest stands first in its slot; what was set first must run first.
    for (let index = due.length - 1; index >= 0; index--) {
      const timer = due[index];
      // An earlier one of the same slot may have cancelled it.
      if (!timer || timer.slot < 0) continue;
      this.unlink(timer);
      this.count--;
      timer.run();
    }
    this.rest();
  }
}
