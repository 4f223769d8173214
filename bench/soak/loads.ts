/** The loads of a soak run. Each is one round of work against the exchange and tells what it did. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Behaviour, createTestPhone, type TestCall, type TestPhone } from "../../sip/testphone/index.ts";
import { AGENTS, secretOf } from "../../test/kit/office.ts";
import { waitFor } from "../../test/kit/wait.ts";
import { SCENARIOS, sipp } from "../measure.ts";
import { CARRIER, PHONE_DID, QUEUE_DID, SIP } from "../office.ts";

/** What a load has done so far. `failed` counts what the exchange was to carry and did not. */
export interface Done {
  readonly calls: number;
  readonly registrations: number;
  readonly flows: number;
  readonly failed: number;
  /** One line for each failure, for the reader of a failed run. */
  readonly complaints: readonly string[];
}

const NOTHING: Done = { calls: 0, registrations: 0, flows: 0, failed: 0, complaints: [] };

/** The sum of both. */
export function plus(a: Done, b: Done): Done {
  return {
    calls: a.calls + b.calls,
    registrations: a.registrations + b.registrations,
    flows: a.flows + b.flows,
    failed: a.failed + b.failed,
    complaints: [...a.complaints, ...b.complaints].slice(-20),
  };
}

/** How a round's calls reach the exchange; "tls" is a TCP carrier behind a TLS relay. */
export type Way = "udp" | "tcp" | "tls";

/** Where the three ways lead: the exchange itself, or the relay. */
export interface Ways {
  readonly relayPort: number;
}

function toward(way: Way, ways: Ways): readonly string[] {
  return way === "tls"
    ? [`${CARRIER.host}:${ways.relayPort}`, "-t", "t1"]
    : [`${SIP.address}:${SIP.port}`, "-t", way === "udp" ? "u1" : "t1"];
}

/** Local ports of the callers, one a way and load, so that rounds of different ways may overlap. */
const CALLER_PORT: Readonly<Record<Way, number>> = { udp: CARRIER.port, tcp: 44_930, tls: 44_931 };
const GIVE_UP_PORT: Readonly<Record<Way, number>> = { udp: 44_932, tcp: 44_933, tls: 44_934 };

/** Recorded queue calls of 5 s with voice, `perSecond` of them, for about 20 s. */
export async function queueCalls(
  folder: string,
  way: Way,
  ways: Ways,
  round: number,
  perSecond: number,
): Promise<Done> {
  const count = Math.max(1, Math.round(perSecond * 20));
  const result = await sipp(folder, `queue-${way}-${round}`, [
    ...toward(way, ways),
    ...[
      "-sf",
      join(SCENARIOS, "caller.xml"),
      "-s",
      QUEUE_DID,
      "-i",
      CARRIER.host,
      "-p",
      String(CALLER_PORT[way]),
    ],
    ...["-mi", CARRIER.host, "-m", String(count), "-r", String(Math.round(perSecond * 10)), "-rp", "10000"],
    ...["-l", "18", "-d", "5000", "-timeout", "120", "-recv_timeout", "30000"],
  ]);
  const failed = count - result.succeeded;
  return {
    ...NOTHING,
    calls: result.succeeded,
    failed,
    complaints: failed > 0 ? [`round ${round}: ${failed} of ${count} queue calls over ${way} failed`] : [],
  };
}

/** Callers who hang up while the phone rings. */
export async function givenUp(folder: string, way: Way, ways: Ways, round: number): Promise<Done> {
  const count = 10;
  const result = await sipp(folder, `give-up-${way}-${round}`, [
    ...toward(way, ways),
    ...[
      "-sf",
      join(SCENARIOS, "cancel.xml"),
      "-s",
      PHONE_DID,
      "-i",
      CARRIER.host,
      "-p",
      String(GIVE_UP_PORT[way]),
    ],
    ...["-m", String(count), "-r", "1", "-l", "1", "-d", "300", "-timeout", "60"],
  ]);
  const failed = count - result.succeeded;
  return {
    ...NOTHING,
    calls: result.succeeded,
    failed,
    complaints: failed > 0 ? [`round ${round}: ${failed} of ${count} given-up calls over ${way} failed`] : [],
  };
}

