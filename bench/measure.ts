/** What every measurement needs: rows of the table, a process's memory and CPU, sipp with its statistics. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = new URL("..", import.meta.url).pathname;
export const SCENARIOS = join(ROOT, "bench", "scenarios");

export interface Row {
  readonly what: string;
  readonly value: string;
  /** "" where there is none. */
  readonly budget: string;
  /** Undefined where there is no budget to meet. */
  readonly met?: boolean;
}

/** The value below which `share` of the values lie; 0 without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Resident memory of a process, MB. */
export function residentMb(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+)/m);
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}

/** CPU time of a process and its threads so far, ms. */
export function cpuMs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]))
    .reduce((sum, ns) => sum + ns / 1e6, 0);
}

/** Time of all processors since the machine started, and of it what its host kept for others (proc(5), steal); ticks. */
export function processorTime(): { readonly all: number; readonly stolen: number } {
  const line = readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "";
  // The two columns behind steal (guest) are in the first two already.
  const times = line.split(/\s+/).slice(1, 9).map(Number);
  return { all: times.reduce((sum, ticks) => sum + ticks, 0), stolen: times[7] ?? 0 };
}

/** Programs that a process has started, by name. */
function childrenOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" "))
    .filter((child) => child !== "")
    .map((child) => {
      try {
        return readFileSync(`/proc/${child}/comm`, "utf8").trim();
      } catch {
        return "";
      }
    });
}

/** Rests this long make sure that no further program follows, ms. */
const AT_REST_MS = 1500;

/** Resolves when the exchange has made its announcements: a new office speaks them once, for about half a minute. */
export async function atRest(pid: number): Promise<void> {
  let since = performance.now();
  while (performance.now() - since < AT_REST_MS) {
    if (childrenOf(pid).some((name) => name !== "" && !name.startsWith("rtpengine")))
      since = performance.now();
    await Bun.sleep(50);
  }
}

export interface SippCounts {
  readonly code: number;
  readonly seconds: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly retransmissions: number;
}

/** Runs sipp in `folder` and reads the last line of its statistics. */
export async function sipp(folder: string, name: string, args: readonly string[]): Promise<SippCounts> {
  const file = join(folder, `${name}.csv`);
  const started = performance.now();
  const child = Bun.spawn(
    ["sipp", ...args, "-nostdin", "-trace_stat", "-stf", file, "-fd", "1", "-max_socket", "2000"],
    { cwd: folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  const code = await child.exited;
  const seconds = (performance.now() - started) / 1000;
  let lines: string[] = [];
  try {
    lines = readFileSync(file, "utf8").trim().split("\n");
  } catch {
    // It never came to its first line: every figure is 0 and the code tells.
  }
  const heads = lines[0]?.split(";") ?? [];
  const last = lines.at(-1)?.split(";") ?? [];
  const field = (head: string) => Number(last[heads.indexOf(head)] ?? 0) || 0;
  return {
    code,
    seconds,
    succeeded: field("SuccessfulCall(C)"),
    failed: field("FailedCall(C)"),
    retransmissions: field("Retransmissions(C)"),
  };
}

/** The exchange as a process on `data`, with more flags of `serve` in `extra`; resolves when it is ready. */
export async function startExchange(
  data: string,
  sip: { readonly address: string; readonly port: number },
  voice: { readonly min: number; readonly max: number },
  extra: readonly string[] = [],
): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const child = Bun.spawn(
    [
      process.execPath,
      "appliance/main.ts",
      "serve",
      ...["--data", data, "--web", "127.0.0.1:0", "--address", sip.address],
      ...["--sip", `sip:${sip.address}:${sip.port};transport=udp,tcp`],
      ...["--media-ports", `${voice.min}-${voice.max}`],
      ...extra,
    ],
    { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("Ready after")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the exchange did not start: ${text}`);
    text += value;
  }
  // The log must not fill the pipe and block the exchange.
  void (async () => {
    while (!(await reader.read()).done);
  })();
  return {
    pid: child.pid,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}
