/** rtpengine as a child process: own configuration, watched each second, restarted at once when it dies. */
import { createSocket } from "node:dgram";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { RtpengineStartError } from "./errors.ts";
import { preferProcess } from "./priority.ts";
import { createRtpengineClient, type RtpengineClient } from "./rtpengine.ts";

export interface RtpengineSettings {
  /** Program name or path. */
  readonly binary: string;
  /** Folder for the configuration and the pid file. */
  readonly folder: string;
  /** Address towards phones and trunks. */
  readonly address: string;
  /** Address to write into SDP instead, behind a port-forwarding router. */
  readonly advertised?: string;
  /** Address towards parties that speak IPv6; absent = none do. */
  readonly address6?: string;
  readonly ports: { readonly min: number; readonly max: number };
  /** Control port on loopback; 0 = any free one. */
  readonly ngPort: number;
  readonly log: (line: string) => void;
}

export type RtpengineState = "up" | "starting" | "down";

const LOOPBACK = "127.0.0.1";

/** Names of the two sides for `direction`; null when both are the same loopback address. */
export function sidesOf(address: string): { readonly party: string; readonly port: string } | null {
  return address === LOOPBACK ? null : { party: "party", port: "port" };
}

/** The configuration file (facts measured with rtpengine 10.5: userspace only, no media time-out below an hour). */
export function rtpengineConfig(settings: Omit<RtpengineSettings, "log" | "binary">, ngPort: number): string {
  const { address, address6, advertised, ports } = settings;
  const outside = advertised && advertised !== address ? `${address}!${advertised}` : address;
  const sides = sidesOf(address);
  // Two addresses of one name: each leg says which family its party speaks.
  const party = (name: string) => [outside, ...(address6 ? [address6] : [])].map((each) => `${name}${each}`);
  const interfaces = sides ? [`${sides.port}/${LOOPBACK}`, ...party(`${sides.party}/`)] : party("");
  return `[rtpengine]
table = -1
foreground = true
log-stderr = true
log-level = 4
interface = ${interfaces.join(";")}
listen-ng = 127.0.0.1:${ngPort}
port-min = ${ports.min}
port-max = ${ports.max}
timeout = 3600
silent-timeout = 14400
final-timeout = 43200
offer-timeout = 3600
delete-delay = 0
num-threads = 2
media-num-threads = 1
`;
}

/** A UDP port that is free at this moment on loopback. */
async function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", () =>
      reject(
        new RtpengineStartError("rtpengine-port-in-use", `UDP port ${wanted} (rtpengine control) is in use`),
      ),
    );
    socket.bind(wanted, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** True when process `pid` runs with our configuration file; a foreign process with a recycled pid is left alone. */
function isOurs(pid: number, configFile: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(configFile);
  } catch {
    return false;
  }
}

const PING_EVERY_MS = 1000;
const PINGS_LOST = 2;
const START_WITHIN_MS = 5000;
const RESTART_AFTER_MS = 100;
/** A start that fails again and again is tried at this pace. */
const RETRY_AFTER_MS = 1000;

export class RtpengineProcess {
  readonly #settings: RtpengineSettings;
  readonly #onChange: (state: RtpengineState) => void;
  readonly #configFile: string;
  readonly #pidFile: string;
  #child: Subprocess | null = null;
  #client: RtpengineClient | null = null;
  #state: RtpengineState = "starting";
  #restarts = 0;
  #stopping = false;
  #pingsLost = 0;
  #pinger: ReturnType<typeof setInterval> | null = null;
  #restart: ReturnType<typeof setTimeout> | null = null;
  #lastLines: string[] = [];

  private constructor(settings: RtpengineSettings, onChange: (state: RtpengineState) => void) {
    this.#settings = settings;
    this.#onChange = onChange;
    this.#configFile = join(settings.folder, "rtpengine.conf");
    this.#pidFile = join(settings.folder, "rtpengine.pid");
  }

  /**
   * Starts rtpengine and waits until it answers. `onChange` tells later losses and recoveries.
   * @throws RtpengineStartError
   */
  static async start(
    settings: RtpengineSettings,
    onChange: (state: RtpengineState) => void,
  ): Promise<RtpengineProcess> {
    const process = new RtpengineProcess(settings, onChange);
    mkdirSync(settings.folder, { recursive: true });
    await process.#endLeftover();
    try {
      await process.#launch();
    } catch (error) {
      await process.stop();
      throw error;
    }
    process.#state = "up";
    return process;
  }

