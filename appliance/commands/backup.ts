/**
 * `zongji backup [FILE]` and `zongji restore FILE` (the format: jobs/backup.ts). A backup restores on the same or any
 * later version; what was there before is kept aside.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { DATABASE_FILE, openStore, StorageError } from "../../storage/database.ts";
import { backUp, unpackBackup } from "../jobs/backup.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAGS, loadConfig } from "./config-file.ts";
import { isRunning } from "./control.ts";
import { AlreadyRunningError, CommandError, DataFolderError, EXIT, UsageError } from "./errors.ts";
import { ensureDataFolder } from "./probes.ts";
import { VERSION } from "./version.ts";

const word = (at: number) =>
  new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");

/** Writes the backup of `folder` to `file` (never half). @returns its size in bytes */
export async function makeBackup(folder: string, file: string, now = Date.now()): Promise<number> {
  const source = join(folder, DATABASE_FILE);
  if (!existsSync(source)) throw new DataFolderError(folder, "there is no database in it");
  try {
    return (await backUp(folder, resolve(file), VERSION, { now })).bytes;
  } catch (error) {
    if (error instanceof StorageError) throw new CommandError("backup-failed", EXIT.failed, error.message);
    throw error;
  }
}

/** Puts a backup into `folder`. Checks it first; the former content moves to before-restore-…; returns that name or "". */
export async function restoreBackup(folder: string, file: string, now = Date.now()): Promise<string> {
  if (!existsSync(file)) throw new CommandError("no-backup", EXIT.failed, `There is no file ${file}.`);
  if (await isRunning(folder)) throw new AlreadyRunningError(folder);
  ensureDataFolder(folder);
  const work = mkdtempSync(join(folder, ".backup-"));
  const bad = (reason: string) =>
    new CommandError("bad-backup", EXIT.failed, `${file} is not a usable backup: ${reason}.`);
  try {
    const unpacked = await unpackBackup(file, work);
    if (unpacked === "unreadable")
      throw new CommandError("backup-failed", EXIT.failed, `${file} cannot be read.`);
    if (unpacked === "no-manifest") throw bad("it has no manifest");
    if (unpacked === "foreign") throw bad("it is of another program");
    try {
      // Opening brings an older backup to this version; it happens on the copy, before anything is replaced.
      const store = await openStore(work);
      const problems = await store.check();
      await store.close();
      if (problems.length > 0) throw bad(`its database is damaged (${problems[0]})`);
    } catch (error) {
      if (error instanceof StorageError) throw bad(error.message.replace(/\.$/, ""));
      throw error;
    }
    const former = readdirSync(folder).filter((name) => !/^(\.backup-|before-restore-|backups?$)/.test(name));
    let aside = "";
    if (former.length > 0) {
      aside = `before-restore-${word(now)}`;
      mkdirSync(join(folder, aside), { mode: 0o700 });
      for (const name of former) renameSync(join(folder, name), join(folder, aside, name));
    }
    for (const name of readdirSync(work)) renameSync(join(work, name), join(folder, name));
    return aside;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

export const backupCommand: Command = {
  summary: "write a backup of the office (also while calls run)",
  words: "[FILE]",
  flags: { config: CONFIG_FLAGS.config, data: CONFIG_FLAGS.data } as Command["flags"],
  async run(flags) {
    const { dataFolder } = loadConfig(flags);
    const file = flags.words[0] ?? join(dataFolder, "backups", `zongji-${word(Date.now())}.tar`);
    const bytes = await makeBackup(dataFolder, file);
    console.log(`${file} (${(bytes / 2 ** 20).toFixed(1)} MB)`);
    return EXIT.ok;
  },
};

export const restoreCommand: Command = {
  summary: "put a backup into the data folder (the exchange must be stopped)",
  words: "FILE",
  flags: { config: CONFIG_FLAGS.config, data: CONFIG_FLAGS.data } as Command["flags"],
  async run(flags) {
    const file = flags.words[0];
    if (!file) throw new UsageError("Which backup? zongji restore FILE.");
    const { dataFolder } = loadConfig(flags);
    const aside = await restoreBackup(dataFolder, resolve(file));
    console.log(`Restored ${basename(file)} into ${dataFolder}.`);
    if (aside) console.log(`What was there before is in ${join(dataFolder, aside)}.`);
    return EXIT.ok;
  },
};
