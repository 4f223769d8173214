import { expect, test } from "bun:test";
import { fakeClock, systemClock } from "./clock.ts";

test("the system clock never goes back and follows the wall clock forward", () => {
  let wall = 1_000_000;
  let mono = 50;
  const clock = systemClock(
    () => wall,
    () => mono,
  );
  wall += 100;
  mono += 100;
  expect(clock.now()).toBe(1_000_100);
  wall -= 5000;
  mono += 1000;
  const held = clock.now();
  // Set back: goes on at almost the same pace.
  expect(held).toBeGreaterThan(1_001_080);
  expect(held).toBeLessThanOrEqual(1_001_100);
  expect(clock.now()).toBeGreaterThanOrEqual(held);
  wall += 60_000;
  mono += 10;
  expect(clock.now()).toBe(wall);
});

test("the fake clock runs timers in order, also those made on the way, and forgets cancelled ones", () => {
  const clock = fakeClock(0);
  const ran: string[] = [];
  clock.after(200, () => ran.push(`b${clock.now()}`));
  clock.after(100, () => {
    ran.push(`a${clock.now()}`);
    clock.after(50, () => ran.push(`n${clock.now()}`));
  });
  const cancel = clock.after(120, () => ran.push("never"));
  cancel();
  clock.advance(150);
  expect(ran).toEqual(["a100", "n150"]);
  expect(clock.pending()).toBe(1);
  clock.advance(1000);
  expect(ran).toEqual(["a100", "n150", "b200"]);
  expect(clock.now()).toBe(1150);
});
