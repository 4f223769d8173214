import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { configOfTable } from "./commands/config-file.ts";

test("the example file names every key with its default", () => {
  const example = parse(readFileSync(join(import.meta.dir, "..", "zongji.example.toml"), "utf8"));
  expect(configOfTable(example)).toEqual(configOfTable({}));
  const keys = (value: object): string[] =>
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? keys(inner).map((k) => `${key}.${k}`)
        : [key],
    );
  expect(keys(example).sort()).toEqual(keys(configOfTable({})).sort());
});
