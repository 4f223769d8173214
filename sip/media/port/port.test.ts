import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { alawToLinear, linearToAlaw } from "../g711.ts";
import { hasTone, sines, totalLevel } from "../goertzel.ts";
import { repairRecording } from "../repair.ts";
import { encodeWav, parseWav, wavChannel } from "../wav.ts";
import { KeyReceiver, KeySender, onlyKeys } from "./dtmf.ts";
import { JitterBuffer } from "./jitter.ts";
import { Player } from "./player.ts";
import { partFile, Recording, type RecordingFile } from "./recording.ts";
import { FRAME, parseRtp, writeRtpHeader } from "./rtp.ts";

const folder = mkdtempSync(join(tmpdir(), "zongji-port-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function frames(hz: number, count: number): Uint8Array[] {
  const codes = linearToAlaw(sines([hz], FRAME * count, -10));
  return Array.from({ length: count }, (_, i) => codes.slice(i * FRAME, (i + 1) * FRAME));
}

/** Plays packets given as [arrival slot, frame number] and returns all that came out. */
function playOut(
  arrivals: readonly (readonly [number, number])[],
  slots: number,
  source: Uint8Array[],
): Uint8Array {
  const buffer = new JitterBuffer();
  const out = new Uint8Array(slots * FRAME);
  for (let slot = 0; slot < slots; slot++) {
    for (const [at, frame] of arrivals) {
      const payload = source[frame];
      if (at === slot && payload) buffer.push(payload, (0xffffff00 + frame * FRAME) >>> 0, 1);
    }
    buffer.pull(out.subarray(slot * FRAME, (slot + 1) * FRAME) as Uint8Array<ArrayBuffer>);
  }
  return out;
}

test("jitter buffer: reordered and doubled packets come out as sent, over the timestamp's wrap", () => {
  const source = frames(440, 40);
  const arrivals = source.flatMap((_, frame): [number, number][] => {
    if (frame % 7 === 3) return [[frame + 1, frame]];
    return frame % 5 === 0
      ? [
          [frame, frame],
          [frame, frame],
        ]
      : [[frame, frame]];
  });
  const out = playOut(arrivals, 42, source);
  const sent = new Uint8Array(source.flatMap((frame) => [...frame]));
  expect(out.slice(FRAME * 2, FRAME * 40)).toEqual(sent.slice(0, FRAME * 38));
});

test("jitter buffer: a lost frame is concealed with the tone, a long gap fades to silence", () => {
  const source = frames(400, 40);
  const lossy = source
    .map((_, frame): [number, number] => [frame, frame])
    .filter(([, frame]) => frame !== 20 && frame < 30);
  const linear = alawToLinear(playOut(lossy, 40, source));
  const gap = linear.subarray(FRAME * 22, FRAME * 23);
  expect(hasTone(gap, 400)).toBe(true);
  expect(totalLevel(gap)).toBeGreaterThan(-16);
  expect(totalLevel(linear.subarray(FRAME * 37, FRAME * 40))).toBeLessThan(-50);
});

test("jitter buffer: 30 ms packets play without gaps", () => {
  const codes = linearToAlaw(sines([440], FRAME * 30, -10));
  const buffer = new JitterBuffer();
  const out = new Uint8Array(FRAME * 30);
  let sent = 0;
  for (let slot = 0; slot < 30; slot++) {
    while (sent + 240 <= (slot + 1) * FRAME + 120 && sent + 240 <= codes.length) {
      buffer.push(codes.slice(sent, sent + 240), sent, 5);
      sent += 240;
    }
    buffer.pull(out.subarray(slot * FRAME, (slot + 1) * FRAME) as Uint8Array<ArrayBuffer>);
  }
  expect(buffer.counts.concealed).toBe(0);
  expect(out.slice(FRAME * 2)).toEqual(codes.slice(0, FRAME * 28));
});

test("jitter buffer: the delay grows for late packets, stays bounded and shrinks again", () => {
  const buffer = new JitterBuffer();
  const out = new Uint8Array(FRAME);
  const silence = new Uint8Array(FRAME).fill(0xd5);
  const queue: number[] = [];
  let largest = 0;
  for (let slot = 0; slot < 1500; slot++) {
    queue.push(slot);
    // For 4 s packets come in bursts of six.
    if (slot > 300 ? true : slot % 6 === 5)
      for (const frame of queue.splice(0)) buffer.push(silence, frame * FRAME, 9);
    buffer.pull(out);
    largest = Math.max(largest, buffer.delayMs);
  }
  expect(largest).toBeGreaterThanOrEqual(100);
  expect(largest).toBeLessThanOrEqual(300);
  expect(buffer.delayMs).toBeLessThanOrEqual(80);
});

test("jitter buffer: no input can break it", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.uint8Array({ maxLength: 3000 }),
          fc.integer({ min: 0, max: 0xffffffff }),
          fc.integer({ min: 0, max: 2 }),
        ),
      ),
      (packets) => {
        const buffer = new JitterBuffer();
        const out = new Uint8Array(FRAME);
        for (const [payload, timestamp, ssrc] of packets) {
          buffer.push(payload, timestamp, ssrc);
          buffer.pull(out);
        }
        expect(buffer.delayMs).toBeLessThan(1100);
      },
    ),
  );
});

