import { expect, test } from "bun:test";
import { judgePackets } from "./pacing.ts";

const row = (count: number, from = 65_530) =>
  Array.from({ length: count }, (_, n) => ({ sequence: (from + n) & 0xffff, at: 1000 + n * 20 }));

test("a steady row is no error, across the end of the sequence numbers too", () => {
  expect(judgePackets(row(50))).toMatchObject({ packets: 50, lost: 0 });
  expect(Math.max(...judgePackets(row(50)).errors)).toBe(0);
  expect(judgePackets([])).toEqual({ packets: 0, lost: 0, errors: [] });
});

test("late packets and holes are found, a late first packet does not shift all others", () => {
  const packets = row(50).map((packet, n) => (n === 0 ? { ...packet, at: packet.at + 7 } : packet));
  const heard = judgePackets(packets.filter((_, n) => n !== 20 && n !== 21));
  expect(heard.lost).toBe(2);
  expect(heard.errors.filter((error) => error > 1)).toEqual([7]);
});
