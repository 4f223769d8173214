/** Calls a second through the engine and drachtio-srf: sipp → B2BUA → sipp, without voice. */
import { cpuMs, percentile, ROOT, type Row, residentMb, sipp } from "./measure.ts";

const PORT = 44_910;
const CALLEE = 44_911;
const CALLER = 44_912;

interface Step {
  readonly rate: number;
  readonly seconds: number;
}

/** Budget of design §9 for the engine alone, ms CPU a call. */
const ENGINE_MS = 1.1;

/** A program of ours that says one line when it is ready. */
async function started(
  args: readonly string[],
): Promise<{ pid: number; line: string; stop(): Promise<void> }> {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: ROOT,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value, done } = await child.stdout.getReader().read();
  if (done) throw new Error(`${args[0]} did not start`);
  return {
    pid: child.pid,
    line: new TextDecoder().decode(value),
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** The engine as a program of its own at UDP `port`, and an application that sends each call on to `target`. */
export async function startB2bua(
  port: number,
  target: string,
): Promise<{ readonly engine: number; readonly app: number; stop(): Promise<void> }> {
  const contact = `sip:127.0.0.1:${port};transport=udp`;
  const engine = await started(["appliance/main.ts", "sip-engine", "--contact", contact, "--port", "0"]);
  const agentPort = /apps on port (\d+)/.exec(engine.line)?.[1] ?? "";
  const app = await started(["bench/b2bua-app.ts", `drachtio://cymru@127.0.0.1:${agentPort}`, target]).catch(
    async (error: unknown) => {
      await engine.stop();
      throw error;
    },
  );
  return {
    engine: engine.pid,
    app: app.pid,
    async stop() {
      await app.stop();
      await engine.stop();
    },
  };
}

/** Tries the rates in turn, highest first, until one goes through without a failed call or a retransmission. */
export async function b2bua(folder: string, steps: readonly Step[]): Promise<Row[]> {
  const parts = await startB2bua(PORT, `sip:bench@127.0.0.1:${CALLEE}`);
  const callee = Bun.spawn(
    ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", String(CALLEE), "-nostdin", "-max_socket", "2000"],
    { cwd: folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  const rows: Row[] = [];
  try {
    for (const { rate, seconds } of steps) {
      const before = { engine: cpuMs(parts.engine), app: cpuMs(parts.app) };
      const done = await sipp(folder, `b2bua-${rate}`, [
        ...[`127.0.0.1:${PORT}`, "-sn", "uac", "-i", "127.0.0.1", "-p", String(CALLER)],
        ...["-m", String(rate * seconds), "-r", String(rate), "-l", String(rate * 10)],
        ...["-timeout", `${seconds + 6}`, "-recv_timeout", "5000"],
      ]);
      const clean = done.failed === 0 && done.retransmissions === 0 && done.succeeded === rate * seconds;
      const calls = Math.max(1, done.succeeded);
      const engine = (cpuMs(parts.engine) - before.engine) / calls;
      const app = (cpuMs(parts.app) - before.app) / calls;
      rows.push({
        what: `B2BUA, ${rate} calls/s offered for ${seconds} s`,
        value: `${done.succeeded} calls (${Math.round(done.succeeded / done.seconds)}/s), ${done.failed} failed, ${done.retransmissions} retransmissions`,
        budget: rate === 500 ? "500/s for 60 s, none failed, none retransmitted" : "",
        // A clean run shorter than the budget's minute proves nothing either way.
        ...(rate === 500 && (!clean || seconds >= 60) ? { met: clean } : {}),
      });
      if (!clean) continue;
      rows.push({
        what: `CPU of the engine alone, ${rate} calls/s`,
        value: `${engine.toFixed(2)} ms a call (and ${app.toFixed(2)} ms of the application)`,
        budget: `≤ ${ENGINE_MS} ms`,
        met: engine <= ENGINE_MS,
      });
      break;
    }
    rows.push({
      what: "B2BUA memory after that",
      value: `${residentMb(parts.engine)} MB engine, ${residentMb(parts.app)} MB application`,
      budget: "",
    });
  } finally {
    callee.kill("SIGKILL");
    await parts.stop();
  }
  return rows;
}

/** Text of a latency. */
export function latencyWords(times: readonly number[]): string {
  const at = (share: number) => percentile(times, share).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms of ${times.length}`;
}
