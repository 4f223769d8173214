import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PRIORITY = join(import.meta.dir, "priority.ts");

/** Nice values of a child that runs `script`, and of the threads it starts there. */
function niceOf(script: string): number[] {
  const child = Bun.spawnSync([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  return JSON.parse(child.stdout.toString()) as number[];
}

test("calls come first where that is allowed, jobs last; a child keeps the place of who started it", () => {
  const root = process.getuid?.() === 0;
  const [own, child, job] = niceOf(`
    const { preferCalls, yieldToCalls } = await import(${JSON.stringify(PRIORITY)});
    const { getPriority } = await import("node:os");
    preferCalls();
    const own = getPriority();
    const child = Number(Bun.spawnSync(["nice"], { stdout: "pipe" }).stdout.toString());
    yieldToCalls();
    console.log(JSON.stringify([own, child, getPriority()]));
  `);
  const outside = Number(Bun.spawnSync(["nice"], { stdout: "pipe" }).stdout.toString());
  expect([own, child]).toEqual(root ? [Math.min(outside, -5), Math.min(outside, -5)] : [outside, outside]);
  expect(job).toBe(10);
});

test("the service file asks for the same", () => {
  const folder = join(import.meta.dir, "../systemd");
  const unit = readdirSync(folder).find((file) => file.endsWith(".service")) ?? "";
  expect(readFileSync(join(folder, unit), "utf8")).toContain("\nNice=-5\n");
});
