/**
 * A backup made while calls run: one tar file with a manifest, a consistent copy of the database (VACUUM INTO) and the
 * other files of the data folder. The restore command reads it.
 */
import { Database as Sqlite } from "bun:sqlite";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DATABASE_FILE, StorageError, TELEMETRY_FILE } from "../../storage/database.ts";

/** Left out: the live database files (a copy goes in), telemetry, sockets, other backups and exports. */
function belongs(name: string): boolean {
  if (name.startsWith(DATABASE_FILE) || name.startsWith(TELEMETRY_FILE)) return false;
  return !/^(control\.sock|lost\+found|backups?|exports?|rtpengine.*|\.backup-.*|before-restore-.*)$/.test(
    name,
  );
}

export async function backUp(
  folder: string,
  file: string,
  version: string,
  progress: (percent: number) => void,
): Promise<{ readonly bytes: number }> {
  const work = mkdtempSync(join(folder, ".backup-"));
  try {
    const db = new Sqlite(join(folder, DATABASE_FILE), { readonly: true });
    let schema = "";
    try {
      db.run("PRAGMA busy_timeout = 10000");
      db.run("VACUUM INTO ?", [join(work, DATABASE_FILE)]);
      const newest = db.query<{ name: string }, []>(
        "SELECT name FROM kysely_migration ORDER BY name DESC LIMIT 1",
      );
      schema = newest.get()?.name ?? "";
    } finally {
      db.close();
    }
    progress(40);
    const manifest = { program: "zongji", version, schema, at: Date.now() };
    writeFileSync(join(work, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    mkdirSync(dirname(file), { recursive: true });
    const part = `${file}.part`;
    const others = readdirSync(folder)
      .filter(belongs)
      .map((name) => `./${name}`);
    const child = Bun.spawn(
      [
        "tar",
        "-cf",
        part,
        "--exclude=*.part",
        "--warning=no-file-changed",
        "-C",
        work,
        "manifest.json",
        DATABASE_FILE,
        "-C",
        folder,
        ...others,
      ],
      { stdout: "ignore", stderr: "pipe" },
    );
    const [complaint, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
    // 1: a file grew while it was read (the recording of a call in progress).
    if (code > 1)
      throw new StorageError(
        "failed",
        `The backup could not be written: ${complaint.trim().split("\n")[0] ?? code}`,
      );
    renameSync(part, file);
    return { bytes: statSync(file).size };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
