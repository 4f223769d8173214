import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fuzzParser } from "./fuzz.ts";
import { LIMITS, parseMessage } from "./parse.ts";

const FOLDER = join(import.meta.dir, "../../../test/fixtures/rfc4475");

test("mutated torture messages: no throw, stable output, bounded time", () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".dat"));
  const corpus = files.sort().map((file) => readFileSync(join(FOLDER, file)));
  const report = fuzzParser(corpus, 4475, 2500);
  expect(
    report.failures.map(
      (failure) => `${failure.reason}: ${JSON.stringify(Buffer.from(failure.input).toString())}`,
    ),
  ).toEqual([]);
  expect(report.messages).toBeGreaterThan(500);
  expect(report.accepted).toBeGreaterThan(20);
  // Generous against a busy machine: a quadratic parser needs seconds for these sizes.
  expect(report.slowestMs).toBeLessThan(500);
});

test("limits: head size, header count and line length are refused with a reason", () => {
  const head = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n";
  const codeOf = (text: string) => {
    const parsed = parseMessage(Buffer.from(text));
    return parsed.ok ? "ok" : `${parsed.code} ${parsed.partial !== undefined}`;
  };
  expect(codeOf(`${head}${"X: y\r\n".repeat(100)}\r\n`)).toBe("ok");
  expect(codeOf(`${head}${"X: y\r\n".repeat(LIMITS.headers)}\r\n`)).toBe("too-large true");
  expect(codeOf(`${head}X: ${"y".repeat(LIMITS.lineChars)}\r\n\r\n`)).toBe("too-large true");
  expect(codeOf(`${head}X: ${" y\r\n".repeat(9000)}\r\n\r\n`)).toBe("too-large true");
  expect(codeOf(`${head}${`X: ${"y".repeat(8000)}\r\n`.repeat(9)}\r\n`)).toBe("too-large true");
});
