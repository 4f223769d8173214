/**
 * A whole exchange for end-to-end tests: composed in this process or run as the real program, in a folder and on ports
 * of its own, furnished through the same use cases as the pages.
 */
import { Database } from "bun:sqlite";
import { createSocket, type Socket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App } from "../../appliance/app.ts";
import type { CallEvent } from "../../appliance/calls/events.ts";
import { compose } from "../../appliance/compose.ts";
import type { Config } from "../../appliance/config.ts";
import {
  createTestCarrier,
  createTestPhone,
  type TestCall,
  type TestCarrier,
  type TestCarrierOptions,
  type TestPhone,
  type TestPhoneOptions,
} from "../../sip/testphone/index.ts";
import type { Database as Schema } from "../../storage/schema/index.ts";
import { furnish, type Office, type OfficeOptions, secretOf } from "./office.ts";
import { endOf, listenTo } from "./process.ts";
import { freePort, waitFor } from "./wait.ts";

export type CallRow = Schema["call_record"];
export type RecordingRow = Schema["recording"];

/** The exchange knows the carrier by this loopback address and never mistakes a phone for it. */
export const CARRIER_ADDRESS = "127.0.0.2";
const HOST = "127.0.0.1";
const ROOT = new URL("../..", import.meta.url).pathname;

/** Voice ports below the ports that systems give out, in hundreds; each is held by a bound socket while in use. */
async function voicePorts(hundreds: number): Promise<{ min: number; max: number; release: () => void }> {
  const blocks = 90 - hundreds + 1;
  const first = Math.floor(Math.random() * blocks);
  for (let tries = 0; tries < blocks; tries++) {
    const block = (first + tries) % blocks;
    const locks = await Promise.all(Array.from({ length: hundreds }, (_, n) => locked(20_000 + block + n)));
    const release = () => {
      for (const lock of locks) lock?.close();
    };
    const min = 21_000 + block * 100;
    if (!locks.includes(undefined)) return { min, max: min + hundreds * 100 - 1, release };
    release();
  }
  throw new Error("No free block of voice ports");
}

function locked(port: number): Promise<Socket | undefined> {
  const lock = createSocket("udp4");
  return new Promise((resolve) => {
    lock.once("error", () => resolve(undefined));
    lock.bind(port, HOST, () => resolve(lock));
  });
}

