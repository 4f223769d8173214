/** `zongji migrate`: brings the database to this version (a start does the same by itself). */
import { openStore } from "../../storage/database.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAGS, loadConfig } from "./config-file.ts";
import { isRunning } from "./control.ts";
import { AlreadyRunningError, EXIT } from "./errors.ts";
import { ensureDataFolder } from "./probes.ts";

export const migrateCommand: Command = {
  summary: "bring the database to this version (a start does it by itself)",
  words: "",
  flags: { config: CONFIG_FLAGS.config, data: CONFIG_FLAGS.data } as Command["flags"],
  async run(flags) {
    const { dataFolder } = loadConfig(flags);
    ensureDataFolder(dataFolder);
    if (await isRunning(dataFolder)) throw new AlreadyRunningError(dataFolder);
    const store = await openStore(dataFolder);
    console.log(`The database in ${dataFolder} is at ${store.version}.`);
    await store.close();
    return EXIT.ok;
  },
};
