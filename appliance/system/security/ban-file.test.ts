import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ban } from "../../../sip/index.ts";
import { BanFile, readBans } from "./ban-file.ts";

test("bans are read as they were saved, the newest list last; what is no ban is left aside and told", async () => {
  const folder = mkdtempSync(join(tmpdir(), "zongji-bans-"));
  try {
    const path = join(folder, "bans.json");
    const log: string[] = [];
    const tell = (line: string) => log.push(line);
    const ban = (address: string): Ban => ({
      address,
      since: 1,
      until: 2,
      reason: "flood",
      evidence: 3,
      times: 4,
    });
    expect(await readBans(path, tell)).toEqual([]);
    const file = new BanFile(path, tell);
    for (let count = 0; count < 50; count++) file.save([ban(`192.0.2.${count}`)]);
    await file.settled();
    expect(await readBans(path, tell)).toEqual([ban("192.0.2.49")]);
    expect(log).toEqual([]);

    const strange = [ban("2001:db8::/64"), null, 5, { address: "x" }, { ...ban("192.0.2.1"), until: "late" }];
    writeFileSync(path, JSON.stringify([...strange, { ...ban("192.0.2.2"), reason: "<b>" }]));
    expect(await readBans(path, tell)).toEqual([ban("2001:db8::/64")]);
    for (const broken of ["", "{", "{}"]) {
      writeFileSync(path, broken);
      expect(await readBans(path, tell)).toEqual([]);
    }
    expect(log).toHaveLength(3);

    const nowhere = new BanFile(join(folder, "missing", "bans.json"), tell);
    nowhere.save([ban("192.0.2.1")]);
    await nowhere.settled();
    expect(log.at(-1)).toContain("could not be saved");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
