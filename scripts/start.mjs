/** `npm start [-- flags]`: set up what is missing, then run the exchange; flags go to `zongji serve`. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { bun, root, setupOrExit } from "./setup.mjs";

setupOrExit();
const child = spawn(bun, [join(root, "appliance", "main.ts"), "serve", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
// The terminal sends Ctrl-C to both processes; a supervisor signals only this one. The child ignores a repeated signal.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`zongji: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else process.exit(code ?? 1);
});