/** All packets of pressing `keys`. */
function press(keys: string): { payload: Uint8Array; timestamp: number }[] {
  const sender = new KeySender();
  sender.press(keys);
  const packets = [];
  for (let now = 1000; sender.busy; now += FRAME) {
    const packet = sender.nextPacket(now);
    if (packet) packets.push(packet);
  }
  return packets;
}

function keysOf(packets: readonly { payload: Uint8Array; timestamp: number }[]): string {
  const receiver = new KeyReceiver();
  return packets.map(({ payload, timestamp }) => receiver.receive(payload, timestamp, 7) ?? "").join("");
}

test("keys: any loss that leaves a packet of each press, and any doubling, gives each key once", () => {
  const key = fc.constantFrom(..."0123456789*#ABCD");
  fc.assert(
    fc.property(
      fc.array(key, { minLength: 1, maxLength: 6 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 3 })),
      (keys, luck) => {
        const arrived = press(keys.join("")).flatMap((packet, index) => {
          // The third packet of each eight always arrives.
          const copies = luck.next().value ?? 1;
          return Array.from({ length: index % 8 === 2 ? Math.max(1, copies) : copies }, () => packet);
        });
        expect(keysOf(arrived)).toBe(keys.join(""));
      },
    ),
  );
});

test("keys: held for 20 s in segments, or with a moving timestamp, is one press", () => {
  const long = Array.from({ length: 1000 }, (_, i) => {
    const total = (i + 1) * FRAME;
    const segment = Math.floor(total / 0xffff);
    const duration = total - segment * 0xffff;
    return {
      payload: Uint8Array.of(5, 10, duration >> 8, duration & 255),
      timestamp: 1000 + segment * 0xffff,
    };
  });
  expect(keysOf(long)).toBe("5");
  const moving = Array.from({ length: 8 }, (_, i) => ({
    payload: Uint8Array.of(7, i === 7 ? 0x8a : 10, ((i + 1) * FRAME) >> 8, ((i + 1) * FRAME) & 255),
    timestamp: 1000 + i * FRAME,
  }));
  expect(keysOf(moving)).toBe("7");
  expect(keysOf(press("77"))).toBe("77");
  expect(onlyKeys("1a-#x<")).toBe("1A#");
});

test("player: items join without a gap, repeat, and resume at a position", () => {
  const codes = (value: number, length: number) => ({ codes: new Uint8Array(length).fill(value), length });
  const player = new Player([codes(1, 100), codes(2, 220)], 2);
  const frame = new Uint8Array(FRAME);
  const all: number[] = [];
  while (player.fill(frame)) all.push(...frame);
  const once = [...new Array(100).fill(1), ...new Array(220).fill(2)];
  expect(all).toEqual([...once, ...once]);
  expect(player.ms).toBe(80);
  const resumed = new Player([codes(1, 100), codes(2, 220)], 1, { item: 1, offset: 140 });
  resumed.fill(frame);
  expect([...frame.subarray(0, 81)]).toEqual([...new Array(80).fill(2), 0xd5]);
  expect(new Player([], Number.POSITIVE_INFINITY).fill(frame)).toBe(false);
});