/** What both kinds of exchange offer: phones, a carrier and the stored truth. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), "zongji-e2e-"));
  readonly server: { readonly address: string; readonly port: number };
  readonly config: Config;
  readonly carrierPort: number;
  readonly phones: TestPhone[] = [];
  office: Office = { trunkId: 0, groupId: 0, didId: 0, flowId: 0, agentIds: {}, extensionIds: {} };
  #carrier: TestCarrier | undefined;
  readonly #release: () => void;
  #db: Database | undefined;

  private constructor(
    address: string,
    port: number,
    carrierPort: number,
    voice: Awaited<ReturnType<typeof voicePorts>>,
  ) {
    this.server = { address, port };
    this.carrierPort = carrierPort;
    this.#release = voice.release;
    this.config = {
      dataFolder: this.folder,
      web: { address: HOST, port: 0 },
      sip: {
        engine: "embedded",
        contacts: [`sip:${address}:${port};transport=udp,tcp`],
        address,
        lan: ["127.0.0.0/8", `${address}/32`],
        realm: "zongji",
      },
      media: { portMin: voice.min, portMax: voice.max, tts: "espeak-ng" },
      demo: false,
    };
  }

  /** `address`: where it listens; loopback unless phones refuse that. `hundreds` of voice ports: a call takes eight. */
  static async make(address = HOST, hundreds = 1): Promise<Place> {
    const voice = await voicePorts(hundreds);
    return new Place(address, await freePort(address), await freePort(CARRIER_ADDRESS), voice);
  }

  /** "127.0.0.1:PORT", as sipp wants it. */
  get remote(): string {
    return `${this.server.address}:${this.server.port}`;
  }

  /** Where it listens for IPv6, if it does. */
  get server6(): { readonly address: string; readonly port: number } {
    return { address: "::1", port: this.server.port };
  }

  /** The carrier of the trunk, made at the first use. */
  get carrier(): TestCarrier {
    if (!this.#carrier) throw new Error("The carrier is not open");
    return this.#carrier;
  }

  async openCarrier(options: Partial<TestCarrierOptions> = {}): Promise<TestCarrier> {
    this.#carrier = await createTestCarrier({
      address: CARRIER_ADDRESS,
      port: this.carrierPort,
      server: this.server,
      hz: 1100,
      listenFor: TONES,
      ...options,
    });
    return this.#carrier;
  }

  async closeCarrier(): Promise<void> {
    await this.#carrier?.stop();
    this.#carrier = undefined;
  }

  /** A registered phone of extension `number`; its tone is `toneOf(number)`. */
  async phone(number: string, options: Partial<TestPhoneOptions> = {}): Promise<TestPhone> {
    const phone = await createTestPhone({
      number,
      password: secretOf(number),
      server: this.server,
      hz: toneOf(number),
      listenFor: TONES,
      behaviour: { kind: "answer", afterMs: 100 },
      ...options,
    });
    this.phones.push(phone);
    return phone;
  }

  get db(): Database {
    this.#db ??= new Database(join(this.folder, "zongji.db"), { readonly: true });
    return this.#db;
  }

  /** All call records, oldest journey first, parts in order. */
  records(): CallRow[] {
    return this.db.query("SELECT * FROM call_record ORDER BY started_at, journey, part").all() as CallRow[];
  }

  record(journey: string): CallRow | undefined {
    return this.records().find((row) => row.journey === journey && row.part === 0);
  }

  recording(id: string | null): RecordingRow | undefined {
    return (
      (this.db.query("SELECT * FROM recording WHERE id = ?").get(id) as RecordingRow | null) ?? undefined
    );
  }

  /** Facts of a journey, or all of them, as they were stored. */
  events(journey?: string): CallEvent[] {
    const rows = this.db.query("SELECT * FROM call_event ORDER BY seq").all() as (Omit<CallEvent, "data"> & {
      data: string;
    })[];
    const all = rows.map((row) => ({ ...row, data: JSON.parse(row.data) }) as CallEvent);
    return journey === undefined ? all : all.filter((event) => event.journey === journey);
  }

  /** The newest journey whose caller and callee are these; its start may still be on the way. */
  journey(caller: string, callee: string, timeoutMs = 5000): Promise<string> {
    return waitFor(
      () =>
        this.records().findLast(
          (row) => row.part === 0 && row.caller_original === caller && row.callee_original === callee,
        )?.journey,
      `a journey from ${caller} to ${callee}`,
      timeoutMs,
    );
  }

  /** The record of a journey once it has ended. */
  ended(journey: string, timeoutMs = 10_000): Promise<CallRow> {
    return waitFor(
      () => {
        const row = this.record(journey);
        return row?.ended_at == null ? undefined : row;
      },
      `the end of journey ${journey}`,
      timeoutMs,
    );
  }

  async closePlace(): Promise<void> {
    await Promise.all(this.phones.map((phone) => phone.vanish().catch(() => {})));
    await this.closeCarrier();
    this.#db?.close();
    this.#release();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const OWN_TONE: Readonly<Record<string, number>> = { "1001": 400, "1002": 700, "1003": 1600 };
/** The menu's prompt is this tone. */
export const PROMPT_HZ = 2000;
export const CARRIER_HZ = 1100;
const TONES = [400, 700, 1600, CARRIER_HZ, PROMPT_HZ];
export function toneOf(number: string): number {
  return OWN_TONE[number] ?? 400;
}

/** An exchange in this process. */
export interface Exchange extends Place {
  readonly app: App;
  readonly log: string[];
  stop(): Promise<void>;
}

/** Composes and furnishes an exchange and opens its carrier. */
export async function startExchange(
  options: OfficeOptions & {
    readonly address?: string;
    /** Hundreds of voice ports; default 1. */
    readonly voicePorts?: number;
    /** Serves the pages by HTTPS too, when they are served. */
    readonly https?: boolean;
    /** Listens for SIP by TLS here, with the certificate the exchange makes itself. */
    readonly tlsPort?: number;
    /** Listens on ::1 too, see `Place.server6`. */
    readonly ipv6?: boolean;
    /** Puts files into the data folder before the exchange starts. */
    readonly prepare?: (folder: string) => void;
    /** Starts an engine of its own listening at `contact`; gives the `sip.engine` that reaches it. */
    readonly engineFor?: (contact: string) => Promise<string>;
    /** Names that do not go to DNS. */
    readonly hosts?: NonNullable<Config["sip"]["hosts"]>;
    /** Traces on disk; default none. */
    readonly trace?: NonNullable<Config["trace"]>;
    /** How it meets attackers; by default loopback is not judged. */
    readonly defence?: NonNullable<Config["defence"]>;
  } = {},
): Promise<Exchange> {
  const place = await Place.make(options.address, options.voicePorts);
  const log: string[] = [];
  const { sip } = place.config;
  const web = options.https ? { ...place.config.web, httpsPort: await freePort() } : place.config.web;
  const engine = (await options.engineFor?.(sip.contacts[0] ?? "")) ?? sip.engine;
  const trace = options.trace ? { trace: options.trace } : {};
  const defence = options.defence ? { defence: options.defence } : {};
  options.prepare?.(place.folder);
  const { tlsPort } = options;
  const secure = tlsPort === undefined ? [] : [`sip:${sip.address}:${tlsPort};transport=tls`];
  const six = options.ipv6 ? [`sip:[${place.server6.address}]:${place.server6.port};transport=udp,tcp`] : [];
  const contacts = [...sip.contacts, ...secure, ...six];
  const lan = [...sip.lan, ...(options.ipv6 ? ["::1/128"] : [])];
  const config = {
    ...place.config,
    ...trace,
    ...defence,
    web,
    sip: { ...sip, contacts, lan, engine, hosts: options.hosts ?? {} },
  };
  const app = await compose(config, { log: (line) => log.push(line) });
  place.office = await furnish(app, { host: CARRIER_ADDRESS, port: place.carrierPort }, options);
  await place.openCarrier();
  const exchange: Exchange = Object.assign(place, {
    app,
    log,
    async stop() {
      await place.closeCarrier();
      // A test may have put another run in the place of the first.
      await exchange.app.stop();
      await place.closePlace();
    },
  });
  return exchange;
}

/** The real program as a process of its own. */
export class Program {
  readonly place: Place;
  output = "";
  #child: Bun.Subprocess<"ignore", "pipe", "pipe"> | undefined;

  constructor(place: Place) {
    this.place = place;
  }

  /** Furnishes a folder, then lets the program run on it. */
  static async start(options: OfficeOptions = {}): Promise<Program> {
    const place = await Place.make();
    const app = await compose(place.config, { log: () => {} });
    place.office = await furnish(app, { host: CARRIER_ADDRESS, port: place.carrierPort }, options);
    await app.stop();
    const program = new Program(place);
    await program.run();
    await place.openCarrier();
    return program;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Runs `zongji serve` and waits until it is ready. */
  async run(): Promise<void> {
    const { config } = this.place;
    const child = Bun.spawn(
      [
        process.execPath,
        join(ROOT, "appliance/main.ts"),
        "serve",
        ...["--data", config.dataFolder, "--web", `${config.web.address}:0`],
        ...["--sip", config.sip.contacts[0] ?? "", "--address", config.sip.address],
        ...["--media-ports", `${config.media.portMin}-${config.media.portMax}`],
      ],
      { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    this.#child = child;
    this.output = "";
    listenTo(child, (text) => {
      this.output += text;
    });
    await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`The program ended: ${this.output}`);
        return this.output.includes("Ready after");
      },
      "the program to be ready",
      20_000,
    ).catch((error: unknown) => {
      throw new Error(`${error}: ${this.output}`);
    });
  }

  /** "http://127.0.0.1:PORT/" of the pages. */
  get web(): string {
    return /Web address:\s+(\S+)/.exec(this.output)?.[1] ?? "";
  }

  /** Power off: no word to anybody. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  async stop(): Promise<void> {
    await this.place.closeCarrier();
    this.#child?.kill("SIGTERM");
    if (this.#child !== undefined) await endOf(this.#child, 8000);
    await this.place.closePlace();
  }
}

/** The newest call of a phone or carrier, once there is one more than `before`. */
export function nextCall(
  phone: { readonly calls: readonly TestCall[] },
  before: number,
  what = "the phone to ring",
): Promise<TestCall> {
  return waitFor(() => (phone.calls.length > before ? phone.calls.at(-1) : undefined), what, 10_000);
}
