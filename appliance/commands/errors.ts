/** Refusals of the command line: one sentence for the person, a stable code and an exit code for scripts. */

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  portInUse: 3,
  missingPackage: 4,
  dataFolder: 5,
  configuration: 6,
  alreadyRunning: 7,
  notRunning: 8,
} as const;

export class CommandError extends Error {
  constructor(
    readonly code: string,
    readonly exitCode: number,
    message: string,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/** Wrong or unknown words on the command line (exit code 2). */
export class UsageError extends CommandError {
  constructor(message: string) {
    super("usage", EXIT.usage, `${message} (zongji --help shows the commands)`);
  }
}

/** A listening port is taken (exit code 3). */
export class PortInUseError extends CommandError {
  constructor(what: string, transport: string, address: string, port: number, option: string) {
    super(
      "port-in-use",
      EXIT.portInUse,
      `${transport.toUpperCase()} port ${port} on ${address} (${what}) is used by another program: stop it or choose another port with ${option}.`,
    );
  }
}

/** The address is not one of this machine's, or the port needs rights we lack (exit code 3). */
export class CannotListenError extends CommandError {
  constructor(what: string, transport: string, address: string, port: number, reason: string) {
    super(
      "cannot-listen",
      EXIT.portInUse,
      `Cannot listen on ${transport.toUpperCase()} ${address}:${port} (${what}): ${reason}.`,
    );
  }
}

/** A program that calls need is not installed (exit code 4). */
export class MissingPackageError extends CommandError {
  constructor(packages: readonly string[]) {
    super(
      "missing-package",
      EXIT.missingPackage,
      `Missing packages: ${packages.join(" ")}. Install them: sudo apt-get install -y ${packages.join(" ")}`,
    );
  }
}

/** The data folder cannot be made, read or written (exit code 5). */
export class DataFolderError extends CommandError {
  constructor(folder: string, reason: string) {
    super("data-folder", EXIT.dataFolder, `The data folder ${folder} cannot be used: ${reason}.`);
  }
}

/** The configuration file or a flag is wrong (exit code 6). */
export class ConfigurationError extends CommandError {
  constructor(message: string) {
    super("configuration", EXIT.configuration, message);
  }
}

/** Another exchange runs on the same data folder (exit code 7). */
export class AlreadyRunningError extends CommandError {
  constructor(folder: string) {
    super(
      "already-running",
      EXIT.alreadyRunning,
      `An exchange is already running on the data folder ${folder}.`,
    );
  }
}

/** The command needs the running exchange (exit code 8). */
export class NotRunningError extends CommandError {
  constructor(folder: string) {
    super("not-running", EXIT.notRunning, `No exchange is running on the data folder ${folder}.`);
  }
}
