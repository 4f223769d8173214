import { afterEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../storage/database.ts";
import { belongsInBackup } from "../jobs/backup.ts";
import { makeBackup, restoreBackup } from "./backup.ts";
import { openControl } from "./control.ts";
import { AlreadyRunningError, CommandError, DataFolderError } from "./errors.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function temp() {
  const folder = mkdtempSync(join(tmpdir(), "zongji-backup-"));
  folders.push(folder);
  return folder;
}

/** A data folder with one setting, one recording and things that stay behind. */
async function office(value: string) {
  const folder = temp();
  const store = await openStore(folder);
  await store.write((tx) =>
    tx
      .insertInto("setting")
      .values({ key: "officeName", value_json: JSON.stringify(value), updated_at: 1 })
      .execute(),
  );
  mkdirSync(join(folder, "recordings", "2026"), { recursive: true });
  writeFileSync(join(folder, "recordings", "2026", "a.wav"), `voice of ${value}`);
  writeFileSync(join(folder, "recordings", "2026", "b.wav.part"), "half");
  return { folder, store };
}

async function nameIn(folder: string) {
  const store = await openStore(folder);
  const row = await store.read
    .selectFrom("setting")
    .select("value_json")
    .where("key", "=", "officeName")
    .executeTakeFirst();
  await store.close();
  return JSON.parse(row?.value_json ?? "null");
}

describe("backup and restore", () => {
  test("a backup taken while the database is open holds what was written, with recordings; restore keeps the former content", async () => {
    const first = await office("Old office");
    const file = join(temp(), "deep", "office.tar");
    expect(await makeBackup(first.folder, file)).toBeGreaterThan(1000);
    await first.store.close();
    expect(readdirSync(first.folder).filter((name) => name.startsWith(".backup"))).toEqual([]);

    const second = await office("New office");
    await second.store.close();
    const aside = await restoreBackup(second.folder, file);
    expect(await nameIn(second.folder)).toBe("Old office");
    expect(readFileSync(join(second.folder, "recordings/2026/a.wav"), "utf8")).toBe("voice of Old office");
    expect(existsSync(join(second.folder, "recordings/2026/b.wav.part"))).toBe(false);
    expect(await nameIn(join(second.folder, aside))).toBe("New office");
  });

  test("restore into an empty place makes the folder", async () => {
    const first = await office("Office");
    const file = join(temp(), "office.tar");
    await makeBackup(first.folder, file);
    await first.store.close();
    const target = join(temp(), "fresh");
    expect(await restoreBackup(target, file)).toBe("");
    expect(await nameIn(target)).toBe("Office");
  });

  test("what is not a backup is refused and nothing is touched", async () => {
    const { folder, store } = await office("Office");
    await store.close();
    const text = join(temp(), "notes.tar");
    writeFileSync(text, "not a tar file at all");
    await expect(restoreBackup(folder, text)).rejects.toBeInstanceOf(CommandError);
    const empty = join(temp(), "other.tar");
    const source = temp();
    writeFileSync(join(source, "x"), "x");
    Bun.spawnSync(["tar", "-cf", empty, "-C", source, "x"]);
    await expect(restoreBackup(folder, empty)).rejects.toMatchObject({ code: "bad-backup" });
    writeFileSync(join(source, "manifest.json"), '{"program":"zongji"}');
    writeFileSync(join(source, "zongji.db"), "this is no database".repeat(100));
    Bun.spawnSync(["tar", "-cf", empty, "-C", source, "manifest.json", "zongji.db"]);
    await expect(restoreBackup(folder, empty)).rejects.toMatchObject({ code: "bad-backup" });
    await expect(restoreBackup(folder, join(source, "missing.tar"))).rejects.toMatchObject({
      code: "no-backup",
    });
    expect(await nameIn(folder)).toBe("Office");
  });

  test("a running exchange is not overwritten; an empty folder has nothing to back up", async () => {
    const { folder, store } = await office("Office");
    const file = join(temp(), "office.tar");
    await makeBackup(folder, file);
    const door = await openControl(folder, {});
    await expect(restoreBackup(folder, file)).rejects.toBeInstanceOf(AlreadyRunningError);
    await door.stop();
    await store.close();
    await expect(makeBackup(temp(), file)).rejects.toBeInstanceOf(DataFolderError);
  });

  test("live files of the database and leftovers stay out", () => {
    for (const name of [
      "zongji.db",
      "zongji.db-wal",
      "telemetry.db",
      "control.sock",
      "backups",
      "before-restore-1",
      ".backup-x",
    ])
      expect(belongsInBackup(name)).toBe(false);
    for (const name of ["recordings", "media", "demo-keys.json"]) expect(belongsInBackup(name)).toBe(true);
  });
});
