/** The whole of media with the real rtpengine: parties are RTP peers that send and detect tones. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestAudio } from "../testphone/audio.ts";
import { hasTone, sines } from "./goertzel.ts";
import { createMedia, type Media, type MediaEvent } from "./index.ts";
import { describeAudio } from "./sdp.ts";
import { encodeWav, parseWav, wavChannel } from "./wav.ts";

const folder = mkdtempSync(join(tmpdir(), "zongji-media-"));
let media: Media;
const events: MediaEvent[] = [];
const opened: { leg: string; audio: TestAudio }[] = [];
let legCount = 0;

async function until(what: string, condition: () => boolean, ms = 4000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain for: ${what}`);
    await Bun.sleep(10);
  }
}

const TONES = [440, 620, 850, 1300];

/** A party that called in and was answered. */
async function party(hz: number | null): Promise<{ leg: string; audio: TestAudio }> {
  const leg = `leg-${++legCount}`;
  const audio = await TestAudio.open({ hz, listenFor: TONES });
  const { answer } = await media.acceptOffer(leg, audio.sdp());
  const side = describeAudio(answer);
  audio.sendTo(side.address, side.port);
  opened.push({ leg, audio });
  return { leg, audio };
}

async function close(...parties: { leg: string; audio: TestAudio }[]): Promise<void> {
  for (const { leg, audio } of parties) {
    audio.close();
    await media.release(leg);
  }
}

beforeAll(async () => {
  media = await createMedia({ folder, address: "127.0.0.1", rtpPorts: { min: 42000, max: 42999 } });
  media.onEvent((event) => events.push(event));
});

afterAll(async () => {
  for (const { audio } of opened) audio.close();
  await media.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("two parties hear each other and both channels of the recording hold their own voice", async () => {
  const a = await party(440);
  const b = await party(620);
  const file = join(folder, "two.wav");
  media.hear(a.leg, [b.leg]);
  media.hear(b.leg, [a.leg]);
  await until("tones both ways", () => a.audio.hears(620) && b.audio.hears(440));
  media.startRecording({ recording: "r1", file, left: a.leg, right: b.leg });
  await Bun.sleep(1500);
  expect(existsSync(`${file}.part`)).toBe(true);
  media.stopRecording("r1");
  await until("recording", () => events.some((event) => event.type === "recording-finished"));
  const done = events.find((event) => event.type === "recording-finished");
  const bytes = readFileSync(file);
  expect(done).toMatchObject({
    recording: "r1",
    file,
    bytes: bytes.length,
    sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
  });
  const audio = parseWav(bytes);
  expect(audio.channels).toBe(2);
  expect(Math.abs(audio.samples.length / 16 - 1500)).toBeLessThan(200);
  const middle = (channel: number) => wavChannel(audio, channel).subarray(1600, 8000);
  expect(hasTone(middle(0), 440)).toBe(true);
  expect(hasTone(middle(0), 620)).toBe(false);
  expect(hasTone(middle(1), 620)).toBe(true);
  expect(hasTone(middle(1), 440)).toBe(false);
  expect(existsSync(`${file}.part`)).toBe(false);
  await close(a, b);
});

test("keys of the party come once each, and keys can be sent to it", async () => {
  const a = await party(440);
  a.audio.press("159*0#");
  const digits = () =>
    events.flatMap((event) => (event.type === "digit" && event.leg === a.leg ? [event.digit] : [])).join("");
  await until("six keys", () => digits().length >= 6);
  media.sendDigits(a.leg, "42#");
  await until("keys at the party", () => a.audio.keysReceived === "42#");
  expect(digits()).toBe("159*0#");
  await close(a);
});

test("a prompt plays, completes, is interrupted by a key; a missing file fails", async () => {
  const a = await party(null);
  const prompt = join(folder, "prompt.wav");
  writeFileSync(prompt, encodeWav({ rate: 8000, channels: 1, samples: sines([850], 4000) }));
  const outcome = (play: string) =>
    events.find((event) => event.type === "play-finished" && event.play === play);
  media.play({ play: "p1", leg: a.leg, items: [{ kind: "file", path: prompt }] });
  await until("the prompt", () => a.audio.hears(850));
  await until("its end", () => outcome("p1") !== undefined);
  expect(outcome("p1")).toMatchObject({ outcome: "completed", ms: 500 });
  media.play({
    play: "p2",
    leg: a.leg,
    items: [{ kind: "file", path: prompt }],
    times: "forever",
    stopOnDigit: true,
  });
  await until("the prompt again", () => a.audio.heard().some((tone) => tone.lastAt - tone.since > 800));
  a.audio.press("5");
  await until("interruption", () => outcome("p2") !== undefined);
  expect(outcome("p2")).toMatchObject({ outcome: "interrupted" });
  media.play({ play: "p3", leg: a.leg, items: [{ kind: "file", path: join(folder, "none.wav") }] });
  await until("failure", () => outcome("p3") !== undefined);
  expect(outcome("p3")).toMatchObject({ outcome: "failed" });
  await close(a);
});
