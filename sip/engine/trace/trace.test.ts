import { expect, test } from "bun:test";
import { ladderOf } from "./ladder.ts";
import { pcapOf, placeOf } from "./pcap.ts";
import type { TraceEntry } from "./ring.ts";
import { sdpSummary } from "./sdp.ts";

const SDP =
  "v=0\r\nc=IN IP4 192.0.2.7\r\nm=audio 4000 RTP/SAVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n";

function entry(
  direction: "in" | "out",
  remote: string,
  start: string,
  cseq: string,
  at: number,
  rest = "",
): TraceEntry {
  const local = remote.startsWith("udp") ? "udp:192.0.2.9:5060" : "tcp:2001:db8::2:5060";
  const text = `${start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nTo: <sip:b@h>\r\nCall-ID: ${remote === A ? "a" : "b"}\r\nCSeq: ${cseq}\r\n${rest || "\r\n"}`;
  return { at, direction, remote, local, text };
}

const A = "udp:192.0.2.1:5060";
const B = "tcp:2001:db8::1:5062";
const CALL: TraceEntry[] = [
  entry("in", A, "INVITE sip:b@h SIP/2.0", "1 INVITE", 1_000, `Content-Type: application/sdp\r\n\r\n${SDP}`),
  entry("out", A, "SIP/2.0 100 Trying", "1 INVITE", 1_001),
  entry("out", B, "INVITE sip:b@h SIP/2.0", "7 INVITE", 1_010),
  entry("out", B, "INVITE sip:b@h SIP/2.0", "7 INVITE", 1_510),
  entry("in", B, "SIP/2.0 486 Busy Here", "7 INVITE", 1_600, 'Reason: Q.850;cause=17;text="busy"\r\n\r\n'),
  entry("out", A, "SIP/2.0 486 Busy Here", "1 INVITE", 1_601),
];

test("a call as a ladder: columns, labels, folded repeats, reasons, outcome and media", () => {
  const ladder = ladderOf([...CALL].reverse());
  expect(ladder.columns).toEqual([
    { callId: "a", host: "192.0.2.1", remote: A },
    { callId: "b", host: "2001:db8::1", remote: B },
  ]);
  expect(ladder.steps.map((step) => `${step.column} ${step.direction} ${step.label} ×${step.times}`)).toEqual(
    [
      "0 in INVITE ×1",
      "0 out 100 Trying ×1",
      "1 out INVITE ×2",
      "1 in 486 Busy Here ×1",
      "0 out 486 Busy Here ×1",
    ],
  );
  expect(ladder.steps[2]).toMatchObject({ at: 1_010, lastAt: 1_510 });
  expect(ladder.outcome).toEqual({ status: 486, reason: "Busy Here" });
  expect(ladder.steps[3]?.reason).toContain("busy");
  expect(ladder.steps[0]?.sdp).toEqual({
    address: "192.0.2.7",
    media: [
      {
        kind: "audio",
        port: 4000,
        direction: "sendonly",
        codecs: ["PCMA", "PCMU"],
        keys: true,
        security: "sdes",
        ice: false,
      },
    ],
  });
  expect(ladderOf([])).toEqual({ columns: [], steps: [] });
  expect(sdpSummary("nonsense")).toEqual({ address: "", media: [] });
});

test("the challenge is not the outcome, and a browser's media is told as DTLS with ICE", () => {
  const ladder = ladderOf([
    entry("in", A, "INVITE sip:b@h SIP/2.0", "1 INVITE", 1),
    entry("out", A, "SIP/2.0 401 Unauthorized", "1 INVITE", 2),
    entry("in", A, "INVITE sip:b@h SIP/2.0", "2 INVITE", 3, "Authorization: Digest response=x\r\n\r\n"),
    entry("out", A, "SIP/2.0 200 OK", "2 INVITE", 4),
  ]);
  expect(ladder.outcome).toEqual({ status: 200, reason: "OK" });
  expect(ladder.steps.map((step) => step.credentials)).toEqual([false, false, true, false]);
  const sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=ice-ufrag:x\r\n";
  expect(sdpSummary(sdp).media[0]).toMatchObject({ codecs: ["opus"], security: "dtls", ice: true });
});

