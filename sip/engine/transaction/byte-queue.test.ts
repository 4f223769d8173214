import { expect, test } from "bun:test";
import fc from "fast-check";
import { ByteQueue } from "./byte-queue.ts";

test("strings of any length come back as they were until they are shifted or pushed out", () => {
  const step = fc.oneof(
    fc.nat(400_000).map((length) => ({ push: length })),
    fc.nat(600).map((length) => ({ push: length })),
    fc.constant("shift" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new ByteQueue(8);
      const model: { number: number; bytes: Buffer }[] = [];
      let fill = 0;
      for (const one of steps) {
        if (one === "shift") {
          queue.shift();
          model.shift();
          continue;
        }
        const bytes = Buffer.alloc(one.push, ++fill);
        model.push({ number: queue.push(bytes), bytes });
        if (model.length > 8) model.shift();
      }
      expect(queue.size).toBe(model.length);
      for (const { number, bytes } of model) expect(queue.read(number).equals(bytes)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("what is read is a copy, and what passes through needs no more blocks than what lies there", () => {
  const queue = new ByteQueue(1000);
  const first = queue.push(Buffer.from("first"));
  queue.read(first).fill(0);
  expect(queue.read(first).toString()).toBe("first");
  for (let n = 0; n < 100_000; n++) queue.push(Buffer.alloc(500, n));
  expect(queue.held).toBeLessThan(1_600_000);
  expect(queue.read(first)).toHaveLength(0);
  while (queue.size > 0) queue.shift();
  expect(queue.held).toBeLessThan(600_000);
});
