/** A furnished office under load: recorded calls in a queue, set-up latency meanwhile, memory, what was recorded. */
import { Database } from "bun:sqlite";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compose } from "../appliance/compose.ts";
import { SYSTEM_ACTOR } from "../appliance/kernel.ts";
import { AGENTS, furnish, secretOf } from "../test/kit/office.ts";
import { latencyWords } from "./b2bua.ts";
import {
  atRest,
  cpuMs,
  percentile,
  type Row,
  residentMb,
  SCENARIOS,
  sipp,
  startExchange,
} from "./measure.ts";
import { listenToPace, pacingRow } from "./pacing.ts";
import { setUpTimes } from "./set-up.ts";

export const SIP = { address: "127.0.0.1", port: 44_920 };
export const CARRIER = { host: "127.0.0.2", port: 44_921 };
export const AGENT_PORT = 44_922;
const PHONE_PORT = 44_923;
export const AGENT_VOICE = 44_924;
export const VOICE = { min: 45_000, max: 46_999 };
export const QUEUE_DID = "02155501001";
export const PHONE_DID = "02155501002";

export interface OfficeLoad {
  /** Calls up at once, each with an agent of its own. */
  readonly calls: number;
  /** How long each is held, s. */
  readonly holdS: number;
  readonly latencyCalls: number;
  /** How long the pace of the voice is listened to, s. */
  readonly paceS: number;
}

/** An office with these agents in the queue behind QUEUE_DID and others in no queue, on ports of its own. */
export async function makeOffice(
  data: string,
  agents: readonly string[],
  others: readonly string[] = [],
): Promise<void> {
  const app = await compose(
    {
      dataFolder: data,
      web: { address: SIP.address, port: 0 },
      sip: {
        engine: "embedded",
        contacts: [`sip:${SIP.address}:${SIP.port};transport=udp,tcp`],
        address: SIP.address,
        lan: ["127.0.0.0/8"],
        realm: "zongji",
      },
      media: { portMin: VOICE.min, portMax: VOICE.max, tts: "espeak-ng" },
      demo: false,
    },
    { log: () => {} },
  );
  try {
    const office = await furnish(app, CARRIER, { trunk: { maxCalls: 300 } });
    const ids: number[] = [];
    for (const number of [...agents, ...others]) {
      const agent = await app.people.agents.save(SYSTEM_ACTOR, undefined, {
        number,
        firstName: `Agent${number}`,
        lastName: "",
        roleId: null,
        departmentId: null,
        sipSecret: secretOf(number),
        clickToCallOnly: false,
        enabled: true,
        displayedNumberId: null,
        workInBrowser: false,
        browserTimeoutS: 60,
      });
      if (agents.includes(number)) ids.push(agent.id);
    }
    const former = await app.queueing.groups.get(SYSTEM_ACTOR, office.groupId);
    await app.queueing.groups.save(SYSTEM_ACTOR, former.id, {
      ...former,
      strategy: "longest-idle",
      capacity: 300,
      members: ids.map((agentId) => ({ agentId, priority: 1, kind: "static" as const })),
    });
    const did = { groupLabel: "", trunkId: office.trunkId, callerNumberPrefix: "", callerNamePrefix: "" };
    await app.routing.dids.save(SYSTEM_ACTOR, undefined, {
      ...did,
      number: QUEUE_DID,
      name: "Queue",
      destination: { type: "group", id: former.id },
      enabled: true,
      note: "",
    });
    await app.routing.dids.save(SYSTEM_ACTOR, undefined, {
      ...did,
      number: PHONE_DID,
      name: "Phone",
      destination: { type: "extension", id: office.extensionIds[AGENTS[2] ?? ""] ?? 0 },
      enabled: true,
      note: "",
    });
  } finally {
    await app.stop();
  }
}

/** Registers the numbers for `expiresS` seconds from local port `port`, where their phones will listen. */
export async function register(
  folder: string,
  name: string,
  numbers: readonly string[],
  port: number,
  expiresS = 300,
): Promise<void> {
  const csv = join(folder, `${name}.txt`);
  const lines = numbers.map(
    (number) =>
      `${number};[authentication username=${number} password=${secretOf(number)}];${port};${expiresS}`,
  );
  writeFileSync(csv, `SEQUENTIAL\n${lines.join("\n")}\n`);
  const done = await sipp(folder, name, [
    ...[`${SIP.address}:${SIP.port}`, "-sf", join(SCENARIOS, "register.xml"), "-inf", csv],
    ...["-m", String(numbers.length), "-r", "50", "-i", SIP.address, "-p", String(port), "-timeout", "20"],
  ]);
  if (done.succeeded !== numbers.length)
    throw new Error(`${done.succeeded} of ${numbers.length} phones could register`);
}

/** What callers speak: ten seconds of a hum in A-law, repeated by sipp. */
export function voiceFile(folder: string): void {
  const wave = Buffer.from([0xd5, 0xc5, 0xd0, 0x55, 0x45, 0x50]);
  writeFileSync(join(folder, "voice.raw"), Buffer.alloc(80_000, wave));
}

