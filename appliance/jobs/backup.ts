/**
 * A backup made while calls run: one tar file with a manifest, a consistent copy of the database (VACUUM INTO) and the
 * other files of the data folder (recordings, prompts). The only place that knows the format: the jobs Worker and the
 * commands write and read it here.
 */
import { Database as Sqlite } from "bun:sqlite";
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
import { dirname, join } from "node:path";
import { DATABASE_FILE, StorageError, TELEMETRY_FILE } from "../../storage/database.ts";

const MANIFEST = "manifest.json";

/** Left out: the live database files (a copy goes in), telemetry, sockets, other backups and exports. */
export function belongsInBackup(name: string): boolean {
  if (name.startsWith(DATABASE_FILE) || name.startsWith(TELEMETRY_FILE)) return false;
  return !/^(control\.sock|lost\+found|backups?|exports?|rtpengine.*|\.backup-.*|before-restore-.*)$/.test(
    name,
  );
}

async function tar(args: readonly string[]): Promise<{ readonly code: number; readonly complaint: string }> {
  const child = Bun.spawn(["tar", ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const [complaint, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  return { code, complaint: complaint.trim().split("\n")[0] || String(code) };
}

/**
 * Writes the backup of `folder` to `file`; never half, it is renamed into place. `now` is UTC ms.
 * @throws StorageError "failed" when tar cannot write
 */
export async function backUp(
  folder: string,
  file: string,
  version: string,
  { now = Date.now(), progress = () => {} }: { now?: number; progress?: (percent: number) => void } = {},
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
    const manifest = { program: "zongji", version, schema, at: now };
    writeFileSync(join(work, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    mkdirSync(dirname(file), { recursive: true });
    const part = `${file}.part`;
    const others = readdirSync(folder)
      .filter(belongsInBackup)
      .map((name) => `./${name}`);
    const { code, complaint } = await tar([
      "-cf",
      part,
      "--exclude=*.part",
      "--warning=no-file-changed",
      "-C",
      work,
      MANIFEST,
      DATABASE_FILE,
      "-C",
      folder,
      ...others,
    ]);
    // 1: a file grew while it was read (the recording of a call in progress); its beginning is in the backup.
    if (code > 1) throw new StorageError("failed", `The backup could not be written: ${complaint}`);
    renameSync(part, file);
    return { bytes: statSync(file).size };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Unpacks a backup into `target` and takes its manifest away; says what is wrong with a file that is none. */
export async function unpackBackup(
  file: string,
  target: string,
): Promise<"done" | "unreadable" | "no-manifest" | "foreign"> {
  const { code } = await tar(["-xf", file, "-C", target, "--no-same-owner"]);
  if (code !== 0) return "unreadable";
  let manifest: { readonly program?: unknown } | null;
  try {
    manifest = JSON.parse(readFileSync(join(target, MANIFEST), "utf8"));
  } catch {
    return "no-manifest";
  }
  if (manifest?.program !== "zongji" || !existsSync(join(target, DATABASE_FILE))) return "foreign";
  rmSync(join(target, MANIFEST));
  return "done";
}
