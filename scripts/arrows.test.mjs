/** The dependency rules: a wrong arrow turns the check red, the right ones stay green. */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "./setup.mjs";

const folder = mkdtempSync(join(tmpdir(), "zongji-arrows-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A small tree with the same parts; returns the names of the broken rules. */
function brokenRules(name, files) {
  const tree = join(folder, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), text);
  }
  cpSync(join(root, ".dependency-cruiser.cjs"), join(tree, ".dependency-cruiser.cjs"));
  cpSync(join(root, "tsconfig.json"), join(tree, "tsconfig.json"));
  const parts = [...new Set(Object.keys(files).map((file) => file.split("/")[0]))];
  const args = ["--config", ".dependency-cruiser.cjs", "--output-type", "json", ...parts];
  const result = spawnSync(join(root, "node_modules/.bin/depcruise"), args, { cwd: tree, encoding: "utf8" });
  const { summary } = JSON.parse(result.stdout);
  return [...new Set(summary.violations.map((violation) => violation.rule.name))].sort();
}

describe("arrows", () => {
  test("the right arrows are quiet", () => {
    expect(
      brokenRules("right", {
        "sip/index.ts": "export const sip = 1;",
        "storage/database.ts": "export const store = 1;",
        "appliance/people/index.ts": 'export { sip } from "../../sip/index.ts";',
        "appliance/calls/index.ts":
          'import { sip } from "../people/index.ts"; import { store } from "../../storage/database.ts"; export const calls = [sip, store];',
        "ui/server.ts": 'export { calls } from "../appliance/calls/index.ts";',
        "appliance/main.ts": 'import { calls } from "../ui/server.ts"; console.log(calls);',
      }),
    ).toEqual([]);
  }, 30_000);

  test("each wrong arrow breaks its rule", () => {
    expect(
      brokenRules("wrong", {
        "appliance/people/index.ts": 'import "../../ui/server.ts"; export const people = 1;',
        "appliance/people/secret.ts": "export const secret = 1;",
        "appliance/calls/index.ts": 'export { secret } from "../people/secret.ts";',
        "sip/index.ts": 'export type { P } from "../appliance/kernel.ts"; export const sip = 1;',
        "appliance/kernel.ts": "export type P = 1; export const kernel = 1;",
        "sip/deep.ts": "export const deep = 1;",
        "appliance/calls/reach.ts": 'export { deep } from "../../sip/deep.ts";',
        "storage/database.ts": 'export { kernel } from "../appliance/kernel.ts";',
        "ui/server.ts": 'export { store } from "../storage/store.ts";',
        "storage/store.ts": "export const store = 1;",
        "storage/round.ts": 'import { trip } from "./trip.ts"; export const round = trip;',
        "storage/trip.ts": 'import { round } from "./round.ts"; export const trip = () => round;',
      }),
    ).toEqual([
      "appliance-enters-sip-by-the-door",
      "contexts-meet-at-the-door",
      "no-circles",
      "only-main-imports-ui",
      "sip-knows-no-office",
      "storage-knows-nobody",
      "ui-goes-through-appliance",
    ]);
  }, 30_000);
});