/** Phones that register anew, with digest, 20 a second; `expiresS` 0 signs them off. */
export async function registrations(
  folder: string,
  way: "udp" | "tcp",
  round: number,
  numbers: readonly string[],
  expiresS: number,
): Promise<Done> {
  const csv = join(folder, `churn-${way}.txt`);
  const port = way === "udp" ? 44_935 : 44_936;
  const lines = numbers.map(
    (number) =>
      `${number};[authentication username=${number} password=${secretOf(number)}];${port};${expiresS}`,
  );
  writeFileSync(csv, `SEQUENTIAL\n${lines.join("\n")}\n`);
  const count = expiresS === 0 ? numbers.length : 300;
  const result = await sipp(folder, `register-${way}-${round}`, [
    ...[
      `${SIP.address}:${SIP.port}`,
      "-t",
      way === "udp" ? "u1" : "t1",
      "-sf",
      join(SCENARIOS, "register.xml"),
    ],
    ...[
      "-inf",
      csv,
      "-m",
      String(count),
      "-r",
      "20",
      "-i",
      SIP.address,
      "-p",
      String(port),
      "-timeout",
      "60",
    ],
  ]);
  const failed = count - result.succeeded;
  return {
    ...NOTHING,
    registrations: result.succeeded,
    failed,
    complaints: failed > 0 ? [`round ${round}: ${failed} of ${count} registrations over ${way} failed`] : [],
  };
}

/** Real phones: two talk with hold and transfer to a third; a fourth only rings, for callers who give up. */
export class DeskPhones {
  private constructor(
    private readonly first: TestPhone,
    private readonly second: TestPhone,
    private readonly third: TestPhone,
    private readonly ringing: TestPhone,
  ) {}

  /** `target`: number of the phone that transfers go to. */
  static async open(target: string): Promise<DeskPhones> {
    const [a = "", b = "", c = ""] = AGENTS;
    const phone = (number: string, transport: "udp" | "tcp", behaviour: Behaviour) =>
      createTestPhone({ number, password: secretOf(number), server: SIP, transport, hz: 700, behaviour });
    const answer = { kind: "answer", afterMs: 100 } as const;
    return new DeskPhones(
      await phone(a, "udp", answer),
      await phone(b, "tcp", answer),
      await phone(target, "udp", answer),
      await phone(c, "udp", { kind: "ring" }),
    );
  }

  async round(round: number): Promise<Done> {
    let calls = 0;
    try {
      await this.#talk();
      calls++;
      await this.#transferred();
      calls++;
      return { ...NOTHING, calls };
    } catch (error) {
      await Promise.race([Promise.all(this.#calls().map((call) => call.hangup())), Bun.sleep(5000)]);
      this.#forget();
      return { ...NOTHING, calls, failed: 1, complaints: [`round ${round}: phones: ${error}`] };
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.first, this.second, this.third, this.ringing].map((phone) => phone.stop()));
  }

  #calls(): TestCall[] {
    return [this.first, this.second, this.third].flatMap((phone) => phone.calls);
  }

  /** A test phone keeps its calls; a long run must not. */
  #forget(): void {
    for (const phone of [this.first, this.second, this.third]) phone.calls.splice(0);
    const { calls } = this.ringing;
    calls.splice(0, calls.length, ...calls.filter((call) => call.state !== "ended"));
  }

  async #talk(): Promise<void> {
    const call = await this.first.dial(this.second.number);
    if (!(await call.answered)) throw new Error("a call between two phones was not answered");
    if ((await call.hold(true)) !== 200) throw new Error("hold was refused");
    if ((await call.hold(false)) !== 200) throw new Error("the end of hold was refused");
    await call.hangup();
    await this.#quiet();
  }

  async #transferred(): Promise<void> {
    const call = await this.second.dial(this.first.number);
    if (!(await call.answered)) throw new Error("a call between two phones was not answered");
    const status = await call.transfer(`sip:${this.third.number}@${SIP.address}:${SIP.port}`);
    if (status !== 202) throw new Error(`a transfer got ${status}`);
    const taken = await waitFor(
      () => this.third.calls.find((each) => each.state === "answered"),
      "the transferred call",
      10_000,
    );
    await taken.hangup();
    await this.#quiet();
  }

  async #quiet(): Promise<void> {
    await waitFor(
      () => this.#calls().every((call) => call.state === "ended"),
      "the ends of the calls",
      10_000,
    );
    this.#forget();
  }
}
