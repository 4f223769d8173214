/** The whole of media with the real rtpengine: parties are RTP peers that send and detect tones. */
import { afterAll, beforeAll, expect, onTestFinished, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestAudio } from "../testphone/audio.ts";
import { hasTone, sines } from "./goertzel.ts";
import { createMedia, type Media, type MediaEvent, UnsupportedMediaError } from "./index.ts";
import { VOICE_NICENESS } from "./priority.ts";
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
  // As much as is asserted of it below: 1.5 s of the voice that a hears.
  const heard = a.audio.packetsReceived;
  await until("1.5 s of voice", () => a.audio.packetsReceived >= heard + 75);
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

test("three parties: each hears the others and not itself; a changed list takes effect", async () => {
  const [a, b, c] = [await party(440), await party(620), await party(1300)];
  media.hear(a.leg, [a.leg, b.leg, c.leg]);
  media.hear(b.leg, [a.leg, c.leg]);
  media.hear(c.leg, [a.leg, b.leg]);
  await until(
    "the mixes",
    () => a.audio.hears(620) && a.audio.hears(1300) && b.audio.hears(440) && c.audio.hears(620),
  );
  expect(a.audio.hears(440)).toBe(false);
  expect(c.audio.hears(1300)).toBe(false);
  media.hear(a.leg, []);
  await until("silence", () => !a.audio.hears(620, 200) && !a.audio.hears(1300, 200));
  expect(b.audio.hears(440)).toBe(true);
  await close(a, b, c);
});

test("lost, doubled and reordered packets: the other party hears a whole tone", async () => {
  const [a, b] = [await party(440), await party(null)];
  let held: Uint8Array | null = null;
  a.audio.disturb = (packet, index) => {
    if (index % 20 === 5) return [];
    if (index % 7 === 3) return [packet, packet];
    if (index % 9 === 4) {
      held = packet;
      return [];
    }
    const after = held ? [packet, held] : [packet];
    held = null;
    return after;
  };
  media.hear(b.leg, [a.leg]);
  await until("the tone", () => b.audio.hears(440));
  b.audio.forget();
  await until("1 s of audio", () => b.audio.recorded().length >= 8000);
  const heard = b.audio.recorded();
  let whole = 0;
  for (let at = 0; at + 160 <= 8000; at += 160) if (hasTone(heard.subarray(at, at + 160), 440)) whole++;
  expect(whole).toBeGreaterThanOrEqual(48);
  expect(b.audio.packetsMissing).toBe(0);
  await close(a, b);
});

test("hold: the held party gets no packets, and the o= version goes up only with a change", async () => {
  const a = await party(440);
  await until("audio to the party", () => a.audio.packetsReceived > 5);
  const held = await media.reoffer(a.leg, a.audio.sdp("sendonly", 2));
  expect(held.direction).toBe("sendonly");
  expect(describeAudio(held.answer).direction).toBe("recvonly");
  const again = await media.reoffer(a.leg, a.audio.sdp("sendonly", 2));
  const version = (sdp: string) => Number(/^o=\S+ \d+ (\d+)/m.exec(sdp)?.[1]);
  expect(version(again.answer)).toBe(version(held.answer));
  const before = a.audio.packetsReceived;
  // 200 ms by the clock of another voice.
  const other = await party(620);
  await until("another party's voice", () => other.audio.packetsReceived >= 10);
  expect(a.audio.packetsReceived - before).toBeLessThanOrEqual(2);
  await close(other);
  const back = await media.reoffer(a.leg, a.audio.sdp("sendrecv", 3));
  expect(back.direction).toBe("sendrecv");
  expect(version(back.answer)).toBe(version(held.answer) + 1);
  const resumed = a.audio.packetsReceived;
  await until("audio again", () => a.audio.packetsReceived > resumed + 5);
  await close(a);
});

