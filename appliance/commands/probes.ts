/** What a start and the doctor ask of the machine: folder, programs, ports. */
import { accessSync, constants, mkdirSync, statfsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import type { Config } from "../config.ts";
import { sipListeners } from "./config-file.ts";
import { CannotListenError, DataFolderError, MissingPackageError, PortInUseError } from "./errors.ts";

/** Debian package by the program it brings. */
export const PROGRAMS = {
  rtpengine: "rtpengine-daemon",
  ffmpeg: "ffmpeg",
  "espeak-ng": "espeak-ng",
} as const;

/** Makes the folder (only for its owner) and makes sure that it can be written. @throws DataFolderError */
export function ensureDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason =
      code === "EACCES" || code === "EPERM" || code === "EROFS"
        ? "it cannot be made here (permission denied); choose another with --data or change the owner"
        : code === "EEXIST" || code === "ENOTDIR"
          ? "a file of that name is in the way"
          : `it cannot be made (${code ?? "unknown error"})`;
    throw new DataFolderError(folder, reason);
  }
  if (!statSync(folder).isDirectory()) throw new DataFolderError(folder, "a file of that name is in the way");
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    throw new DataFolderError(
      folder,
      "it cannot be written (permission denied); change its owner or choose another with --data",
    );
  }
}

/** Debian packages whose program is not on the path. */
export function missingPrograms(programs: readonly (keyof typeof PROGRAMS)[]): string[] {
  // Debian keeps daemons in /usr/sbin, which is not on every person's path.
  const path = process.env.ZONGJI_PROGRAM_PATH ?? `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
  return programs
    .filter((program) => Bun.which(program, { PATH: path }) === null)
    .map((program) => PROGRAMS[program]);
}

/** @throws MissingPackageError */
export function requirePrograms(): void {
  const missing = missingPrograms(["rtpengine", "ffmpeg", "espeak-ng"]);
  if (missing.length > 0) throw new MissingPackageError(missing);
}

export type PortState = "free" | "taken" | "denied" | "not-ours";

function stateOf(code: string | undefined): PortState {
  if (code === "EADDRINUSE") return "taken";
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EINVAL") return "not-ours";
  return "denied";
}

/** Tries to listen for a moment. Port 0 is always free. */
export async function probePort(transport: "udp" | "tcp", address: string, port: number): Promise<PortState> {
  if (port === 0) return "free";
  if (transport === "udp") {
    try {
      const socket = await Bun.udpSocket({ hostname: address, port, socket: { data() {}, error() {} } });
      socket.close();
      return "free";
    } catch (error) {
      return stateOf((error as NodeJS.ErrnoException).code);
    }
  }
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(stateOf(error.code)));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve("free")));
  });
}

/** Every listening port of the configuration, before anything starts. @throws PortInUseError | CannotListenError */
export async function requirePorts(config: Config): Promise<void> {
  const wanted: { what: string; transport: "udp" | "tcp"; address: string; port: number; option: string }[] =
    [{ what: "pages", transport: "tcp", ...config.web, option: "--web ADDRESS:PORT" }];
  const { address: webAddress, httpsPort = 0 } = config.web;
  if (httpsPort > 0)
    wanted.push({
      ...{ what: "pages by HTTPS", transport: "tcp", address: webAddress, port: httpsPort },
      option: "web.httpsPort in zongji.toml (0 = none)",
    });
  if (config.sip.engine === "embedded")
    for (const contact of config.sip.contacts)
      for (const { transport, address, port } of sipListeners(contact)) {
        const option = '--sip "sip:ADDRESS:PORT;transport=udp,tcp"';
        wanted.push({ what: "SIP", transport: transport === "udp" ? "udp" : "tcp", address, port, option });
      }
  for (const { what, transport, address, port, option } of wanted) {
    const state = await probePort(transport, address, port);
    if (state === "taken") throw new PortInUseError(what, transport, address, port, option);
    if (state === "denied")
      throw new CannotListenError(
        what,
        transport,
        address,
        port,
        "permission denied (ports below 1024 need rights)",
      );
    if (state === "not-ours")
      throw new CannotListenError(what, transport, address, port, "this machine does not have that address");
  }
}

/** Free and total bytes of the disk below a folder. */
export function diskOf(folder: string): { freeBytes: number; totalBytes: number } {
  const stat = statfsSync(folder);
  return { freeBytes: stat.bavail * stat.bsize, totalBytes: stat.blocks * stat.bsize };
}
