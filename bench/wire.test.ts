import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { alawOf } from "./pacing.ts";
import { setUpsOf } from "./set-up.ts";
import { CaptureError, capture, readCapture, type WirePacket } from "./wire.ts";

const packet = (at: number, port: number, text: string): WirePacket => ({
  at,
  sourcePort: 1,
  port,
  payload: Buffer.from(text),
});
const invite = (number: string) => `INVITE sip:1@z SIP/2.0\r\nFrom: <sip:${number}@z>;tag=1\r\n\r\n`;

test("what passes on the loopback interface is seen with its time, and nothing of other ports", async () => {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  const wire = await capture(`dst port ${port}`);
  const before = Date.now();
  for (const text of ["one", "two", ""]) socket.send(text, port, "127.0.0.1");
  socket.send("elsewhere", port === 65_535 ? 65_534 : port + 1, "127.0.0.2");
  const packets = await wire.stop();
  socket.close();
  expect(packets.map(({ payload }) => payload.toString())).toEqual(["one", "two", ""]);
  expect(packets.every((one) => one.port === port && one.sourcePort === port)).toBe(true);
  for (const { at } of packets) {
    expect(at).toBeGreaterThanOrEqual(before - 1);
    expect(at).toBeLessThan(Date.now() + 1);
  }
});

test("a filter that tcpdump cannot read is its error, a cut file ends with its last whole packet", async () => {
  const error = await capture("dst prt 1").catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CaptureError);
  expect(readCapture(Buffer.alloc(30))).toEqual([]);
});

test("a set-up runs from the first INVITE of a caller to the first at the phone", () => {
  const packets = [
    packet(10, 5060, invite("13990000001")),
    packet(11, 5060, "SIP/2.0 180 Ringing\r\n\r\n"),
    packet(14, 5070, invite("13990000001")),
    packet(510, 5060, invite("13990000001")),
    packet(514, 5070, invite("13990000001")),
    packet(600, 5060, invite("13990000002")),
  ];
  expect(setUpsOf(packets, 5060, 5070)).toEqual([4]);
});

test("only RTP with A-law counts as voice", () => {
  const rtp = (type: number) => Buffer.from([0x80, type, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0xd5]);
  const of = (payload: Buffer): WirePacket => ({ at: 5, sourcePort: 1, port: 2, payload });
  expect(alawOf([of(rtp(8)), of(rtp(0x88)), of(rtp(13)), of(Buffer.alloc(4))])).toEqual([
    { sequence: 7, at: 5 },
    { sequence: 7, at: 5 },
  ]);
});
