/** Uploads and speech with the real ffmpeg and espeak-ng. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { convertSound, sniffSound } from "./convert.ts";
import { hasTone, sines, totalLevel } from "./goertzel.ts";
import { speak } from "./tts.ts";
import { encodeWav, parseWav } from "./wav.ts";

const folder = mkdtempSync(join(tmpdir(), "zongji-convert-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const source = join(folder, "source.wav");
writeFileSync(source, encodeWav({ rate: 44100, channels: 1, samples: sines([440], 44100, -12, 0, 44100) }));

test("wav, mp3, ogg and m4a become 8 and 16 kHz mono, whatever their name", async () => {
  for (const format of ["wav", "mp3", "ogg", "m4a"] as const) {
    const made = join(folder, `made.${format}`);
    expect((await runCommand(["ffmpeg", "-v", "error", "-i", source, made], { timeoutMs: 20_000 })).ok).toBe(
      true,
    );
    const upload = join(folder, "upload.txt");
    writeFileSync(upload, readFileSync(made));
    const result = await convertSound(upload, join(folder, format));
    expect(result.format).toBe(format);
    expect(Math.abs(result.ms - 1000)).toBeLessThan(120);
    const [narrow, wide] = [parseWav(readFileSync(result.file8k)), parseWav(readFileSync(result.file16k))];
    expect([narrow.rate, narrow.channels, wide.rate, wide.channels]).toEqual([8000, 1, 16000, 1]);
    expect(hasTone(narrow.samples.subarray(2000, 6000), 440)).toBe(true);
    expect(hasTone(wide.samples.subarray(4000, 12000), 440, 16000)).toBe(true);
  }
}, 30_000);

test("what is no sound, too large or too long is refused with a code and leaves no file", async () => {
  const target = join(folder, "refused");
  const code = (bytes: string | Uint8Array, limits = {}) => {
    const upload = join(folder, "bad");
    writeFileSync(upload, bytes);
    return convertSound(upload, target, limits).then(
      () => "accepted",
      (error: { code?: string }) => error.code,
    );
  };
  expect(await code("<html>not a sound</html>")).toBe("sound-not-audio");
  expect(await code("")).toBe("sound-not-audio");
  expect(await code("RIFF\0\0\0\0WAVEgarbage")).toBe("sound-not-audio");
  expect(await code("#EXTM3U\nhttp://127.0.0.1/x")).toBe("sound-not-audio");
  expect(await code(readFileSync(source), { maxBytes: 1000 })).toBe("sound-too-large");
  expect(await code(readFileSync(source), { maxSeconds: 0.5 })).toBe("sound-too-long");
  expect(existsSync(`${target}-8k.wav`) || existsSync(`${target}-8k.wav.new`)).toBe(false);
  expect(sniffSound(Uint8Array.of(0xff, 0xfb, 0x90, 0))).toBe("mp3");
});

test("speech in Chinese and English; a missing program is told by its code", async () => {
  for (const [language, text] of [
    ["zh-CN", "您好，欢迎致电。"],
    ["en", "Welcome -v 1; `id`"],
  ] as const) {
    const spoken = await speak(text, language, join(folder, `speech-${language}`));
    const audio = parseWav(readFileSync(spoken.file8k));
    expect(audio.rate).toBe(8000);
    expect(spoken.ms).toBeGreaterThan(500);
    expect(totalLevel(audio.samples)).toBeGreaterThan(-40);
  }
  expect(speak("x", "en", join(folder, "no"), { command: ["no-such-tts"] })).rejects.toMatchObject({
    code: "tts-missing",
  });
  expect(speak(" \n", "en", join(folder, "no"))).rejects.toMatchObject({ code: "tts-text" });
  expect(speak("x", "en", join(folder, "no"), { command: ["false"] })).rejects.toMatchObject({
    code: "tts-failed",
  });
}, 20_000);
