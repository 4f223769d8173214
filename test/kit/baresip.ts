/** baresip as a desk phone: its own folder, driven over ctrl_tcp. It refuses `lo`: use the machine's own address. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endOf, listenTo } from "./process.ts";
import { toneWav } from "./tone.ts";
import { freePort, waitFor } from "./wait.ts";

export interface BaresipOptions {
  readonly user: string;
  readonly password: string;
  /** The exchange, "192.168.1.2:5060". */
  readonly server: string;
  /** The machine's own address, not loopback. */
  readonly address: string;
  readonly transport?: "udp" | "tcp" | "tls";
  /** Authority (PEM) of the exchange's certificate; baresip 1.0 takes any certificate all the same. */
  readonly ca?: string;
  /** SRTP offered as RTP/AVP with keys ("srtp") or insisted on as RTP/SAVP ("srtp-mand"). */
  readonly mediaenc?: "srtp" | "srtp-mand";
  /** Own tone, Hz; default 500. */
  readonly hz?: number;
  readonly registerS?: number;
}

/** An event or answer of ctrl_tcp. */
export interface BaresipMessage {
  readonly event?: boolean;
  readonly type?: string;
  readonly class?: string;
  readonly response?: boolean;
  readonly ok?: boolean;
  readonly data?: string;
  readonly param?: string;
  readonly peeruri?: string;
  readonly id?: string;
}

const MODULES = "/usr/lib/baresip/modules";

export class Baresip {
  readonly messages: BaresipMessage[] = [];
  output = "";
  readonly #folder: string;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #control: Socket;
  #buffer = "";

  private constructor(folder: string, child: Bun.Subprocess<"ignore", "pipe", "pipe">, control: Socket) {
    this.#folder = folder;
    this.#child = child;
    this.#control = control;
    control.on("data", (bytes) => this.#data(bytes.toString("latin1")));
    control.on("error", () => {});
  }

  static async start(options: BaresipOptions): Promise<Baresip> {
    const { address, transport = "udp", hz = 500 } = options;
    const folder = await mkdtemp(join(tmpdir(), "zongji-baresip-"));
    const controlPort = await freePort();
    const sipPort = await freePort(address);
    const modules = ["g711.so", "aufile.so", "sndfile.so", "srtp.so", "account.so", "ctrl_tcp.so", "menu.so"];
    // ausine knows 48 kHz only; a minute of tone is longer than any test.
    const tone = join(folder, "tone.wav");
    await writeFile(tone, toneWav(hz, 60_000));
    const ca = join(folder, "ca.pem");
    if (options.ca !== undefined) await writeFile(ca, options.ca);
    await writeFile(
      join(folder, "config"),
      [
        `module_path ${MODULES}`,
        ...modules.slice(0, 4).map((name) => `module ${name}`),
        ...modules.slice(4).map((name) => `module_app ${name}`),
        `sip_listen ${address}:${sipPort}`,
        ...(options.ca === undefined ? [] : [`sip_cafile ${ca}`]),
        `ctrl_tcp_listen 127.0.0.1:${controlPort}`,
        `audio_source aufile,${tone}`,
        `snd_path ${folder}`,
        "call_max_calls 4",
        "rtp_timeout 0",
        "",
      ].join("\n"),
    );
    const account = `<sip:${options.user}@${options.server};transport=${transport}>;auth_user=${options.user};auth_pass=${
      options.password
    };regint=${options.registerS ?? 300};audio_codecs=PCMA${
      options.mediaenc === undefined ? "" : `;mediaenc=${options.mediaenc}`
    }`;
    await writeFile(join(folder, "accounts"), `${account}\n`);
    await writeFile(join(folder, "contacts"), "");
    const child = Bun.spawn(["baresip", "-f", folder], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const control = await waitFor(() => tryConnect(controlPort), "baresip's control port", 8000).catch(
      async (error) => {
        child.kill("SIGKILL");
        await rm(folder, { recursive: true, force: true });
        throw error;
      },
    );
    const phone = new Baresip(folder, child, control);
    listenTo(child, (text) => {
      phone.output += text;
    });
    return phone;
  }

  /** A command of baresip's menu: "dial", "accept", "hangup", "hold", "resume", "sndcode" (one key a time), "transfer" … */
  command(command: string, params = ""): void {
    const text = JSON.stringify({ command, params, token: crypto.randomUUID() });
    this.#control.write(`${Buffer.byteLength(text)}:${text},`);
  }

  /** Waits for an event such as "CALL_INCOMING", "CALL_ESTABLISHED", "CALL_CLOSED". The first REGISTER_OK may come too early to be seen. */
  event(type: string, timeoutMs = 8000): Promise<BaresipMessage> {
    return waitFor(
      () => this.messages.find((message) => message.type === type),
      `${type} of baresip`,
      timeoutMs,
    );
  }

  /** Forgets the events so far, so that `event` waits for those of the next call. */
  clear(): void {
    this.messages.length = 0;
  }

  /** Path of what it heard in its newest call (WAV), complete after the call. */
  async heardFile(): Promise<string | undefined> {
    const files = (await readdir(this.#folder)).filter((name) => /^dump-.*-dec\.wav$/.test(name));
    const newest = files.sort().at(-1);
    return newest === undefined ? undefined : join(this.#folder, newest);
  }

  async stop(): Promise<void> {
    this.command("quit");
    await endOf(this.#child, 1500);
    this.#control.destroy();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Netstrings: LENGTH:JSON, */
  #data(text: string): void {
    this.#buffer += text;
    for (;;) {
      const colon = this.#buffer.indexOf(":");
      const length = Number(this.#buffer.slice(0, colon));
      if (colon < 0 || this.#buffer.length < colon + 2 + length) return;
      const json = Buffer.from(this.#buffer.slice(colon + 1, colon + 1 + length), "latin1").toString();
      this.#buffer = this.#buffer.slice(colon + 2 + length);
      this.messages.push(JSON.parse(json) as BaresipMessage);
    }
  }
}

function tryConnect(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}
