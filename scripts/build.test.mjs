/** The single file: built once, then run from an empty folder, with a real call through it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.mjs";

const folder = mkdtempSync(join(tmpdir(), "zongji-build-"));
const program = join(folder, "zongji");
const empty = join(folder, "empty");
beforeAll(() => {
  mkdirSync(empty);
  expect(build(program)).toBe(0);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(args) {
  const result = Bun.spawnSync([program, ...args], { cwd: empty, stdout: "pipe", stderr: "pipe" });
  return { code: result.exitCode, out: result.stdout.toString(), err: result.stderr.toString() };
}

describe("the single file", () => {
  test("tells its version and the commit it was built from", () => {
    const { out } = run(["version"]);
    expect(out).toMatch(/^zongji \d+\.\d+\.\d+ \(\w+, Bun /);
    expect(out).not.toContain("(source");
  });

  test("serves pages with their styles and carries a call, from an empty folder", async () => {
    const data = join(folder, "data");
    const place = ["--data", data, "--web", "127.0.0.1:0", "--sip", "sip:127.0.0.1:0;transport=udp,tcp"];
    const child = Bun.spawn(
      [program, "serve", ...place, "--address", "127.0.0.1", "--media-ports", "44490-44599"],
      {
        cwd: empty,
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    try {
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      while (!text.includes("Ready after")) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`did not start: ${text}`);
        text += value;
      }
      const page = await (await fetch(/Web address:\s+(\S+)/.exec(text)[1])).text();
      const style = /href="(\/assets\/[^"]+\.css)"/.exec(page)?.[1] ?? "";
      expect((await fetch(new URL(style, /http:\S+/.exec(text)[0]))).status).toBe(200);
      const doctor = run(["doctor", "--data", data]);
      expect(doctor.out).toContain("voice heard both ways");
      expect(doctor.code).toBe(0);
    } finally {
      child.kill("SIGTERM");
      await child.exited;
    }
    expect(readdirSync(empty)).toEqual([]);
  }, 60_000);
});
