import { expect, test } from "bun:test";
import fc from "fast-check";
import { FrameReader, frame } from "./framing.ts";

test("frames come out as they went in, whatever the cuts", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 50 }),
      (payloads, step) => {
        const wire = Buffer.concat(payloads.map((payload) => frame(payload)));
        const reader = new FrameReader(1_000);
        const seen: string[] = [];
        for (let at = 0; at < wire.length; at += step) {
          for (const payload of reader.push(wire.subarray(at, at + step))) seen.push(payload.toString());
        }
        expect(seen).toEqual(payloads);
      },
    ),
  );
});

test("a length that is none, zero or too great ends the connection", () => {
  for (const bad of ["x#abc", "0#", "1001#a", "-5#hello", "GET / HTTP/1.1\r\n", "123456789", "1e2#"]) {
    expect(() => [...new FrameReader(1_000).push(Buffer.from(bad))]).toThrow();
  }
});
