/** The built-in prompts: complete in both languages, music that can be played. */
import { expect, test } from "bun:test";
import { composeBeep, composeMusic, RATE } from "./music.ts";
import { chineseNumber, PROMPT_LANGUAGES, promptTexts } from "./prompt-texts.ts";

test("both languages speak the same keys, none of them empty", () => {
  const [first, second] = PROMPT_LANGUAGES.map((language) => promptTexts(language).map((p) => p.key));
  expect(first).toEqual(second ?? []);
  expect(new Set(first).size).toBe(first?.length ?? 0);
  for (const language of PROMPT_LANGUAGES)
    for (const { key, text } of promptTexts(language)) expect(`${key}:${text}`).not.toBe(`${key}:`);
});

test("numbers are read as Chinese reads them", () => {
  expect([0, 9, 10, 11, 20, 99].map(chineseNumber)).toEqual(["零", "九", "十", "十一", "二十", "九十九"]);
});

test("music and beep are 8 kHz mono WAVs as long as they say, loud enough and without clipping", async () => {
  for (const { wav, durationMs } of [await composeMusic(), composeBeep()]) {
    const view = Buffer.from(wav);
    expect(view.toString("latin1", 0, 4)).toBe("RIFF");
    expect(view.readUInt32LE(24)).toBe(RATE);
    const count = view.readUInt32LE(40) / 2;
    expect((count / RATE) * 1000).toBe(durationMs);
    let peak = 0;
    for (let i = 0; i < count; i++) peak = Math.max(peak, Math.abs(view.readInt16LE(44 + i * 2)));
    expect(peak).toBeGreaterThan(2000);
    expect(peak).toBeLessThan(32_000);
  }
});
