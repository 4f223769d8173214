/**
 * `npm run soak -- --minutes N` (default 10): mixed load on one exchange all the time. Recorded queue calls with voice whose
 * share moves between UDP, TCP and TLS from round to round; callers who give up; registrations with digest over UDP and
 * TCP; desk phones that talk, hold and transfer. Fails when anything failed, leaked or grew, or a record is missing; a run
 * of an hour or more writes its figures to bench/RESULTS.md.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { residentMb, SCENARIOS, startExchange } from "../measure.ts";
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
} from "../office.ts";
import { writeSection } from "../results.ts";
import { DeskPhones, type Done, givenUp, plus, queueCalls, registrations, type Way } from "./loads.ts";
import { tlsRelay } from "./relay.ts";
import { growth, kept, Watch } from "./watch.ts";

const at = process.argv.indexOf("--minutes");
const minutes = at < 0 ? 10 : Number(process.argv[at + 1]);
if (!(minutes > 0)) throw new Error("--minutes needs a number above 0");

const AGENTS = Array.from({ length: 20 }, (_, n) => String(2001 + n));
/** Numbers that only register, so that they never take a queue call away. */
const CHURN = { udp: ["2101", "2102", "2103"], tcp: ["2104", "2105", "2106"] } as const;
/** Where desk phones transfer to. */
const TARGET = "2107";
const TLS_PORT = 44_925;
/** Of the desk phones one is connected by TCP, once from each end at the most. */
const PHONE_CONNECTIONS = 2;
const SAMPLE_EVERY_MS = 10_000;
/** The longest registration there is: sipp cannot renew it beside its calls. */
const AGENT_EXPIRES_S = 3600;
/** Agents that wait for their callers answer nearly all; a caller may hang up in the moment of the offer. */
const ANSWERED_SHARE = 0.98;
/** Growth that garbage collection alone can show, percent. */
const ALLOWED_GROWTH = 10;
/** Longer than timer H and J (32 s) and the wrap-up of an agent. */
const SETTLE_MS = 100_000;

/** Queue calls a second by way: the weight moves from UDP to TCP to TLS and back. */
const SHARES: readonly Readonly<Record<Way, number>>[] = [
  { udp: 1.6, tcp: 0.2, tls: 0.2 },
  { udp: 0.2, tcp: 1.6, tls: 0.2 },
  { udp: 0.2, tcp: 0.2, tls: 1.6 },
];

