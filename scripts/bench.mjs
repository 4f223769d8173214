/**
 * `npm run bench [-- --quick]`: measures a fresh exchange on this machine and writes bench/RESULTS.md.
 * `npm run soak [-- --minutes N]`: calls for a long time, bench/soak/main.ts.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { bun, root, setupOrExit } from "./setup.mjs";

setupOrExit({ tests: true });
const words = process.argv.slice(2);
const program = words.includes("--soak") ? join("soak", "main.ts") : "run.ts";
const child = spawn(bun, [join(root, "bench", program), ...words.filter((word) => word !== "--soak")], {
  cwd: root,
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
