import { expect, test } from "bun:test";
import fc from "fast-check";
import { alawToLinear, linearToAlaw, ulawToLinear } from "./g711.ts";
import { hasTone, sines, toneLevel } from "./goertzel.ts";
import { encodeWav, parseWav, WavError, wavChannel } from "./wav.ts";

test("A-law: the codes of G.711 and each code survives a round trip", () => {
  expect([...linearToAlaw(Int16Array.of(0, -1, 32767, -32768, 8, -8, 1000))]).toEqual([
    0xd5, 0x55, 0xaa, 0x2a, 0xd5, 0x55, 0xfa,
  ]);
  const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
  expect(linearToAlaw(alawToLinear(codes))).toEqual(codes);
});

test("A-law: the error of a sample stays within its step", () => {
  fc.assert(
    fc.property(fc.integer({ min: -32768, max: 32767 }), (sample) => {
      const [back = 0] = alawToLinear(linearToAlaw(Int16Array.of(sample)));
      expect(Math.abs(back - sample)).toBeLessThanOrEqual(Math.max(16, Math.abs(sample) / 24));
    }),
  );
});

test("mu-law: silence and extremes", () => {
  expect([...ulawToLinear(Uint8Array.of(0xff, 0x7f, 0x80, 0x00))]).toEqual([0, 0, 32124, -32124]);
});

test("Goertzel finds the tone that is there at its level, and no other", () => {
  const both = sines([440, 1300], 800, -20);
  expect(Math.abs(toneLevel(both, 440) + 20)).toBeLessThan(0.5);
  expect(hasTone(both, 440) && hasTone(both, 1300)).toBe(true);
  expect(hasTone(both, 850)).toBe(false);
  expect(hasTone(new Int16Array(800), 440)).toBe(false);
});

test("WAV: round trip, odd chunks, unfinished length, refusal of what is not WAV", () => {
  const samples = Int16Array.of(1, -2, 3, -4, 32767, -32768);
  const bytes = encodeWav({ rate: 8000, channels: 2, samples });
  expect(parseWav(bytes)).toEqual({ rate: 8000, channels: 2, samples });
  // A Buffer out of a shared pool, at an odd offset.
  const shifted = Buffer.concat([Buffer.of(0), bytes]).subarray(1);
  expect(parseWav(shifted).samples).toEqual(samples);
  expect([...wavChannel(parseWav(bytes), 1)]).toEqual([-2, -4, -32768]);
  const unfinished = bytes.slice();
  unfinished.fill(0, 40, 44);
  expect(parseWav(unfinished).samples).toEqual(samples);
  const list = new TextEncoder().encode("LIST\x03\0\0\0abc\0");
  const withList = new Uint8Array([...bytes.slice(0, 36), ...list, ...bytes.slice(36)]);
  expect(parseWav(withList).samples).toEqual(samples);
});

test("WAV: any bytes give samples or WavError, nothing else", () => {
  const whole = encodeWav({ rate: 8000, channels: 1, samples: new Int16Array(50) });
  const mangled = fc
    .tuple(fc.integer({ min: 0, max: 60 }), fc.uint8Array({ maxLength: 40 }))
    .map(([at, bytes]) => {
      const copy = whole.slice();
      copy.set(bytes, at);
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), mangled), (bytes) => {
      try {
        expect(parseWav(bytes).samples).toBeInstanceOf(Int16Array);
      } catch (error) {
        expect(error).toBeInstanceOf(WavError);
      }
    }),
  );
});
