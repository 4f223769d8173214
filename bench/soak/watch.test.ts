import { expect, test } from "bun:test";
import { growth } from "./watch.ts";

test("growth looks at the second half only and is not moved by one sample", () => {
  const steady = Array.from({ length: 100 }, (_, n) => (n < 50 ? 100 + n : 150));
  expect(growth(steady)).toBe(0);
  expect(growth(steady.with(99, 400))).toBe(0);
  const leaking = Array.from({ length: 100 }, (_, n) => 100 + n);
  expect(growth(leaking)).toBeGreaterThan(20);
});
