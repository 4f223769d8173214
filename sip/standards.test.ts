/** The table of docs/sip.md is true: the files and tests it names are there, and nothing under test is left out. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const text = readFileSync(join(ROOT, "docs/sip.md"), "utf8");
const rows = text
  .split("\n")
  .filter((line) => /^\| \d/.test(line))
  .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim()));

/** Names that are written into tests, with what templates leave open cut away. */
function names(file: string, wanted: string): boolean {
  const source = readFileSync(join(ROOT, file), "utf8");
  return source.includes(wanted) || source.includes(wanted.replaceAll('"', '\\"'));
}

test("the table is there", () => {
  expect(rows.length).toBeGreaterThan(30);
  for (const row of rows) expect(row).toHaveLength(4);
});

describe("each line", () => {
  for (const [index, [rfc = "", what = "", where = "", proof = ""]] of rows.entries()) {
    test(`${index + 1}: ${rfc} ${what.slice(0, 60)}`, () => {
      const places = [...where.matchAll(/`([^`]+)`/g)].map(([, place = ""]) => place);
      expect(places.length).toBeGreaterThan(0);
      let folder = "";
      for (const place of places) {
        const path = place.includes("/") ? place : join(folder, place);
        expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
        folder = path.endsWith("/") ? path : join(path, "..");
      }
      const proofs = proof.split("; `").map((part) => part.replace(/^`/, ""));
      for (const part of proofs) {
        const file = part.slice(0, part.indexOf("`"));
        expect(file).toEndWith(".test.ts");
        expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
        for (const [, name = ""] of part.matchAll(/“([^”]+)”/g)) {
          expect([file, name, names(file, name)]).toEqual([file, name, true]);
        }
      }
    });
  }
});
