/** The program: `zongji COMMAND …`. Commands are loaded when they are asked for, so that `zongji version` is quick. */
import type { Command } from "./commands/command.ts";
import { CommandError, EXIT, UsageError } from "./commands/errors.ts";
import { flagHelp, parseFlags } from "./commands/flags.ts";

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => {
    const [{ serveCommand }, { createWeb }] = await Promise.all([
      import("./commands/serve.ts"),
      import("../ui/server.ts"),
    ]);
    return serveCommand((app) => createWeb(app).listen(app.config.web.address, app.config.web.port));
  },
  "sip-engine": async () => (await import("./commands/sip-engine.ts")).sipEngineCommand,
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
  backup: async () => (await import("./commands/backup.ts")).backupCommand,
  restore: async () => (await import("./commands/backup.ts")).restoreCommand,
  migrate: async () => (await import("./commands/migrate.ts")).migrateCommand,
  user: async () => (await import("./commands/user.ts")).userCommand,
  version: async () => (await import("./commands/version.ts")).versionCommand,
};

async function help(): Promise<string> {
  const lines: string[] = [];
  for (const [name, load] of Object.entries(COMMANDS))
    lines.push(`  ${name.padEnd(12)}${(await load()).summary}`);
  return `Zongji, a telephone exchange and call centre in one program.

Usage: zongji COMMAND [flags]

${lines.join("\n")}

zongji COMMAND --help shows the flags of a command.`;
}

function commandHelp(name: string, command: Command): string {
  const flags = Object.keys(command.flags).length > 0 ? `\n\n${flagHelp(command.flags)}` : "";
  const usage = ["zongji", name, command.words, flags ? "[flags]" : ""].filter(Boolean).join(" ");
  return `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.\n\nUsage: ${usage}${flags}`;
}

/** Runs one command line; returns the exit code. Refusals are one line on standard error. */
async function main(args: readonly string[]): Promise<number> {
  const [name = "help", ...rest] = args;
  try {
    if (["help", "--help", "-h"].includes(name)) {
      console.log(await help());
      return args.length === 0 ? EXIT.usage : EXIT.ok;
    }
    // It keeps the flags of the server it stands in for, and reads them itself.
    if (name === "sip-engine") return await (await import("../sip/engine/index.ts")).runSipEngine(rest);
    const load = COMMANDS[name === "--version" ? "version" : name];
    if (!load) throw new UsageError(`Unknown command ${name}.`);
    const command = await load();
    if (rest.includes("--help") || rest.includes("-h")) {
      console.log(commandHelp(name, command));
      return EXIT.ok;
    }
    return await command.run(parseFlags(rest, command.flags));
  } catch (error) {
    if (error instanceof CommandError) {
      console.error(`zongji: ${error.message}`);
      return error.exitCode;
    }
    console.error("zongji: unexpected error:", error);
    return EXIT.failed;
  }
}

process.exit(await main(process.argv.slice(2)));
