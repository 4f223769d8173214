/** Debian's sipvicious: svmap, svwar and svcrack as an attacker runs them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ToolRun {
  /** Everything it wrote, once it has ended. */
  readonly result: Promise<string>;
  stop(): void;
}

/** Starts a tool; it ends by itself when it is done, at the latest after `timeoutS`. */
export function startTool(
  tool: "svmap" | "svwar" | "svcrack",
  args: readonly string[],
  timeoutS = 30,
): ToolRun {
  let child: Bun.Subprocess<"ignore", "pipe", "pipe"> | undefined;
  let stopped = false;
  const run = async () => {
    // They keep sessions in their home.
    const home = await mkdtemp(join(tmpdir(), "zongji-sv-"));
    try {
      if (stopped) return "";
      child = Bun.spawn([tool, ...args], {
        cwd: home,
        env: { ...process.env, HOME: home },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        timeout: timeoutS * 1000,
      });
      const [output, complaints] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      return `${output}${complaints}`;
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  };
  return {
    result: run(),
    stop() {
      stopped = true;
      child?.kill();
    },
  };
}
