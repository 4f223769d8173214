/**
 * `npm run bench`: measures the exchange on this machine against its budgets, prints a table and writes
 * bench/RESULTS.md. `--quick`: small counts to see that everything runs; nothing is written. The load generators run on
 * the same machine and take their share of it.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { callControl } from "../appliance/commands/control.ts";
import { createTestPhone } from "../sip/testphone/index.ts";
import { b2bua } from "./b2bua.ts";
import { measureFlows } from "./flows.ts";
import { type GeneratorUser, generate } from "./generator.ts";
import {
  atRest,
  cpuMs,
  percentile,
  processorTime,
  type Row,
  residentMb,
  SCENARIOS,
  sipp,
  startExchange,
} from "./measure.ts";
import { memoryOverTransactions } from "./memory.ts";
import { officeUnderLoad } from "./office.ts";
import { writeSection } from "./results.ts";

const quick = process.argv.includes("--quick");
const SIP = { address: "127.0.0.1", port: 44_900 };
const PHONE_PORT = 44_901;
const REGISTERS = quick ? 200 : 20_000;
const REGISTER_RATE = quick ? 200 : 4_000;

async function registers(folder: string, user: string, secret: string, pid: number): Promise<Row[]> {
  const csv = join(folder, "users.txt");
  writeFileSync(
    csv,
    `SEQUENTIAL\n${user};[authentication username=${user} password=${secret}];${PHONE_PORT};300\n`,
  );
  const before = cpuMs(pid);
  const done = await sipp(folder, "registers", [
    ...[`${SIP.address}:${SIP.port}`, "-sf", join(SCENARIOS, "register.xml"), "-inf", csv],
    ...["-m", String(REGISTERS), "-r", String(REGISTER_RATE), "-i", SIP.address, "-p", String(PHONE_PORT)],
    ...["-timeout", "20", "-recv_timeout", "8000", "-l", "2000"],
  ]);
  const rate = Math.round(done.succeeded / done.seconds);
  const cpu = (cpuMs(pid) - before) / Math.max(1, done.succeeded);
  return [
    {
      what: `REGISTER with digest, ${REGISTER_RATE}/s offered by sipp`,
      value: `${rate}/s (${done.succeeded} of ${REGISTERS}), ${done.failed} failed, ${done.retransmissions} retransmissions, ${cpu.toFixed(2)} ms CPU each`,
      budget: "≥ 4,000/s",
      met: rate >= 3990 && done.failed === 0,
    },
  ];
}

/** Cold start on an empty folder, idle memory, registrations. */
async function fresh(folder: string): Promise<Row[]> {
  const data = join(folder, "fresh");
  mkdirSync(data, { mode: 0o700 });
  const rows: Row[] = [];
  const start = async (what: string): Promise<Awaited<ReturnType<typeof startExchange>>> => {
    const started = performance.now();
    const exchange = await startExchange(data, SIP, { min: 44_000, max: 44_249 });
    const answer = (await callControl(data, "test-extensions-add")) as {
      phones: { number: string; secret: string }[];
    };
    const [first] = answer.phones;
    if (!first) throw new Error("no test extension");
    const phone = await createTestPhone({ number: first.number, password: first.secret, server: SIP });
    const seconds = (performance.now() - started) / 1000;
    await phone.stop();
    rows.push({ what, value: `${seconds.toFixed(2)} s`, budget: "< 3 s", met: seconds < 3 });
    if (rows.length === 2) {
      rows.push({
        what: "memory, idle (without rtpengine)",
        value: `${residentMb(exchange.pid)} MB`,
        budget: "",
      });
      await atRest(exchange.pid);
      rows.push(...(await registrations(answer.phones, exchange.pid)));
      rows.push(...(await registers(folder, first.number, first.secret, exchange.pid)));
      rows.push({
        what: "memory after the registrations",
        value: `${residentMb(exchange.pid)} MB`,
        budget: "",
      });
    }
    return exchange;
  };
  await (await start("first start on an empty folder to first REGISTER answered")).stop();
  await (await start("cold start to first REGISTER answered")).stop();
  return rows;
}

/**
 * REGISTERs by a generator that repeats nothing: as many as go through with 200 open at any time, then at a steady rate
 * what the answer takes; by phones that are challenged and by those that register again. With the processor time of each.
 */
