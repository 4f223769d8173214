import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { createTraceReader, TraceReaderError } from "./reader.ts";
import type { TraceEntry } from "./ring.ts";
import { Script, sdp } from "./test-talk.ts";
import { doTraceWork } from "./work.ts";

setDefaultTimeout(30_000);

const reader = createTraceReader();
afterAll(() => reader.stop());

/** Many calls of ten messages each. */
function messages(count: number): TraceEntry[] {
  const entries: TraceEntry[] = [];
  for (let n = 0; entries.length < count; n++) {
    const script = new Script(`call${n}`, `udp:192.168.1.${n % 250}:5060`)
      .say("> INVITE", { sdp: sdp(), at: n * 100 })
      .say("< 100 Trying INVITE")
      .say("< 180 Ringing INVITE")
      .say("< 200 OK INVITE", { sdp: sdp() })
      .say("> ACK")
      .say("< INVITE", { sdp: sdp({ way: "sendonly" }), cseq: 2 })
      .say("> 200 OK INVITE", { sdp: sdp(), cseq: 2 })
      .say("< ACK", { cseq: 2 })
      .say("< BYE", { cseq: 3 })
      .say("> 200 OK BYE", { cseq: 3 });
    entries.push(...script.entries);
  }
  return entries;
}

/** The longest time this thread did nothing else while `work` went on, ms. */
async function longestPause(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let on = true;
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (on) setTimeout(tick, 0);
  };
  tick();
  await work();
  on = false;
  tick();
  return longest;
}

test("reading, writing out and unpacking give what they give on this thread", async () => {
  const entries = messages(40);
  const question = { entries, parties: [], media: [], now: 40_000 };
  expect(await reader.read(question)).toEqual(doTraceWork({ kind: "read", question }) as never);
  expect(await reader.text(entries)).toBe(doTraceWork({ kind: "text", entries }) as string);
  expect(await reader.pcap(entries)).toEqual(doTraceWork({ kind: "pcap", entries }) as never);
  const packed = () => new Uint8Array(gzipSync(JSON.stringify({ a: [1, "二"] })));
  expect(await reader.unpack(packed(), 1_000)).toEqual({ a: [1, "二"] });
  const failure = (asked: Promise<unknown>) => asked.catch((error: unknown) => error);
  expect(await failure(reader.unpack(packed(), 3))).toBeInstanceOf(TraceReaderError);
  expect(await failure(reader.unpack(new Uint8Array([1, 2, 3]), 1_000))).toBeInstanceOf(TraceReaderError);
});

test("this thread goes on while a long trace is read", async () => {
  const entries = messages(4_000);
  const question = { entries, parties: [], media: [], now: 1e6 };
  await reader.read({ ...question, entries: entries.slice(0, 10) });
  const here = () =>
    longestPause(async () => {
      doTraceWork({ kind: "read", question });
      doTraceWork({ kind: "text", entries });
      doTraceWork({ kind: "pcap", entries });
    });
  const away = () =>
    longestPause(async () => {
      await reader.read(question);
      await reader.text(entries);
      await reader.pcap(entries);
    });
  const best = async (run: () => Promise<number>) => Math.min(await run(), await run(), await run());
  // The shortest of three: what a busy machine adds is not ours.
  const [alone, beside] = [await best(here), await best(away)];
  if (process.env["FIGURES"]) console.log({ alone, beside });
  expect(beside).toBeLessThan(alone / 2);
});

test("a stopped reader says so to who waits, and starts again with the next question", async () => {
  const own = createTraceReader();
  const asked = own.text(messages(10)).catch((error: unknown) => error);
  own.stop();
  expect(await asked).toBeInstanceOf(TraceReaderError);
  expect(await own.text([])).toBe("");
  own.stop();
});
