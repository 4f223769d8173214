/**
 * `zongji serve`: checks what a start needs and says in one sentence what is missing, starts the exchange and its
 * pages, tells the web address and the one-time set-up code, and stops cleanly on SIGTERM, SIGINT and SIGHUP.
 */
import { networkInterfaces } from "node:os";
import type { App } from "../app.ts";
import { AuthorityError } from "../certificates/index.ts";
import { compose } from "../compose.ts";
import type { Config } from "../config.ts";
import { startDemo } from "../demo/index.ts";
import { SYSTEM_ACTOR } from "../kernel.ts";
import { makeBackup } from "./backup.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAGS, loadConfig } from "./config-file.ts";
import { type ControlHandler, openControl } from "./control.ts";
import { CommandError, EXIT } from "./errors.ts";
import { ensureDataFolder, requirePorts, requirePrograms } from "./probes.ts";
import { testExtensions } from "./test-extensions.ts";
import { requireMode } from "./user.ts";
import { VERSION } from "./version.ts";

export interface WebServer {
  /** The port it listens on (useful when 0 was asked for). */
  readonly port: number;
  /** The same by HTTPS; 0 = not. */
  readonly httpsPort: number;
  stop(): Promise<void>;
}
/** Starts the pages; given by main.ts, the only place that knows `ui`. */
export type StartWeb = (app: App) => Promise<WebServer>;

/** Addresses a browser on the LAN can use, this machine's own first when it only listens there. */
export function webAddresses(
  address: string,
  port: number,
  interfaces = networkInterfaces(),
  scheme = "http",
): string[] {
  const bracket = (host: string) => (host.includes(":") ? `[${host}]` : host);
  if (address !== "0.0.0.0" && address !== "::") return [`${scheme}://${bracket(address)}:${port}/`];
  const lan = Object.values(interfaces)
    .flatMap((list) => list ?? [])
    .filter((entry) => entry.family === "IPv4" && !entry.internal)
    .map((entry) => `${scheme}://${entry.address}:${port}/`);
  return lan.length > 0 ? lan : [`${scheme}://127.0.0.1:${port}/`];
}

/** What the commands may ask of the running exchange. */
function controlHandlers(app: App, test: ReturnType<typeof testExtensions>): Record<string, ControlHandler> {
  return {
    health: async () => ({
      health: await app.system.health(),
      sip: await app.sip.stats(),
      engine: await app.sip.engine?.stats(),
      listening: app.sip.listening,
      trunks: app.sip.trunks.states(),
      trunkNames: await app.routing.trunks.options(SYSTEM_ACTOR),
      alarms: app.system.alarms.open(),
      config: { contacts: app.config.sip.contacts, engine: app.config.sip.engine, web: app.config.web },
    }),
    "test-extensions-add": () => test.add(),
    "test-extensions-remove": async () => test.remove(),
    user: async ({ mode, username, password }) => {
      const name = String(username);
      const { rows } = await app.people.accounts.list(SYSTEM_ACTOR, { search: name, pageSize: 100 });
      requireMode(
        String(mode),
        name,
        rows.some((row) => row.username === name),
      );
      return app.people.resetAdministrator(name, String(password));
    },
    backup: async ({ file }) => makeBackup(app.config.dataFolder, String(file)),
  };
}

/** A stray error must not take the calls down: it is told and raises an alarm. */
function keepGoing(app: App): () => void {
  const tell = (kind: string) => (error: unknown) => {
    console.error(`${new Date().toISOString()} ${kind}:`, error);
    app.system.alarms.raise("internal-error", kind, error instanceof Error ? error.message : String(error));
  };
  const onError = tell("uncaught");
  const onRejection = tell("rejection");
  process.on("uncaughtException", onError);
  process.on("unhandledRejection", onRejection);
  return () => {
    process.off("uncaughtException", onError);
    process.off("unhandledRejection", onRejection);
  };
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(signal));
  });
}

function announce(app: App, web: WebServer, config: Config): void {
  for (const url of webAddresses(config.web.address, web.port)) console.log(`Web address:  ${url}`);
  if (web.httpsPort > 0)
    for (const url of webAddresses(config.web.address, web.httpsPort, undefined, "https"))
      console.log(`By HTTPS:     ${url}`);
  if (app.system.setup.needed())
    console.log(`Set-up code:  ${app.system.setup.code}  (asked once, by the first page)`);
  console.log(`Phones:       ${app.sip.listening.join("  ") || config.sip.contacts.join("  ")}`);
}

/** Runs until a signal; everything that was opened is closed in the opposite order. */
async function serve(config: Config, startWeb: StartWeb): Promise<number> {
  const started = performance.now();
  const signal = stopSignal();
  ensureDataFolder(config.dataFolder);
  const handlers: Record<string, ControlHandler> = {};
  // The door comes first: it is what keeps a second exchange off this folder.
  const door = await openControl(config.dataFolder, handlers);
  const opened: { stop(): Promise<void> }[] = [door];
  try {
    if (config.sip.engine === "embedded") requirePrograms();
    await requirePorts(config);
    console.log(`Zongji ${VERSION}, data in ${config.dataFolder}`);
    const app = await compose(config).catch((error: unknown) => {
      if (error instanceof AuthorityError) throw new CommandError(error.code, EXIT.failed, error.message);
      throw error;
    });
    opened.push(app);
    const test = testExtensions(app);
    await test.remove();
    Object.assign(handlers, controlHandlers(app, test));
    const release = keepGoing(app);
    opened.push({ stop: async () => release() });
    const web = await startWeb(app);
    opened.push(web);
    const lines: string[] = [];
    if (config.demo) opened.push(await startDemo(app, (line) => lines.push(line)));
    announce(app, web, config);
    for (const line of lines) console.log(line);
    console.log(`Ready after ${((performance.now() - started) / 1000).toFixed(1)} s. Stop with Ctrl-C.`);
    console.log(`${await signal}: stopping …`);
    return EXIT.ok;
  } finally {
    await closeAll(opened.reverse());
  }
}

async function closeAll(opened: readonly { stop(): Promise<void> }[]): Promise<void> {
  // A part that hangs must not keep the machine from restarting the exchange.
  const limit = setTimeout(() => process.exit(EXIT.failed), 10_000);
  for (const thing of opened)
    await thing.stop().catch((error: unknown) => console.error("while stopping:", error));
  clearTimeout(limit);
}

export function serveCommand(startWeb: StartWeb): Command {
  return {
    summary: "run the exchange",
    words: "",
    flags: CONFIG_FLAGS,
    run: (flags) => serve(loadConfig(flags), startWeb),
  };
}
