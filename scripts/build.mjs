/**
 * `npm run build`: the single file dist/zongji with Bun, the pages, the assets and the Workers inside. Workers are extra
 * entry points; they keep their path below the root, as sip and appliance start them.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bun, outputOf, root, setupOrExit } from "./setup.mjs";

const WORKERS = ["sip/engine/worker.ts", "sip/media/port/worker.ts", "appliance/jobs/worker.ts"];

/** Builds to `outfile`; returns the exit code of the compiler. */
export function build(outfile) {
  const entries = WORKERS.filter((file) => existsSync(join(root, file)));
  const commit = outputOf("git", ["rev-parse", "--short", "HEAD"]) || "unknown";
  const result = spawnSync(
    bun,
    [
      "build",
      "--compile",
      "--minify-syntax",
      "--sourcemap=inline",
      "--define",
      `ZONGJI_COMMIT="${commit}"`,
      "--outfile",
      outfile,
      "appliance/main.ts",
      ...entries,
    ],
    { cwd: root, stdio: "inherit" },
  );
  return result.status ?? 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  setupOrExit({ debian: false });
  const outfile = process.argv[2] ?? join(root, "dist", "zongji");
  mkdirSync(join(root, "dist"), { recursive: true });
  const code = build(outfile);
  if (code === 0) console.log(`${outfile} (${(statSync(outfile).size / 2 ** 20).toFixed(0)} MB)`);
  process.exit(code);
}