const folder = mkdtempSync(join(tmpdir(), "zongji-soak-"));
const data = join(folder, "office");
mkdirSync(data, { mode: 0o700 });
await makeOffice(data, AGENTS, [...CHURN.udp, ...CHURN.tcp, TARGET]);
voiceFile(folder);
const exchange = await startExchange(data, SIP, VOICE, [
  "--sip",
  `sip:${SIP.address}:${TLS_PORT};transport=tls`,
]);
const relay = await tlsRelay(CARRIER.host, { address: SIP.address, port: TLS_PORT });
let done: Done = { calls: 0, registrations: 0, flows: 0, failed: 0, complaints: [] };
let left: readonly string[] = ["not looked at"];
const started = performance.now();
try {
  await register(folder, "agents", AGENTS, AGENT_PORT, AGENT_EXPIRES_S);
  const answering = Bun.spawn(
    [
      ...["sipp", "-sf", join(SCENARIOS, "agent.xml"), "-i", SIP.address, "-p", String(AGENT_PORT), "-aa"],
      ...["-mi", SIP.address, "-mp", String(AGENT_VOICE), "-rtp_echo", "-nostdin", "-max_socket", "2000"],
    ],
    { cwd: folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  const phones = await DeskPhones.open(TARGET);
  const watch = new Watch(exchange.pid, data, PHONE_CONNECTIONS);
  try {
    const until = performance.now() + minutes * 60_000;
    const load = async (work: (round: number) => Promise<Done>) => {
      for (let round = 1; performance.now() < until; round++) {
        const more = await work(round);
        for (const complaint of more.complaints) console.log(complaint);
        done = plus(done, more);
      }
    };
    const ways = { relayPort: relay.port };
    const queue = (way: Way) =>
      load((round) => queueCalls(folder, way, ways, round, SHARES[round % SHARES.length]?.[way] ?? 0));
    const turn = (round: number): Way => (["udp", "tcp", "tls"] as const)[round % 3] ?? "udp";
    const sampling = (async () => {
      while (performance.now() < until) {
        const { mb, rtpengineMb, descriptors, sip, engine } = await watch.take();
        console.log(
          `${Math.round((performance.now() - started) / 1000)} s: ${done.calls} calls, ${done.registrations} registrations, ${done.failed} failed; ${mb} MB, rtpengine ${rtpengineMb} MB, ${descriptors} descriptors, ${sip.legs} legs, ${engine.serverTransactions + engine.clientTransactions} transactions`,
        );
        await Bun.sleep(SAMPLE_EVERY_MS);
      }
    })();
    await Promise.all([
      queue("udp"),
      queue("tcp"),
      queue("tls"),
      load((round) => givenUp(folder, turn(round), ways, round)),
      load((round) => registrations(folder, "udp", round, CHURN.udp, 300)),
      load((round) => registrations(folder, "tcp", round, CHURN.tcp, 300)),
      load((round) => phones.round(round)),
      sampling,
    ]);
    // Nobody listens at their contacts: kept registered, they would be asked with OPTIONS for ever.
    for (const way of ["udp", "tcp"] as const)
      done = plus(done, await registrations(folder, way, 0, CHURN[way], 0));
    left = await watch.settled(SETTLE_MS);
  } finally {
    await phones.close();
    answering.kill("SIGKILL");
  }
  const truth = kept(data, QUEUE_DID);
  const memory = watch.samples.map(({ mb }) => mb);
  const [mb, voiceMb, files] = [
    growth(memory),
    growth(watch.samples.map(({ rtpengineMb }) => rtpengineMb)),
    growth(watch.samples.map(({ descriptors }) => descriptors)),
  ];
  const complaints = [
    ...done.complaints,
    ...left.map((what) => `left over: ${what}`),
    ...(mb > ALLOWED_GROWTH ? [`memory grew by ${mb.toFixed(1)} % in the second half`] : []),
    ...(voiceMb > ALLOWED_GROWTH
      ? [`rtpengine's memory grew by ${voiceMb.toFixed(1)} % in the second half`]
      : []),
    ...(files > ALLOWED_GROWTH ? [`descriptors grew by ${files.toFixed(1)} % in the second half`] : []),
    ...(truth.open > 0 ? [`${truth.open} call records are still open`] : []),
    ...(truth.journeys !== done.calls ? [`${truth.journeys} call records of ${done.calls} calls`] : []),
    ...(truth.answered < truth.offered * ANSWERED_SHARE
      ? [`only ${truth.answered} of ${truth.offered} queue calls were answered`]
      : []),
    ...(truth.recorded !== truth.answered || truth.short > 0
      ? [`${truth.answered} queue calls answered, ${truth.recorded} recorded, ${truth.short} too short`]
      : []),
  ];
  const figures: readonly (readonly [string, string])[] = [
    [
      "calls (queue with recording, given up, between phones, transferred)",
      `${done.calls}, ${done.failed} failures of any kind`,
    ],
    ["registrations with digest", String(done.registrations)],
    [
      "memory of the exchange: first, middle, last, most",
      `${memory[0]}, ${memory[Math.floor(memory.length / 2)]}, ${residentMb(exchange.pid)}, ${Math.max(...memory)} MB`,
    ],
    [
      "growth in the second half: exchange, rtpengine, descriptors",
      `${mb.toFixed(1)} %, ${voiceMb.toFixed(1)} %, ${files.toFixed(1)} %`,
    ],
    ["CPU of the exchange (without rtpengine)", `${watch.cores().toFixed(2)} cores`],
    ["call records, still open", `${truth.journeys}, ${truth.open}`],
    [
      "queue calls answered, recorded, recorded too short",
      `${truth.answered}, ${truth.recorded}, ${truth.short}`,
    ],
    [
      "legs, dialogs, transactions, channels, rtpengine calls left afterwards",
      left.length === 0 ? "none" : left.join(", "),
    ],
  ];
  const table = [
    "| what | measured |",
    "|---|---|",
    ...figures.map(([what, value]) => `| ${what} | ${value} |`),
  ].join("\n");
  const verdict = complaints.length === 0 ? "passed" : `failed: ${complaints.join("; ")}`;
  console.log(`${table}\nsoak of ${minutes} minutes ${verdict}`);
  if (minutes >= 60)
    writeSection(
      "Soak",
      `Command: \`npm run soak -- --minutes ${minutes}\` · ${new Date().toISOString().slice(0, 10)} · ${verdict}.\n\n${table}`,
    );
  process.exitCode = complaints.length === 0 ? 0 : 1;
} finally {
  relay.stop();
  await exchange.stop();
  rmSync(folder, { recursive: true, force: true });
}
// The test phones' sockets may keep a timer or two.
process.exit();
