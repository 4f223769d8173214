/**
 * Voice before everything else: its threads run at a better niceness than the rest of the machine, because a packet
 * leaves every 20 ms and nothing else is in such a hurry. Where that is not allowed (no CAP_SYS_NICE), all stays as it is.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { setPriority } from "node:os";

export const VOICE_NICENESS = -11;

/** Prefers the calling thread (Linux keeps the niceness by thread). */
export function preferThisThread(): void {
  whereAllowed(() => prefer(readlinkSync("/proc/thread-self").split("/").pop()));
}

/** Prefers all threads that process `pid` has now; those they start later inherit it. */
export function preferProcess(pid: number): void {
  whereAllowed(() => {
    for (const thread of readdirSync(`/proc/${pid}/task`)) whereAllowed(() => prefer(thread));
  });
}

function prefer(thread: string | undefined): void {
  setPriority(Number(thread), VOICE_NICENESS);
}

function whereAllowed(step: () => void): void {
  try {
    step();
  } catch {
    // Not allowed, not Linux, or a thread has just ended.
  }
}