test("RTP: header round trip; RTCP, STUN and short packets are refused", () => {
  const packet = new Uint8Array(20);
  writeRtpHeader(packet, {
    payloadType: 8,
    marker: true,
    sequence: 65535,
    timestamp: 0xfffffff0,
    ssrc: 0xdeadbeef,
  });
  expect(parseRtp(packet)).toMatchObject({
    payloadType: 8,
    marker: true,
    sequence: 65535,
    timestamp: 0xfffffff0,
    ssrc: 0xdeadbeef,
  });
  expect(parseRtp(Uint8Array.of(0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0))).toBeNull();
  expect(parseRtp(new Uint8Array(20))).toBeNull();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void parseRtp(bytes)));
});

function fill(recording: Recording, slots: number): void {
  const [left, right] = [frames(440, slots), frames(620, slots)];
  for (let i = 0; i < slots; i++) {
    recording.put("a", left[i] ?? new Uint8Array());
    recording.put("b", right[i] ?? new Uint8Array());
    recording.endSlot();
  }
}

test("recording: gaps, pauses and parties that come later stay aligned", async () => {
  const file = join(folder, "aligned.wav");
  const recording = new Recording({ recording: "r", file, left: "a" }, () => {});
  fill(recording, 50);
  recording.right = "b";
  fill(recording, 50);
  recording.paused = true;
  fill(recording, 50);
  recording.paused = false;
  fill(recording, 25);
  const result = await recording.finish();
  expect(result).toMatchObject({ file, ms: 3500, bytes: readFileSync(file).length });
  const audio = parseWav(readFileSync(file));
  const [left, right] = [wavChannel(audio, 0), wavChannel(audio, 1)];
  const second = (samples: Int16Array, at: number) => samples.subarray(at * 8000, at * 8000 + 4000);
  expect([0, 1, 2, 3].map((at) => hasTone(second(left, at), 440))).toEqual([true, true, false, true]);
  expect([0, 1, 2, 3].map((at) => hasTone(second(right, at), 620))).toEqual([false, true, false, true]);
});

test("recording: a full disk is reported once and what was written is kept and playable", async () => {
  const file = join(folder, "full.wav");
  let room = 44 + 32000 + 1000;
  const opener = async (path: string): Promise<RecordingFile> => {
    const real = await open(path, "wx");
    const write = async (bytes: Uint8Array, offset: number, length: number, position: number) => {
      const fits = Math.min(length, Math.max(0, room - position));
      if (fits === 0) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      return real.write(bytes, offset, fits, position);
    };
    return { write, datasync: () => real.datasync(), close: () => real.close() } as RecordingFile;
  };
  const failures: string[] = [];
  const recording = new Recording(
    { recording: "r", file, left: "a", right: "b" },
    (reason) => failures.push(reason),
    opener,
  );
  fill(recording, 200);
  expect(await recording.finish()).toBeNull();
  expect(failures).toEqual(["disk full"]);
  expect(parseWav(readFileSync(file)).samples.length).toBe(16000);
  room = 0;
  const none = new Recording(
    { recording: "s", file: join(folder, "no", "such", "folder.wav"), left: "a" },
    (reason) => failures.push(reason),
  );
  expect(await none.finish()).toBeNull();
  expect(failures[1]).toContain("ENOENT");
});

test("recording: an unfinished file is repaired", async () => {
  const file = join(folder, "crashed.wav");
  const whole = encodeWav({ rate: 8000, channels: 2, samples: sines([440], 16001) });
  // As after a crash: the length in the header is old, and the last block is torn.
  const view = new DataView(whole.buffer);
  view.setUint32(40, 0, true);
  await Bun.write(partFile(file), whole.slice(0, whole.length - 1));
  const result = await repairRecording(file);
  expect(result).toMatchObject({ ms: 1000, bytes: 44 + 32000 });
  expect(parseWav(readFileSync(file)).samples.length).toBe(16000);
  await Bun.write(partFile(file), "no recording");
  expect(repairRecording(file)).rejects.toMatchObject({ code: "wav-unreadable" });
});
