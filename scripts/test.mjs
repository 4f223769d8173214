/**
 * `npm test [-- part …]`: set-up, the checks, then every test in groups, two at a time. The last line is always
 * `N passed, N failed` (and `, N skipped` if any) over everything; the exit code is non-zero when anything failed.
 * With arguments only the groups whose name starts with one of them run (`npm test -- sip check`).
 */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { runChecks } from "./check.mjs";
import { runAll } from "./run.mjs";
import { bun, root, setupOrExit } from "./setup.mjs";

const SKIP = new Set(["node_modules", "dist", "data", ".git", ".cache"]);
const GROUP_LIMIT_MS = 8 * 60_000;
/** These measure time (pace of voice, length of a start): nothing else runs beside them. */
const ALONE = new Set(["sip/media", "appliance/commands"]);

/** Every test file below `folder`, as paths from the root. */
export function testFiles(folder = root) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      if (!SKIP.has(entry.name)) found.push(...testFiles(join(folder, entry.name)));
    } else if (/\.test\.(ts|tsx|mjs)$/.test(entry.name)) found.push(relative(root, join(folder, entry.name)));
  }
  return found.sort();
}

/**
 * Groups: the two upper folders of a file (`sip/engine`, `appliance/calls`); end-to-end files in `test/` each stand
 * alone, because each starts an exchange of its own.
 */
export function groupsOf(files) {
  const groups = new Map();
  for (const file of files) {
    const parts = file.split("/");
    const name = parts[0] === "test" ? file : parts.slice(0, Math.min(2, parts.length - 1)).join("/") || ".";
    groups.set(name, [...(groups.get(name) ?? []), file]);
  }
  return groups;
}

/** Counts of one `bun test` run. A run that dies without a summary, or fails without a failed test, counts as one failure. */
export function countsOf(output, code) {
  const count = (word) => {
    const matches = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}s?$`, "gm"))];
    return matches.reduce((sum, match) => sum + Number(match[1]), 0);
  };
  const passed = count("pass");
  let failed = count("fail");
  if (code !== 0 && failed === 0) failed = Math.max(1, count("error"));
  return { passed, failed, skipped: count("skip") + count("todo") };
}

async function main() {
  const wanted = process.argv.slice(2);
  const chosen = (name) => wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix));
  setupOrExit({ tests: true });
  const total = { passed: 0, failed: 0, skipped: 0 };
  const add = (counts) => {
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped ?? 0;
  };
  if (chosen("check")) add(await runChecks());
  // Long groups first; end-to-end runs start real exchanges and phones, so they come after the quick ones have spoken.
  const groups = [...groupsOf(testFiles())].filter(([name]) => chosen(name));
  const tasks = groups
    .sort(([a], [b]) => Number(a.startsWith("test/")) - Number(b.startsWith("test/")) || a.localeCompare(b))
    .map(([name, files]) => ({
      name,
      command: bun,
      args: ["test", "--timeout", "30000", ...files.map((file) => `./${file}`)],
      timeoutMs: GROUP_LIMIT_MS,
      env: { NO_COLOR: "1", FORCE_COLOR: "0" },
    }));
  const report = (result) => {
    const counts = countsOf(result.output, result.code);
    add(counts);
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
    const late = result.timedOut ? " (time-out)" : "";
    console.log(
      `${result.name}: ${counts.passed} passed, ${counts.failed} failed${skipped} (${(result.ms / 1000).toFixed(1)} s)${late}`,
    );
    if (result.code !== 0) console.log(result.output.trimEnd());
  };
  const alone = tasks.filter(({ name }) => ALONE.has(name));
  await runAll(alone, 1, report);
  await runAll(
    tasks.filter((task) => !alone.includes(task)),
    2,
    report,
  );
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
