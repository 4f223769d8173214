import { expect, test } from "bun:test";
import { LIMITS, parseMessage } from "./parse.ts";

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
