/** What one address may keep open, and what is forgotten. */
import { expect, test } from "bun:test";
import { Crowd } from "./crowd.ts";

test("connections beyond the bound are not kept until others have been idle for long enough", () => {
  const crowd = new Crowd(1_000, 2);
  expect([1, 2, 3].map((port) => crowd.keeps("192.0.2.1", port, 0))).toEqual([true, true, false]);
  expect(crowd.keeps("192.0.2.2", 3, 0)).toBe(true);
  // Those that are kept go on.
  expect(crowd.keeps("192.0.2.1", 1, 900)).toBe(true);
  expect(crowd.keeps("192.0.2.1", 3, 999)).toBe(false);
  expect(crowd.keeps("192.0.2.1", 3, 1_000)).toBe(true);
  expect(crowd.keeps("192.0.2.1", 4, 1_000)).toBe(false);
});