async function registrations(users: readonly GeneratorUser[], pid: number): Promise<Row[]> {
  const run = async (window: number, more: { readonly perSecond?: number; readonly knowing?: boolean }) => {
    const before = cpuMs(pid);
    const options = { count: REGISTERS, window, ...more };
    const { succeeded, failed, lost, seconds, times } = await generate("REGISTER", SIP, users, options);
    const cpu = (cpuMs(pid) - before) / Math.max(1, succeeded);
    const [rate, p95] = [Math.round(succeeded / seconds), percentile(times, 0.95)];
    return {
      value: `${rate}/s, p50 ${percentile(times, 0.5).toFixed(1)} ms, p95 ${p95.toFixed(1)} ms${more.knowing ? "" : " for challenge and registration"}, ${failed} failed, ${lost} lost, ${cpu.toFixed(2)} ms CPU each`,
      rate,
      p95,
      whole: failed + lost === 0,
    };
  };
  // The first run lets the program warm up, as that of an office has.
  await generate("REGISTER", SIP, users, { count: REGISTERS / 4, window: 500, perSecond: REGISTER_RATE });
  const rows: Row[] = [];
  for (const knowing of [false, true]) {
    const most = await run(200, { knowing });
    const steady = await run(2000, { knowing, perSecond: REGISTER_RATE });
    const how = knowing ? "digest again, with the nonce given before" : "digest";
    rows.push(
      {
        what: `REGISTER with ${how}, by ${users.length} phones, 200 open at any time`,
        value: most.value,
        budget: "≥ 4,000/s",
        met: most.rate >= 4000 && most.whole,
      },
      {
        what: `the same, paced at ${REGISTER_RATE}/s`,
        value: steady.value,
        budget: "p95 < 10 ms",
        met: steady.rate >= REGISTER_RATE * 0.99 && steady.p95 < 10 && steady.whole,
      },
    );
  }
  return rows;
}

/** Connections that lie open: half of them TLS, half WebSocket. */
async function flows(each: number): Promise<Row[]> {
  const mb = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  return (await measureFlows(each)).map((row) => ({
    what: `${row.flows} open ${row.kind === "tls" ? "TLS" : "WebSocket"} connections`,
    value: `${row.answered} answer, ${(row.bytesPerFlow / 1024).toFixed(1)} KB each, memory ${mb(row.rssBefore)} → ${mb(row.rssOpen)} → ${mb(row.rssAfter)} MB`,
    budget: "all answer, ≤ 16 KB each",
    met: row.answered === row.flows && row.bytesPerFlow <= 16 * 1024,
  }));
}

function table(rows: readonly Row[]): string {
  const verdict = (row: Row) => (row.met === undefined ? "" : row.met ? "met" : "**missed**");
  return [
    "| what | measured | budget | |",
    "|---|---|---|---|",
    ...rows.map((row) => `| ${row.what} | ${row.value} | ${row.budget} | ${verdict(row)} |`),
  ].join("\n");
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "zongji-bench-"));
  const others = loadavg()[0] ?? 0;
  const before = processorTime();
  const rows: Row[] = [];
  const part = async (name: string, work: () => Promise<Row[]>) => {
    // One part that breaks must not hide the others; it stands in the table as what it is.
    try {
      rows.push(...(await work()));
    } catch (error) {
      rows.push({
        what: name,
        value: `broke off: ${error instanceof Error ? error.message : error}`,
        budget: "",
        met: false,
      });
    }
    console.log(`${name}: done`);
  };
  try {
    await part("start and registrations", () => fresh(folder));
    await part("B2BUA", () =>
      b2bua(
        folder,
        quick
          ? [{ rate: 20, seconds: 1 }]
          : [500, 200, 100].map((rate) => ({ rate, seconds: rate === 500 ? 60 : 10 })),
      ),
    );
    await part("office under load", () =>
      officeUnderLoad(
        folder,
        quick
          ? { calls: 3, holdS: 5, latencyCalls: 10, paceS: 1 }
          : { calls: 100, holdS: 25, latencyCalls: 200, paceS: 8 },
      ),
    );
    await part("connections", () => flows(quick ? 50 : 5000));
    await part("memory over transactions", () =>
      quick ? memoryOverTransactions(2000, 0) : memoryOverTransactions(1_000_000),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const text = table(rows);
  console.log(text);
  if (quick) {
    if (rows.some((row) => row.value.startsWith("broke off"))) process.exitCode = 1;
    return;
  }
  const memory = Number(/MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0);
  const machine = `${cpus().length} cores, ${Math.round(memory / 1024 / 1024)} GB, Linux ${release().split("-")[0]}, Bun ${Bun.version}`;
  const after = processorTime();
  const share = (100 * (after.stolen - before.stolen)) / (after.all - before.all);
  const stolen = `processor time that the host of this machine kept for others meanwhile (steal): ${share.toFixed(1)} %.`;
  writeSection(
    "Bench",
    `Command: \`npm run bench\` · ${new Date().toISOString().slice(0, 10)} · ${machine}. The load generators (sipp) run on the same cores; load average of the machine before the run: ${others.toFixed(1)}; ${stolen}\n\n${text}`,
  );
}

await main();
