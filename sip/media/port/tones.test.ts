import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alawToLinear, linearToAlaw } from "../g711.ts";
import { sines } from "../goertzel.ts";
import { speak } from "../tts.ts";
import { parseWav } from "../wav.ts";
import { keyTones } from "./dtmf.ts";
import { ToneReceiver } from "./tones.ts";

/** Keys heard in `samples`, through A-law as in a call. */
function heard(samples: Int16Array): string {
  const receiver = new ToneReceiver();
  let keys = "";
  for (let at = 0; at + 160 <= samples.length; at += 160)
    keys += receiver.receive(alawToLinear(linearToAlaw(samples.subarray(at, at + 160)))) ?? "";
  return keys;
}

/** Each key `onMs`, then silence; `detune` as a share, `twist` in dB of the row over the column. */
function keys(
  text: string,
  options: {
    onMs?: number;
    offMs?: number;
    level?: number;
    detune?: number;
    twist?: number;
    lead?: number;
  } = {},
): Int16Array {
  const { onMs = 80, offMs = 60, level = -12, detune = 0, twist = 0, lead = 37 } = options;
  const parts = [new Int16Array(lead)];
  for (const key of text) {
    const [row = 0, column = 0] = keyTones(key) ?? [];
    const low = sines([row * (1 + detune)], onMs * 8, level + twist);
    const high = sines([column * (1 + detune)], onMs * 8, level);
    parts.push(
      low.map((value, i) => value + (high[i] ?? 0)),
      new Int16Array(offMs * 8),
    );
  }
  const out = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const ALL = "1234567890*#ABCD";

describe("keys as tones", () => {
  test("each key once: usual, short, quiet, loud, long, doubled", () => {
    expect(heard(keys(ALL))).toBe(ALL);
    for (let lead = 0; lead < 160; lead += 20)
      expect(heard(keys(ALL, { onMs: 60, offMs: 60, lead }))).toBe(ALL);
    expect(heard(keys(ALL, { level: -25 }))).toBe(ALL);
    expect(heard(keys(ALL, { level: -5 }))).toBe(ALL);
    expect(heard(keys("55", { onMs: 1500 }))).toBe("55");
  });

  test("keys off by 1.5 % and with twist as Q.24 allows", () => {
    for (const detune of [-0.015, 0.015]) expect(heard(keys(ALL, { detune }))).toBe(ALL);
    for (const twist of [-6, 4]) expect(heard(keys(ALL, { twist }))).toBe(ALL);
  });

  test("single tones, busy tone, too short a beep and noise are no keys", () => {
    for (const hz of [450, 697, 941, 1209, 1336, 1100, 2100]) expect(heard(sines([hz], 8000))).toBe("");
    expect(heard(sines([350, 440], 8000))).toBe("");
    expect(heard(keys("5", { onMs: 15 }))).toBe("");
    let seed = 1;
    const noise = Int16Array.from({ length: 80_000 }, () => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return (seed >> 15) - 16384;
    });
    expect(heard(noise)).toBe("");
  });

  test("speech is no key", async () => {
    const folder = mkdtempSync(join(tmpdir(), "zongji-tones-"));
    const words = {
      en: "Thank you for calling. Please hold the line, all our agents are busy. We are seeing to it, indeed we do.",
      "zh-CN": "感谢您的来电，所有坐席正忙，请稍候。您也可以留言，我们会尽快给您回电。",
    };
    try {
      for (const [language, text] of Object.entries(words)) {
        const { file8k } = await speak(text, language, join(folder, language));
        const { samples } = parseWav(readFileSync(file8k));
        expect(samples.length).toBeGreaterThan(16_000);
        expect(heard(samples)).toBe("");
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 20_000);
});
