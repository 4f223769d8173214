/** Calls a second through the engine and drachtio-srf: sipp → B2BUA → sipp, without voice. */
import { cpuMs, percentile, ROOT, type Row, residentMb, sipp } from "./measure.ts";

const PORT = 44_910;
const CALLEE = 44_911;
const CALLER = 44_912;

interface Step {
  readonly rate: number;
  readonly seconds: number;
}

/** Tries the rates in turn, highest first, until one goes through without a failed call or a retransmission. */
export async function b2bua(folder: string, steps: readonly Step[]): Promise<Row[]> {
  const app = Bun.spawn(
    [process.execPath, "bench/b2bua-app.ts", String(PORT), `sip:bench@127.0.0.1:${CALLEE}`],
    { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const reader = app.stdout.getReader();
  if ((await reader.read()).done) throw new Error("the B2BUA did not start");
  const callee = Bun.spawn(
    ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", String(CALLEE), "-nostdin", "-max_socket", "2000"],
    { cwd: folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  const rows: Row[] = [];
  try {
    for (const { rate, seconds } of steps) {
      const before = cpuMs(app.pid);
      const done = await sipp(folder, `b2bua-${rate}`, [
        ...[`127.0.0.1:${PORT}`, "-sn", "uac", "-i", "127.0.0.1", "-p", String(CALLER)],
        ...["-m", String(rate * seconds), "-r", String(rate), "-l", String(rate * 10)],
        ...["-timeout", `${seconds + 6}`, "-recv_timeout", "5000"],
      ]);
      const clean = done.failed === 0 && done.retransmissions === 0 && done.succeeded === rate * seconds;
      const cpu = (cpuMs(app.pid) - before) / Math.max(1, done.succeeded);
      rows.push({
        what: `B2BUA, ${rate} calls/s offered for ${seconds} s`,
        value: `${done.succeeded} calls (${Math.round(done.succeeded / done.seconds)}/s), ${done.failed} failed, ${done.retransmissions} retransmissions, ${cpu.toFixed(2)} ms CPU a call (engine and application)`,
        budget: rate === 500 ? "500/s for 60 s, none failed, none retransmitted" : "",
        // A clean run shorter than the budget's minute proves nothing either way.
        ...(rate === 500 && (!clean || seconds >= 60) ? { met: clean } : {}),
      });
      if (clean) break;
    }
    rows.push({ what: "B2BUA memory after that", value: `${residentMb(app.pid)} MB`, budget: "" });
  } finally {
    callee.kill("SIGKILL");
    app.kill("SIGTERM");
    await app.exited;
  }
  return rows;
}

/** Text of a latency. */
export function latencyWords(times: readonly number[]): string {
  const at = (share: number) => percentile(times, share).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms of ${times.length}`;
}
