/** Runs commands for the check and test scripts: output kept, time limit, bounded concurrency. */
import { spawn } from "node:child_process";
import { root } from "./setup.mjs";

/**
 * @param {{name: string, command: string, args: string[], timeoutMs?: number, env?: Record<string, string>}} task
 * @returns {Promise<{name: string, code: number, output: string, ms: number, timedOut: boolean}>}
 */
export function run(task) {
  const started = Date.now();
  return new Promise((resolve) => {
    // Its own process group: on a time-out its children (phones, rtpengine) go with it.
    const child = spawn(task.command, task.args, {
      cwd: root,
      env: { ...process.env, ...task.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    let timedOut = false;
    const take = (chunk) => {
      output += chunk.toString();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const timer = setTimeout(() => {
      timedOut = true;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        child.kill("SIGKILL");
      }
    }, task.timeoutMs ?? 300_000);
    const stop = () => {
      try {
        process.kill(-child.pid, "SIGTERM");
      } catch {}
    };
    process.once("exit", stop);
    const done = (code) => {
      clearTimeout(timer);
      process.removeListener("exit", stop);
      resolve({ name: task.name, code, output, ms: Date.now() - started, timedOut });
    };
    child.on("error", (error) => {
      output += String(error);
      done(127);
    });
    child.on("close", (code) => done(code ?? 1));
  });
}

/** Runs the tasks, at most `limit` at once, and tells `report` of each as it ends. */
export async function runAll(tasks, limit, report) {
  const results = [];
  const queue = [...tasks];
  const worker = async () => {
    for (let task = queue.shift(); task; task = queue.shift()) {
      const result = await run(task);
      results.push(result);
      report(result);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, tasks.length) }, worker));
  return results;
}