test("an outgoing leg: our offer, the party's answer, audio both ways; release leaves nothing behind", async () => {
  const a = await party(440);
  const leg = "out-1";
  const offer = await media.makeOffer(leg);
  const offered = describeAudio(offer);
  expect(offered.codecs.map((codec) => codec.name)).toEqual(["PCMA", "PCMU", "G722"]);
  expect(offered.eventType).toBe(101);
  const audio = await TestAudio.open({ hz: 620, listenFor: TONES });
  const out = { leg, audio };
  opened.push(out);
  expect(await media.acceptAnswer(leg, audio.sdp())).toEqual({ codec: "PCMA", direction: "sendrecv" });
  audio.sendTo(offered.address, offered.port);
  media.hear(a.leg, [leg]);
  media.hear(leg, [a.leg]);
  await until("audio both ways", () => a.audio.hears(620) && audio.hears(440));
  expect((await media.stats()).rtpengine.calls).toBe(2);
  await close(a, out);
  expect(await media.stats()).toMatchObject({ channels: 0, rtpengine: { calls: 0, state: "up" } });
});

test("offered once more in the call, a party may move its voice to another port", async () => {
  for (const made of ["by the party", "by us"]) {
    const a = await party(440);
    const b =
      made === "by the party"
        ? await party(620)
        : { leg: "asked-out", audio: await TestAudio.open({ hz: 620, listenFor: TONES }) };
    if (made === "by us") {
      opened.push(b);
      const offered = describeAudio(await media.makeOffer(b.leg, {}, "1"));
      await media.acceptAnswer(b.leg, b.audio.sdp(), "1");
      b.audio.sendTo(offered.address, offered.port);
    }
    media.hear(a.leg, [b.leg]);
    media.hear(b.leg, [a.leg]);
    await until(`audio both ways (${made})`, () => a.audio.hears(620) && b.audio.hears(440));
    const moved = await TestAudio.open({ hz: 850, listenFor: TONES });
    opened.push({ leg: b.leg, audio: moved });
    const offer = describeAudio(await media.makeOffer(b.leg));
    await media.acceptAnswer(b.leg, moved.sdp("sendrecv", 2));
    moved.sendTo(offer.address, offer.port);
    b.audio.close();
    await until(`audio at the new port (${made})`, () => moved.hears(440) && a.audio.hears(850));
    await close(a, { leg: b.leg, audio: moved });
  }
});

function sdpWith(mLines: string): string {
  return `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n${mLines}`;
}

test("phones without PCMA are transcoded", async () => {
  for (const [name, line] of [
    ["PCMU", "m=audio 42998 RTP/AVP 0\r\n"],
    ["G722", "m=audio 42998 RTP/AVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\n"],
    ["opus", "m=audio 42998 RTP/AVP 107\r\na=rtpmap:107 opus/48000/2\r\n"],
  ] as const) {
    const leg = `codec-${name}`;
    const { codec, answer } = await media.acceptOffer(leg, sdpWith(line));
    expect(codec).toBe(name);
    expect(describeAudio(answer).codecs.map((each) => each.name)).toEqual([name]);
    await media.release(leg);
  }
});

test("no usable audio is UnsupportedMediaError and leaves no channel", async () => {
  const bad = [
    "",
    "not sdp at all",
    sdpWith("m=video 42998 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"),
    sdpWith("m=audio 0 RTP/AVP 8\r\n"),
    sdpWith("m=audio 42998 RTP/AVP 99\r\na=rtpmap:99 NONSENSE/8000\r\n"),
    sdpWith("m=audio 42998 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"),
    sdpWith("m=audio 42998 TCP/MSRP 8\r\n"),
  ];
  for (const [index, sdp] of bad.entries()) {
    const leg = `bad-${index}`;
    const failure = await media.acceptOffer(leg, sdp).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(UnsupportedMediaError);
    await media.release(leg);
  }
  expect((await media.stats()).channels).toBe(0);
});

