/**
 * Measures a fresh exchange: cold start, REGISTER with digest (sipp), set-up latency of calls between two extensions,
 * memory. Prints a table and writes bench/RESULTS.md. `--quick`: tiny counts, nothing is written.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { callControl } from "../appliance/commands/control.ts";
import { createTestPhone } from "../sip/testphone/index.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const quick = process.argv.includes("--quick");
const SIP = { address: "127.0.0.1", port: 44_900 };
const REGISTERS = quick ? 200 : 40_000;
const REGISTER_RATE = quick ? 200 : 4_000;
const CALLS = quick ? 5 : 200;

interface Row {
  readonly what: string;
  readonly value: string;
  readonly budget: string;
}

/** The value below which `share` of the sorted values lie. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Resident memory of a process, MB. */
function residentMb(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+)/m);
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}

/** CPU time of a process and its threads so far, ms. */
function cpuMs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]))
    .reduce((sum, ns) => sum + ns / 1e6, 0);
}

async function registers(folder: string, user: string, secret: string, pid: number): Promise<Row[]> {
  const csv = join(folder, "users.csv");
  writeFileSync(csv, `SEQUENTIAL\n${user};[authentication username=${user} password=${secret}]\n`);
  const stat = join(folder, "stat.csv");
  const before = cpuMs(pid);
  const started = performance.now();
  const sipp = Bun.spawn(
    [
      "sipp",
      `${SIP.address}:${SIP.port}`,
      "-sf",
      join(ROOT, "bench/scenarios/register.xml"),
      "-inf",
      csv,
      "-m",
      String(REGISTERS),
    ]
      .concat([
        "-r",
        String(REGISTER_RATE),
        "-i",
        "127.0.0.1",
        "-p",
        "44901",
        "-nostdin",
        "-trace_stat",
        "-stf",
        stat,
      ])
      .concat(["-fd", "1", "-timeout", "120", "-recv_timeout", "8000", "-l", "2000"]),
    { cwd: folder, stdout: "ignore", stderr: "ignore" },
  );
  const code = await sipp.exited;
  const seconds = (performance.now() - started) / 1000;
  const lines = readFileSync(stat, "utf8").trim().split("\n");
  const heads = lines[0]?.split(";") ?? [];
  const last = lines.at(-1)?.split(";") ?? [];
  const field = (name: string) => Number(last[heads.indexOf(name)] ?? 0);
  const done = field("SuccessfulCall(C)");
  return [
    {
      what: "REGISTER with digest",
      value: `${Math.round(done / seconds)}/s, ${field("FailedCall(C)")} failed, sipp code ${code}`,
      budget: "≥ 4,000/s",
    },
    {
      what: "CPU a registration",
      value: `${((cpuMs(pid) - before) / Math.max(1, done)).toFixed(2)} ms`,
      budget: "",
    },
    { what: "REGISTER retransmissions", value: String(field("Retransmissions(C)")), budget: "0" },
  ];
}

async function calls(phones: readonly { number: string; secret: string }[]): Promise<Row[]> {
  const [a, b] = phones;
  if (!a || !b) throw new Error("no test extensions");
  const open = (phone: typeof a) =>
    createTestPhone({
      number: phone.number,
      password: phone.secret,
      server: SIP,
      behaviour: { kind: "answer", afterMs: 0 },
    });
  const [caller, callee] = await Promise.all([open(a), open(b)]);
  const times: number[] = [];
  let failed = 0;
  for (let n = 0; n < CALLS; n++) {
    const arrived = Promise.withResolvers<number>();
    const off = callee.onCall(() => arrived.resolve(performance.now()));
    const started = performance.now();
    const call = await caller.dial(b.number);
    if (await call.answered) times.push((await arrived.promise) - started);
    else failed++;
    await call.hangup();
    off();
  }
  await Promise.all([caller.stop(), callee.stop()]);
  const ms = (share: number) => percentile(times, share).toFixed(1);
  return [
    {
      what: "INVITE in → INVITE out, one call after another",
      value: `p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms, ${failed} failed`,
      budget: "p99 < 20 ms",
    },
  ];
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "zongji-bench-"));
  const data = join(folder, "data");
  const started = performance.now();
  const exchange = Bun.spawn(
    [
      process.execPath,
      "appliance/main.ts",
      "serve",
      "--data",
      data,
      "--web",
      "127.0.0.1:0",
      "--address",
      "127.0.0.1",
    ].concat(["--sip", `sip:${SIP.address}:${SIP.port};transport=udp,tcp`, "--media-ports", "44000-44249"]),
    { cwd: ROOT, stdout: "pipe", stderr: "inherit" },
  );
  const rows: Row[] = [];
  try {
    const reader = exchange.stdout.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("Ready after"); ) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the exchange did not start: ${text}`);
      text += value;
    }
    const answer = (await callControl(data, "test-extensions-add")) as {
      phones: { number: string; secret: string }[];
    };
    const first = answer.phones[0];
    if (!first) throw new Error("no test extensions");
    const phone = await createTestPhone({ number: first.number, password: first.secret, server: SIP });
    rows.push({
      what: "cold start to first REGISTER answered",
      value: `${((performance.now() - started) / 1000).toFixed(2)} s`,
      budget: "< 3 s",
    });
    await phone.stop();
    rows.push({ what: "memory, idle", value: `${residentMb(exchange.pid)} MB`, budget: "" });
    rows.push(...(await calls(answer.phones)));
    rows.push(...(await registers(folder, first.number, first.secret, exchange.pid)));
    rows.push({ what: "memory after all that", value: `${residentMb(exchange.pid)} MB`, budget: "< 250 MB" });
  } finally {
    exchange.kill("SIGTERM");
    await exchange.exited;
    rmSync(folder, { recursive: true, force: true });
  }
  const lines = [
    "| what | measured | budget |",
    "|---|---|---|",
    ...rows.map((row) => `| ${row.what} | ${row.value} | ${row.budget} |`),
  ];
  console.log(lines.join("\n"));
  if (quick) return;
  const head = `# Results\n\n\`npm run bench\`, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, Bun ${Bun.version}; load generator on the same machine.\n\n`;
  writeFileSync(join(ROOT, "bench", "RESULTS.md"), `${head}${lines.join("\n")}\n`);
}

await main();