test("the capture file: each message with its time, addresses, good checksums, in UDP or in running TCP", () => {
  const tcp = [...CALL, entry("out", B, "ACK sip:b@h SIP/2.0", "7 ACK", 1_605)];
  const bytes = pcapOf([...tcp].reverse());
  expect([
    bytes.readUInt32LE(0),
    bytes.readUInt16LE(4),
    bytes.readUInt16LE(6),
    bytes.readUInt32LE(20),
  ]).toEqual([0xa1b2c3d4, 2, 4, 101]);
  const shown: string[] = [];
  const next = new Map<number, number>();
  for (let at = 24; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    const time = bytes.readUInt32LE(at) * 1000 + bytes.readUInt32LE(at + 4) / 1000;
    const packet = bytes.subarray(at + 16, at + 16 + length);
    const four = (packet[0] ?? 0) >> 4 === 4;
    const [head, protocol] = four ? [20, packet[9]] : [40, packet[6]];
    expect(four ? packet.readUInt16BE(2) : packet.readUInt16BE(4) + 40).toBe(length);
    // With its checksum in place every checked area sums up to all ones (RFC 1071).
    if (four) expect(onesSum(packet.subarray(0, 20))).toBe(0xffff);
    expect(onesSum(pseudo(packet, head, protocol ?? 0))).toBe(0xffff);
    const ports = [packet.readUInt16BE(head), packet.readUInt16BE(head + 2)];
    const size = protocol === 6 ? 20 : 8;
    if (protocol === 6) {
      const [from = 0, to = 0] = ports;
      expect(packet.readUInt32BE(head + 4)).toBe(next.get(from) ?? 1);
      expect(packet.readUInt32BE(head + 8)).toBe(next.get(to) ?? 1);
      next.set(from, (next.get(from) ?? 1) + length - head - size);
    }
    const start = packet.toString("utf8", head + size).split("\r\n")[0];
    shown.push(`${time} ${protocol === 6 ? "tcp" : "udp"} ${ports.join(">")} ${start}`);
    at += 16 + length;
  }
  expect(shown).toEqual([
    "1000 udp 5060>5060 INVITE sip:b@h SIP/2.0",
    "1001 udp 5060>5060 SIP/2.0 100 Trying",
    "1010 tcp 5060>5062 INVITE sip:b@h SIP/2.0",
    "1510 tcp 5060>5062 INVITE sip:b@h SIP/2.0",
    "1600 tcp 5062>5060 SIP/2.0 486 Busy Here",
    "1601 udp 5060>5060 SIP/2.0 486 Busy Here",
    "1605 tcp 5060>5062 ACK sip:b@h SIP/2.0",
  ]);
});

function onesSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

/** Addresses, length, protocol and all behind the IP head. */
function pseudo(packet: Buffer, head: number, protocol: number): Buffer {
  const length = packet.length - head;
  return Buffer.concat([
    packet.subarray(head === 20 ? 12 : 8, head),
    Buffer.from([0, 0, length >> 8, length & 255, 0, 0, 0, protocol]),
    packet.subarray(head),
  ]);
}

test("remotes are read back; what is no address becomes none", () => {
  expect(placeOf("tls:2001:db8::5:5061")).toEqual({ protocol: "tls", address: "2001:db8::5", port: 5061 });
  expect(placeOf("udp:::ffff:192.0.2.1:5060")).toEqual({ protocol: "udp", address: "192.0.2.1", port: 5060 });
  expect(placeOf("tcp12")).toEqual({ protocol: "udp", address: "0.0.0.0", port: 0 });
});