/** What the store says of the calls of the queue. */
function stored(data: string): {
  readonly answered: number;
  readonly recorded: number;
  readonly short: number;
} {
  const db = new Database(join(data, "zongji.db"), { readonly: true });
  try {
    const rows = db
      .query("SELECT talk_ms, recording FROM call_record WHERE part = 0 AND did_number = ?")
      .all(QUEUE_DID) as { talk_ms: number; recording: string | null }[];
    const lengths = new Map(
      (
        db.query("SELECT id, duration_ms FROM recording").all() as {
          id: string;
          duration_ms: number | null;
        }[]
      ).map(({ id, duration_ms }) => [id, duration_ms ?? 0]),
    );
    const answered = rows.filter((row) => row.talk_ms > 0);
    const recorded = answered.filter((row) => (lengths.get(row.recording ?? "") ?? 0) > 0);
    return {
      answered: answered.length,
      recorded: recorded.length,
      // Shorter than the talk by more than half a second: sound is missing.
      short: recorded.filter((row) => (lengths.get(row.recording ?? "") ?? 0) < row.talk_ms - 500).length,
    };
  } finally {
    db.close();
  }
}

export async function officeUnderLoad(folder: string, load: OfficeLoad): Promise<Row[]> {
  const data = join(folder, "office");
  mkdirSync(data, { mode: 0o700 });
  const agents = Array.from({ length: load.calls }, (_, n) => String(2001 + n));
  await makeOffice(data, agents);
  voiceFile(folder);
  const exchange = await startExchange(data, SIP, VOICE);
  const rows: Row[] = [];
  try {
    await atRest(exchange.pid);
    await register(folder, "agents", agents, AGENT_PORT);
    await register(folder, "phone", [AGENTS[2] ?? ""], PHONE_PORT);
    const phone = {
      exchange: SIP,
      carrierAddress: CARRIER.host,
      phonePort: PHONE_PORT,
      did: PHONE_DID,
      calls: load.latencyCalls,
      perSecond: 20,
    };
    const quiet = await setUpTimes(phone);
    rows.push(latencyRow("INVITE in → INVITE out, 20 calls/s, else idle", quiet));
    const answering = Bun.spawn(
      [
        ...["sipp", "-sf", join(SCENARIOS, "agent.xml"), "-i", SIP.address, "-p", String(AGENT_PORT)],
        ...[
          "-mi",
          SIP.address,
          "-mp",
          String(AGENT_VOICE),
          "-rtp_echo",
          "-aa",
          "-nostdin",
          "-max_socket",
          "2000",
        ],
      ],
      { cwd: folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
    );
    const before = { cpu: cpuMs(exchange.pid), at: performance.now() };
    const calling = sipp(folder, "callers", [
      ...[`${SIP.address}:${SIP.port}`, "-sf", join(SCENARIOS, "caller.xml"), "-s", QUEUE_DID],
      ...["-i", CARRIER.host, "-p", String(CARRIER.port), "-mi", CARRIER.host],
      ...["-m", String(load.calls), "-r", "10", "-l", String(load.calls), "-d", String(load.holdS * 1000)],
      ...["-timeout", String(load.holdS + 60), "-recv_timeout", "30000"],
    ]);
    await Bun.sleep((load.calls / 10) * 1000 + 1500);
    const [busy, heard] = await Promise.all([
      setUpTimes(phone),
      listenToPace({
        exchange: SIP,
        carrierAddress: CARRIER.host,
        did: QUEUE_DID,
        seconds: load.paceS,
      }),
    ]);
    const memory = residentMb(exchange.pid);
    const cpu = (cpuMs(exchange.pid) - before.cpu) / (performance.now() - before.at);
    const done = await calling;
    answering.kill("SIGKILL");
    rows.push(pacingRow(load.calls, heard));
    rows.push(latencyRow(`the same with ${load.calls} recorded calls offered to the queue`, busy));
    rows.push({
      what: `memory with ${load.calls} recorded queue calls (without rtpengine)`,
      value: `${memory} MB`,
      budget: "< 250 MB",
      met: memory < 250,
    });
    rows.push({
      what: "CPU of the exchange meanwhile (without rtpengine)",
      value: `${cpu.toFixed(2)} cores`,
      budget: "",
    });
    await Bun.sleep(1500);
    const kept = stored(data);
    rows.push({
      what: `${load.calls} recorded queue calls at once`,
      value: `${done.succeeded} went through, ${done.failed} failed, ${done.retransmissions} retransmissions; ${kept.recorded} recorded, ${kept.short} of them more than 0.5 s short`,
      budget: `${load.calls}, none short`,
      met: done.succeeded === load.calls && kept.recorded === load.calls && kept.short === 0,
    });
  } finally {
    await exchange.stop();
  }
  return rows;
}

function latencyRow(what: string, { times, lost }: { times: readonly number[]; lost: number }): Row {
  return {
    what,
    value: `${latencyWords(times)}, ${lost} lost`,
    budget: "p99 < 20 ms",
    met: lost === 0 && percentile(times, 0.99) < 20,
  };
}
