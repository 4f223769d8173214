/** Voice packets leave every 20 ms: the program's place among others on the machine. */
import { getPriority, setPriority } from "node:os";

/** What systemd/zongji.service gives the service (Nice=). */
const CALLS = -5;
const JOBS = 10;

/**
 * Takes the service's priority where the system lets us (root, CAP_SYS_NICE). Threads and programs started from here on
 * have it too, so it comes before the Workers.
 */
export function preferCalls(): void {
  try {
    if (getPriority() > CALLS) setPriority(CALLS);
  } catch {
    // Not permitted: we run as everybody else.
  }
}

/** For a Worker whose work can wait: behind everything that calls need. Priorities are the thread's own on Linux. */
export function yieldToCalls(): void {
  setPriority(JOBS);
}
