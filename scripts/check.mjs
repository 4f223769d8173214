/** `npm run check`: formatting and lint, types, arrows between the parts, unused code, cross-site scripting in pages. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runAll } from "./run.mjs";
import { root, setupOrExit } from "./setup.mjs";

const bin = (name) => join(root, "node_modules", ".bin", name);
const PARTS = ["appliance", "ui", "sip", "storage", "provisioning", "test", "bench"];

/** The checks, slowest first so that two at a time end soonest. */
export function checks() {
  const parts = PARTS.filter((part) => existsSync(join(root, part)));
  return [
    {
      name: "types",
      command: bin("tsc"),
      // What was checked before and has not changed is not checked again.
      args: ["-p", ".", "--incremental", "--tsBuildInfoFile", "node_modules/.cache/zongji.tsbuildinfo"],
    },
    { name: "cross-site scripting", command: bin("xss-scan"), args: [] },
    {
      name: "arrows",
      command: bin("depcruise"),
      args: ["--config", ".dependency-cruiser.cjs", "--output-type", "err", ...parts],
    },
    { name: "unused code", command: bin("knip"), args: ["--no-progress"] },
    { name: "format and lint", command: bin("biome"), args: ["ci", "--colors=off", "."] },
  ];
}

/** Runs all checks; prints a line for each and the output of those that fail. */
export async function runChecks() {
  const results = await runAll(checks(), 2, (result) => {
    const state = result.code === 0 ? "pass" : result.timedOut ? "FAIL (time-out)" : "FAIL";
    console.log(`check ${result.name}: ${state} (${(result.ms / 1000).toFixed(1)} s)`);
    if (result.code !== 0) console.log(result.output.trimEnd());
  });
  const failed = results.filter((result) => result.code !== 0).length;
  return { passed: results.length - failed, failed };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  setupOrExit({ debian: false });
  const { failed } = await runChecks();
  process.exit(failed === 0 ? 0 : 1);
}
