/** `npm run bench [-- --quick]`: measures a fresh exchange on this machine and writes bench/RESULTS.md. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { bun, root, setupOrExit } from "./setup.mjs";

setupOrExit({ tests: true });
const child = spawn(bun, [join(root, "bench", "run.ts"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
