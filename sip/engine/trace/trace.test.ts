import { expect, test } from "bun:test";
import { ladderOf, sdpSummary } from "./ladder.ts";
import { pcapOf, placeOf } from "./pcap.ts";
import type { TraceEntry } from "./ring.ts";

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
  const text = `${start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: ${cseq}\r\n${rest || "\r\n"}`;
  return { at, direction, remote, text };
}

const A = "udp:192.0.2.1:5060";
const B = "tcp:[2001:db8::1]:5062".replace(/[[\]]/g, "");
const CALL: TraceEntry[] = [
  entry("in", A, "INVITE sip:b@h SIP/2.0", "1 INVITE", 1_000, `Content-Type: application/sdp\r\n\r\n${SDP}`),
  entry("out", A, "SIP/2.0 100 Trying", "1 INVITE", 1_001),
  entry("out", B, "INVITE sip:b@h SIP/2.0", "7 INVITE", 1_010),
  entry("out", B, "INVITE sip:b@h SIP/2.0", "7 INVITE", 1_510),
  entry("in", B, "SIP/2.0 486 Busy Here", "7 INVITE", 1_600, 'Reason: Q.850;cause=17;text="busy"\r\n\r\n'),
  entry("out", A, "SIP/2.0 486 Busy Here", "1 INVITE", 1_601),
];

test("a call as a ladder: columns, labels, repeats, notes, outcome and media", () => {
  const ladder = ladderOf([...CALL].reverse());
  expect(ladder.columns).toEqual([A, "engine", B]);
  expect(ladder.steps.map((step) => `${step.from}>${step.to} ${step.label}`)).toEqual([
    `${A}>engine INVITE`,
    `engine>${A} 100 Trying`,
    `engine>${B} INVITE`,
    `engine>${B} INVITE`,
    `${B}>engine 486 Busy Here`,
    `engine>${A} 486 Busy Here`,
  ]);
  expect(ladder.steps.map((step) => step.repeated)).toEqual([false, false, false, true, false, false]);
  expect(ladder.outcome).toEqual({ status: 486, reason: "Busy Here" });
  expect(ladder.steps[4]?.note).toContain("busy");
  expect(ladder.steps[0]?.sdp).toEqual({
    address: "192.0.2.7",
    media: [
      {
        kind: "audio",
        port: 4000,
        direction: "sendonly",
        codecs: ["PCMA", "PCMU", "telephone-event"],
        encrypted: true,
      },
    ],
  });
  expect(ladderOf([])).toEqual({ columns: [], steps: [] });
  expect(sdpSummary("nonsense")).toEqual({ address: "", media: [] });
});

test("the capture file holds each message with its time, addresses and good checksums", () => {
  const bytes = pcapOf(CALL, (_protocol, address) => ({
    address: address.includes(":") ? "2001:db8::2" : "192.0.2.9",
    port: 5060,
  }));
  expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4);
  let at = 24;
  const starts: string[] = [];
  while (at < bytes.length) {
    const length = bytes.readUInt32LE(at + 8);
    const packet = bytes.subarray(at + 16, at + 16 + length);
    const head = (packet[0] ?? 0) >> 4 === 4 ? 20 : 40;
    // With its checksum in place every checked area sums up to all ones (RFC 1071).
    const checked = head === 20 ? packet.subarray(0, 20) : pseudoSix(packet);
    expect(onesSum(checked)).toBe(0xffff);
    starts.push(packet.toString("utf8", head + 8).split("\r\n")[0] ?? "");
    at += 16 + length;
  }
  expect(starts).toEqual(CALL.map((one) => one.text.split("\r\n")[0] ?? ""));
});

function onesSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

/** Addresses, length, protocol and UDP part of an IPv6 packet. */
function pseudoSix(packet: Buffer): Buffer {
  const length = packet.length - 40;
  return Buffer.concat([
    packet.subarray(8, 40),
    Buffer.from([0, 0, length >> 8, length & 255, 0, 0, 0, 17]),
    packet.subarray(40),
  ]);
}

test("remotes are read back; what is no address becomes none", () => {
  expect(placeOf("tls:2001:db8::5:5061")).toEqual({ protocol: "tls", address: "2001:db8::5", port: 5061 });
  expect(placeOf("tcp12")).toEqual({ protocol: "udp", address: "0.0.0.0", port: 0 });
});
