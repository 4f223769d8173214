/**
 * `npm run soak -- --minutes N` (default 10): recorded queue calls with voice go through one exchange all the time.
 * Prints counts and memory of each round; fails when a call failed or memory of the second half grew by over a tenth.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callControl } from "../appliance/commands/control.ts";
import { residentMb, SCENARIOS, sipp, startExchange } from "./measure.ts";
import {
  AGENT_PORT,
  AGENT_VOICE,
  CARRIER,
  makeOffice,
  QUEUE_DID,
  register,
  SIP,
  VOICE,
  voiceFile,
} from "./office.ts";

const at = process.argv.indexOf("--minutes");
const minutes = at < 0 ? 10 : Number(process.argv[at + 1]);
if (!(minutes > 0)) throw new Error("--minutes needs a number above 0");
const AGENTS = Array.from({ length: 20 }, (_, n) => String(2001 + n));
/** One round: calls of 5 s, 2 a second. */
const ROUND_CALLS = 40;

async function round(folder: string, number: number): Promise<{ done: number; failed: number }> {
  const calls = await sipp(folder, `calls-${number}`, [
    ...[`${SIP.address}:${SIP.port}`, "-sf", join(SCENARIOS, "caller.xml"), "-s", QUEUE_DID],
    ...["-i", CARRIER.host, "-p", String(CARRIER.port), "-mi", CARRIER.host],
    ...[
      "-m",
      String(ROUND_CALLS),
      "-r",
      "2",
      "-l",
      "18",
      "-d",
      "5000",
      "-timeout",
      "120",
      "-recv_timeout",
      "30000",
    ],
  ]);
  return { done: calls.succeeded, failed: ROUND_CALLS - calls.succeeded };
}

const folder = mkdtempSync(join(tmpdir(), "zongji-soak-"));
const data = join(folder, "office");
mkdirSync(data, { mode: 0o700 });
await makeOffice(data, AGENTS);
voiceFile(folder);
const exchange = await startExchange(data, SIP, VOICE);
const memory: number[] = [];
let failed = 0;
let done = 0;
try {
  await register(folder, "agents", AGENTS, AGENT_PORT);
  const answering = Bun.spawn(
    [
      ...["sipp", "-sf", join(SCENARIOS, "agent.xml"), "-i", SIP.address, "-p", String(AGENT_PORT), "-aa"],
      ...["-mi", SIP.address, "-mp", String(AGENT_VOICE), "-rtp_echo", "-nostdin", "-max_socket", "2000"],
    ],
    { cwd: folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  try {
    const until = performance.now() + minutes * 60_000;
    for (let number = 1; performance.now() < until; number++) {
      const result = await round(folder, number);
      done += result.done;
      failed += result.failed;
      memory.push(residentMb(exchange.pid));
      console.log(`round ${number}: ${done} calls, ${failed} failed, ${memory.at(-1)} MB`);
    }
    // Wrap-up of the last calls.
    await Bun.sleep(2000);
    const { sip } = (await callControl(data, "health")) as { sip: unknown };
    console.log(JSON.stringify(sip));
  } finally {
    answering.kill("SIGKILL");
  }
} finally {
  await exchange.stop();
  rmSync(folder, { recursive: true, force: true });
}
const half = memory.slice(Math.floor(memory.length / 2));
const grown = half.length > 1 && (half.at(-1) ?? 0) > (half[0] ?? 0) * 1.1;
console.log(`soak: ${minutes} minutes, ${done} calls, ${failed} failed, memory ${grown ? "grew" : "steady"}`);
process.exitCode = failed > 0 || grown ? 1 : 0;
