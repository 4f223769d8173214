/**
 * linphone's console phone (`linphonec`) without a sound card: it plays a file into its calls and records what it
 * hears. Driven by typing; it answers in words.
 *
 * What is odd about it: where it cannot make its database below HOME it opens no socket and says nothing; its TLS knows
 * names in certificates but no addresses, so it must be given a name; `soundcard use files` must come before a call; what
 * it records has no size until the call has ended, and is one file for all calls; `terminate` refuses a call with 603.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tonesOnChannels } from "./audio-proof.ts";
import { endOf, listenTo } from "./process.ts";
import { toneWav } from "./tone.ts";
import { waitFor } from "./wait.ts";

export interface LinphoneOptions {
  readonly user: string;
  readonly password: string;
  /** The exchange, "127.0.0.1:5060". */
  readonly server: string;
  readonly transport?: "udp" | "tcp" | "tls";
  /** Authority (PEM) of the exchange's certificate, for TLS. */
  readonly ca?: string;
  /** "srtp": it insists on it. */
  readonly mediaenc?: "none" | "srtp";
  /** Own tone, Hz. */
  readonly hz: number;
}

export class Linphone {
  /** All it said. */
  output = "";
  readonly #folder: string;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  #mark = 0;

  private constructor(folder: string, child: Bun.Subprocess<"pipe", "pipe", "pipe">) {
    this.#folder = folder;
    this.#child = child;
    listenTo(child, (text) => {
      this.output += text;
    });
  }

  static async start(options: LinphoneOptions): Promise<Linphone> {
    const { user, password, server, transport = "udp", hz, ca, mediaenc = "none" } = options;
    const folder = await mkdtemp(join(tmpdir(), "zongji-linphone-"));
    // Its database; where it cannot make one, it starts without any socket and says nothing of it.
    await mkdir(join(folder, ".local/share/linphone"), { recursive: true });
    const tone = join(folder, "tone.wav");
    await writeFile(tone, toneWav(hz, 60_000));
    if (ca !== undefined) await writeFile(join(folder, "ca.pem"), ca);
    await writeFile(
      join(folder, "linphonerc"),
      [
        "[sip]",
        // -1: any free port.
        ...["sip_port=-1", "sip_tcp_port=-1", "sip_tls_port=-1"],
        ...["default_proxy=0", "guess_hostname=1", "use_ipv6=0"],
        ...[`media_encryption=${mediaenc}`, "publish_presence=0"],
        `media_encryption_mandatory=${mediaenc === "none" ? 0 : 1}`,
        ...(ca === undefined ? [] : [`root_ca=${join(folder, "ca.pem")}`]),
        "[proxy_0]",
        ...[
          `reg_proxy=<sip:${server};transport=${transport}>`,
          `reg_route=<sip:${server};transport=${transport};lr>`,
        ],
        ...[`reg_identity=sip:${user}@${server}`, "reg_expires=300", "reg_sendregister=1", "publish=0"],
        "[auth_info_0]",
        ...[`username=${user}`, `passwd=${password}`, "realm=zongji"],
        "[rtp]",
        "audio_rtp_port=-1",
        "",
      ].join("\n"),
    );
    const child = Bun.spawn(["linphonec", "-b", "/dev/null", "-c", join(folder, "linphonerc")], {
      cwd: folder,
      env: { ...process.env, HOME: folder },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const phone = new Linphone(folder, child);
    try {
      await phone.says(/linphonec> /, 10_000);
      phone.type("soundcard use files");
      phone.type(`play ${tone}`);
      phone.type(`record ${phone.#heardFile}`);
      return phone;
    } catch (error) {
      await phone.stop();
      throw error;
    }
  }

  /** How long it heard a tone (Hz) in the calls that have ended, ms; the file has no size before the end of a call. */
  async heard(hz: number): Promise<number> {
    const [channel] = await tonesOnChannels(this.#heardFile, [hz]).catch(() => []);
    return channel?.heard[hz] ?? 0;
  }

  get #heardFile(): string {
    return join(this.#folder, "heard.wav");
  }

  /** Types a command: "call NUMBER", "answer", "terminate", "pause", "resume", "transfer NUMBER", or a key. */
  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
    this.#child.stdin.flush();
  }

  /** Waits until it says this, after what `says` found last. */
  async says(what: RegExp, timeoutMs = 8000): Promise<RegExpExecArray> {
    const found = await waitFor(
      () => what.exec(this.output.slice(this.#mark)),
      `linphone to say ${what}`,
      timeoutMs,
    ).catch((error) => {
      throw new Error(`${error}; it said: ${this.output.slice(this.#mark)}`);
    });
    this.#mark += found.index + found[0].length;
    return found;
  }

  async stop(): Promise<void> {
    this.type("quit");
    await endOf(this.#child, 2500);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
