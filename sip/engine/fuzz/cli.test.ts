import { expect, test } from "bun:test";
import { runFuzz } from "./cli.ts";

test("a short run with a seed finds nothing and says what it did", async () => {
  const lines: string[] = [];
  expect(await runFuzz(["--minutes", "0.005", "--seed", "7"], (line) => lines.push(line))).toBe(0);
  expect(lines[0]).toMatch(/^seed 7: parser [1-9]\d* messages, \d+ accepted; [1-9]\d* exchanges/);
});

test("wrong arguments and an empty corpus are told", async () => {
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  expect(await runFuzz(["--minutes", "x"], print)).toBe(2);
  expect(await runFuzz(["--hours", "1"], print)).toBe(2);
  expect(await runFuzz(["--corpus", import.meta.dir], print)).toBe(2);
  expect(lines.length).toBe(3);
});