test("waiting music goes on where it stopped; unknown legs are ignored", async () => {
  const a = await party(null);
  const music = join(folder, "music.wav");
  // 1 s of one tone, then 5 s of another.
  const samples = new Int16Array(48000);
  samples.set(sines([850], 8000));
  samples.set(sines([1300], 40000), 8000);
  writeFileSync(music, encodeWav({ rate: 8000, channels: 1, samples }));
  const spec = {
    leg: a.leg,
    items: [{ kind: "file", path: music }],
    times: "forever",
    resumeKey: "moh",
  } as const;
  media.play({ play: "m1", ...spec });
  await until("the second tone", () => a.audio.hears(1300));
  media.play({ play: "say", leg: a.leg, items: [{ kind: "tone", hz: [440], ms: 200 }] });
  await until("announcement", () => a.audio.hears(440));
  a.audio.forget();
  media.play({ play: "m2", ...spec });
  await until("music", () => a.audio.hears(1300));
  expect(a.audio.heard().some((tone) => tone.hz === 850)).toBe(false);
  media.play({ play: "none", leg: "nobody", items: [] });
  media.hear("nobody", ["else"]);
  media.stopRecording("none");
  await media.release("nobody");
  await close(a);
});

test("50 bridged pairs keep their pace and lose nothing", async () => {
  const pairs: { leg: string; audio: TestAudio }[][] = [];
  for (let i = 0; i < 50; i++) {
    const [a, b] = [await party(null), await party(null)];
    media.hear(a.leg, [b.leg]);
    media.hear(b.leg, [a.leg]);
    pairs.push([a, b]);
  }
  const all = pairs.flat();
  onTestFinished(async () => void (await Promise.all(all.map((each) => close(each)))));
  const packets = () => all.reduce((sum, { audio }) => sum + audio.packetsReceived, 0);
  const missing = () => all.reduce((sum, { audio }) => sum + audio.packetsMissing, 0);
  const [before, start, figures] = [packets(), performance.now(), await media.stats()];
  await until("two seconds of everybody's voice", () => packets() - before >= 10_000);
  const rate = (packets() - before) / ((performance.now() - start) / 1000);
  const after = await media.stats();
  expect(after.channels).toBe(100);
  expect(Math.abs(rate / 5000 - 1)).toBeLessThan(0.05);
  // What was overtaken may still be on its way.
  await until("the last of the packets", () => missing() === 0);
  expect(after.packetsOut - figures.packetsOut).toBeGreaterThan(9000);
}, 15_000);

/** Niceness of each thread of a process (proc(5): the 17th word after the name in brackets). */
function nicenessOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(
      readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ")[16],
    ),
  );
}

test("where it is allowed, the threads of the voice go before all others", async () => {
  const allowed = Bun.spawnSync(["nice", "-n", "-11", "nice"]).stdout.toString().trim() === "-11";
  const a = await party(440);
  const { rtpenginePid } = media.state();
  const [own, voice] = [nicenessOf(process.pid), nicenessOf(rtpenginePid ?? 0)];
  // The main thread stands first; the Worker's thread and the helpers that it starts are among the others.
  expect(own[0]).not.toBe(VOICE_NICENESS);
  expect(own.includes(VOICE_NICENESS)).toBe(allowed);
  expect(new Set(voice)).toEqual(new Set([allowed ? VOICE_NICENESS : (own[0] ?? 0)]));
  await close(a);
});

test("rtpengine killed in mid-call: legs are lost at once, service is back within 2 s", async () => {
  const [a, b] = [await party(440), await party(620)];
  const pid = media.state().rtpenginePid ?? 0;
  expect(pid).toBeGreaterThan(1);
  const killedAt = Date.now();
  process.kill(pid, "SIGKILL");
  await until("media-lost", () => events.some((event) => event.type === "media-lost"));
  const lost = events.find((event) => event.type === "media-lost");
  expect(lost).toMatchObject({ legs: [a.leg, b.leg] });
  expect((lost?.at ?? 0) - killedAt).toBeLessThan(500);
  await until("media-restored", () => events.some((event) => event.type === "media-restored"));
  expect((events.find((event) => event.type === "media-restored")?.at ?? 0) - killedAt).toBeLessThan(2000);
  await close(a, b);
  const [c, d] = [await party(440), await party(620)];
  media.hear(c.leg, [d.leg]);
  await until("a new call with audio", () => c.audio.hears(620));
  expect((await media.stats()).rtpengine.restarts).toBe(1);
  await close(c, d);
});
