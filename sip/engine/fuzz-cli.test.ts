import { expect, test } from "bun:test";
import { runFuzz } from "./fuzz-cli.ts";

test("a short run with a seed finds nothing and says what it did", () => {
  const lines: string[] = [];
  expect(runFuzz(["--minutes", "0.005", "--seed", "7"], (line) => lines.push(line))).toBe(0);
  expect(lines[0]).toMatch(/^seed 7: [1-9]\d* messages/);
});

test("wrong arguments and an empty corpus are told", () => {
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  expect(runFuzz(["--minutes", "x"], print)).toBe(2);
  expect(runFuzz(["--hours", "1"], print)).toBe(2);
  expect(runFuzz(["--corpus", import.meta.dir], print)).toBe(2);
  expect(lines.length).toBe(3);
});
