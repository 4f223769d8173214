/**
 * `zongji backup [FILE]` and `zongji restore FILE`. A backup is one tar file: a manifest, a consistent copy of the
 * database (VACUUM INTO, also while calls run) and every other file of the data folder (recordings, prompts). It
 * restores on the same or any later version; what was there before is kept aside.
 */
import { Database } from "bun:sqlite";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DATABASE_FILE, openStore, StorageError, TELEMETRY_FILE } from "../../storage/database.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAGS, loadConfig } from "./config-file.ts";
import { isRunning } from "./control.ts";
import { AlreadyRunningError, CommandError, DataFolderError, EXIT, UsageError } from "./errors.ts";
import { ensureDataFolder } from "./probes.ts";
import { VERSION } from "./version.ts";

interface Manifest {
  readonly program: "zongji";
  readonly version: string;
  readonly schema: string;
  readonly at: number;
}

/** Not part of a backup: live database files (a copy goes in instead), telemetry, sockets, our own leftovers. */
export function belongsInBackup(name: string): boolean {
  if (name.startsWith(DATABASE_FILE) || name.startsWith(TELEMETRY_FILE)) return false;
  return !/^(control\.sock|lost\+found|backups?|exports?|rtpengine.*|\.backup-.*|before-restore-.*)$/.test(
    name,
  );
}

async function tar(args: readonly string[], what: string): Promise<string> {
  const child = Bun.spawn(["tar", ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  // 1: a file grew while it was read (a recording of a call in progress); its beginning is in the backup.
  if (code > 1)
    throw new CommandError("backup-failed", EXIT.failed, `${what}: ${err.trim().split("\n")[0] ?? code}.`);
  return out;
}

const word = (at: number) =>
  new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");

/** Writes the backup of `folder` to `file` (never half: it is renamed into place). Returns its size in bytes. */
export async function makeBackup(folder: string, file: string, now = Date.now()): Promise<number> {
  const source = join(folder, DATABASE_FILE);
  if (!existsSync(source)) throw new DataFolderError(folder, "there is no database in it");
  const work = mkdtempSync(join(folder, ".backup-"));
  try {
    const db = new Database(source, { readonly: true });
    let schema = "";
    try {
      db.run("PRAGMA busy_timeout = 10000");
      db.run("VACUUM INTO ?", [join(work, DATABASE_FILE)]);
      schema =
        db.query<{ name: string }, []>("SELECT name FROM kysely_migration ORDER BY name DESC LIMIT 1").get()
          ?.name ?? "";
    } finally {
      db.close();
    }
    const manifest: Manifest = { program: "zongji", version: VERSION, schema, at: now };
    writeFileSync(join(work, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    const others = readdirSync(folder).filter(belongsInBackup);
    const target = resolve(file);
    mkdirSync(dirname(target), { recursive: true });
    const part = `${target}.part`;
    const list = [
      "-C",
      work,
      "manifest.json",
      DATABASE_FILE,
      "-C",
      folder,
      ...others.map((name) => `./${name}`),
    ];
    await tar(
      ["-cf", part, "--exclude=*.part", "--warning=no-file-changed", ...list],
      "The backup could not be written",
    );
    renameSync(part, target);
    return statSync(target).size;
  } finally {
    rmSync(work, { recursive: true, force: true });
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
    await tar(["-xf", file, "-C", work, "--no-same-owner"], `${file} cannot be read`);
    let manifest: Partial<Manifest> = {};
    try {
      manifest = JSON.parse(readFileSync(join(work, "manifest.json"), "utf8"));
    } catch {
      throw bad("it has no manifest");
    }
    if (manifest.program !== "zongji" || !existsSync(join(work, DATABASE_FILE)))
      throw bad("it is of another program");
    rmSync(join(work, "manifest.json"));
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