  get state(): RtpengineState {
    return this.#state;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** The control client of the running process; null while it is down. */
  get client(): RtpengineClient | null {
    return this.#state === "up" ? this.#client : null;
  }

  /** Ends rtpengine and the watching. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#state = "down";
    if (this.#restart) clearTimeout(this.#restart);
    this.#detach();
    const child = this.#child;
    this.#child = null;
    if (child) {
      child.kill("SIGTERM");
      const hard = setTimeout(() => child.kill("SIGKILL"), 2000);
      await child.exited;
      clearTimeout(hard);
    }
    rmSync(this.#pidFile, { force: true });
  }

  async #endLeftover(): Promise<void> {
    let pid = 0;
    try {
      pid = Number(readFileSync(this.#pidFile, "utf8"));
    } catch {
      return;
    }
    if (!(pid > 1) || !isOurs(pid, this.#configFile)) return;
    this.#settings.log(`ending rtpengine ${pid} left over by an earlier run`);
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      return;
    }
    for (let i = 0; i < 100 && isOurs(pid, this.#configFile); i++) await Bun.sleep(10);
  }

  async #launch(): Promise<void> {
    const { binary, ngPort, log } = this.#settings;
    const port = await freePort(ngPort);
    if (this.#stopping) throw new RtpengineStartError("rtpengine-failed", "rtpengine is being stopped");
    writeFileSync(this.#configFile, rtpengineConfig(this.#settings, port));
    const program = Bun.which(binary);
    if (!program) {
      throw new RtpengineStartError(
        "rtpengine-missing",
        `The program ${binary} is missing; install it with: apt-get install -y --no-install-recommends rtpengine-daemon`,
      );
    }
    const child = Bun.spawn([program, `--config-file=${this.#configFile}`, "--config-section=rtpengine"], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      // A process group of its own: the terminal's Ctrl-C ends the exchange, which then ends rtpengine after the calls.
      detached: true,
      onExit: (gone) => this.#onExit(gone),
    });
    this.#child = child;
    this.#lastLines = [];
    void this.#readLog(child.stderr, log);
    writeFileSync(this.#pidFile, String(child.pid));
    const deadline = performance.now() + START_WITHIN_MS;
    while (this.#child === child && performance.now() < deadline) {
      const client = createRtpengineClient("127.0.0.1", port);
      const probe = createRtpengineClient("127.0.0.1", port, 100);
      const answered = await probe.command("ping").then(
        () => true,
        () => false,
      );
      probe.close();
      if (answered && this.#child === child) {
        preferProcess(child.pid);
        this.#client = client;
        this.#pingsLost = 0;
        this.#pinger = setInterval(() => void this.#ping(client), PING_EVERY_MS);
        return;
      }
      client.close();
      await Bun.sleep(10);
    }
    child.kill("SIGKILL");
    await child.exited;
    const said = this.#lastLines.join(" ");
    const inUse = /address already in use/i.test(said);
    throw new RtpengineStartError(
      inUse ? "rtpengine-port-in-use" : "rtpengine-failed",
      inUse
        ? `A UDP port of rtpengine is in use (control port ${port})`
        : `rtpengine does not start: ${said || "no message"}`,
    );
  }

  async #readLog(stream: ReadableStream<Uint8Array>, log: (line: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    const reader = stream.getReader();
    for (;;) {
      const { done, value: bytes } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = (lines.pop() ?? "").slice(-2000);
      for (const line of lines) {
        if (!line.trim()) continue;
        this.#lastLines = [...this.#lastLines.slice(-4), line];
        log(`rtpengine: ${line}`);
      }
    }
  }

  async #ping(client: RtpengineClient): Promise<void> {
    try {
      await client.command("ping");
      this.#pingsLost = 0;
    } catch {
      if (this.#client !== client || this.#stopping) return;
      // Alive but deaf: end it, the exit starts a new one.
      if (++this.#pingsLost >= PINGS_LOST) this.#child?.kill("SIGKILL");
    }
  }

  #detach(): void {
    if (this.#pinger) clearInterval(this.#pinger);
    this.#pinger = null;
    this.#client?.close();
    this.#client = null;
  }

  #onExit(gone: Subprocess): void {
    if (this.#stopping || this.#child !== gone) return;
    this.#child = null;
    this.#detach();
    // During a start the starter itself tells and repeats.
    if (this.#state !== "up") return;
    this.#state = "down";
    this.#settings.log(`rtpengine ended (${gone.signalCode ?? gone.exitCode}); starting it again`);
    this.#onChange("down");
    this.#again(RESTART_AFTER_MS);
  }

  #again(after: number): void {
    if (this.#stopping) return;
    this.#restart = setTimeout(async () => {
      this.#state = "starting";
      this.#restarts++;
      try {
        await this.#launch();
        if (this.#stopping) return;
        this.#state = "up";
        this.#onChange("up");
      } catch (error) {
        this.#state = "down";
        this.#settings.log(`rtpengine does not come back: ${error instanceof Error ? error.message : error}`);
        this.#again(RETRY_AFTER_MS);
      }
    }, after);
  }
}
