/**
 * What a caller hears of the exchange, packet by packet: pace and losses of the voice that the media port sends through
 * rtpengine while others talk, as it passes on the wire: nothing but the exchange and this machine lies between.
 */
import { createSocket } from "node:dgram";
import { percentile, type Row } from "./measure.ts";
import { capture, type WirePacket } from "./wire.ts";

export interface PacingOptions {
  readonly exchange: { readonly address: string; readonly port: number };
  /** Where the call comes from, an address of the trunk. */
  readonly carrierAddress: string;
  /** A number that answers with sound at once. */
  readonly did: string;
  readonly seconds: number;
}

export interface Pacing {
  readonly packets: number;
  /** Sequence numbers that never came. */
  readonly lost: number;
  /** How far each packet was from its place in a steady row of 20 ms, ms. */
  readonly errors: readonly number[];
}

const PACE_MS = 20;

/** Distances from the steady row that fits best (its middle), and gaps of the sequence. */
export function judgePackets(packets: readonly { readonly sequence: number; readonly at: number }[]): Pacing {
  const [first] = packets;
  if (first === undefined) return { packets: 0, lost: 0, errors: [] };
  let last = 0;
  const seen = new Set<number>();
  const offsets = packets.map(({ sequence, at }) => {
    const n = (sequence - first.sequence) & 0xffff;
    seen.add(n);
    last = Math.max(last, n);
    return at - first.at - n * PACE_MS;
  });
  const middle = percentile(offsets, 0.5);
  return {
    packets: packets.length,
    lost: last + 1 - seen.size,
    errors: offsets.map((offset) => Math.abs(offset - middle)),
  };
}

/** RTP packets with A-law (RFC 3550 §5.1, RFC 3551) among them. */
export function alawOf(packets: readonly WirePacket[]): { readonly sequence: number; readonly at: number }[] {
  return packets
    .filter(
      ({ payload }) =>
        payload.length >= 12 && (payload[0] ?? 0) >> 6 === 2 && ((payload[1] ?? 0) & 0x7f) === 8,
    )
    .map(({ at, payload }) => ({ sequence: payload.readUInt16BE(2), at }));
}

/** Calls `did` and listens. Throws when the call is not answered in five seconds. */
export async function listenToPace(options: PacingOptions): Promise<Pacing> {
  const { exchange, carrierAddress, did } = options;
  // Takes the voice, so that the system does not refuse it; what is counted passes before.
  const voice = createSocket("udp4").on("message", () => {});
  await new Promise<void>((resolve) => voice.bind(0, carrierAddress, resolve));
  const voicePort = voice.address().port;
  const signal = createSocket("udp4");
  await new Promise<void>((resolve) => signal.bind(0, carrierAddress, resolve));
  const { port } = signal.address();
  const callId = `pace-${crypto.randomUUID()}`;
  const sdp = `v=0\r\no=c 1 1 IN IP4 ${carrierAddress}\r\ns=-\r\nc=IN IP4 ${carrierAddress}\r\nt=0 0\r\nm=audio ${voicePort} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;
  const send = (method: string, cseq: number, to: string, body = ""): void => {
    const text = [
      `${method} sip:${did}@${exchange.address}:${exchange.port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${carrierAddress}:${port};branch=z9hG4bK${method}${callId}`,
      "Max-Forwards: 70",
      `From: <sip:13900000001@${carrierAddress}:${port}>;tag=pace`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:carrier@${carrierAddress}:${port}>`,
      ...(body === "" ? [] : ["Content-Type: application/sdp"]),
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n");
    signal.send(text, exchange.port, exchange.address);
  };
  const answered = Promise.withResolvers<string>();
  const timer = setTimeout(() => answered.reject(new Error(`${did} did not answer`)), 5000);
  signal.on("message", (bytes) => {
    const text = bytes.toString();
    if (!text.startsWith("SIP/2.0 ") || !/CSeq: *1 INVITE/i.test(text)) return;
    const status = Number(text.slice(8, 11));
    const to = /^To: *(.*)$/im.exec(text)?.[1]?.trim() ?? "";
    if (status < 200) return;
    send("ACK", 1, to);
    if (status < 300) answered.resolve(to);
    else answered.reject(new Error(`${did} answered ${status}`));
  });
  try {
    send("INVITE", 1, `<sip:${did}@${exchange.address}:${exchange.port}>`, sdp);
    const to = await answered.promise;
    // The first moments belong to the set-up of the voice.
    await Bun.sleep(1000);
    const wire = await capture(`dst host ${carrierAddress} and dst port ${voicePort}`);
    await Bun.sleep(options.seconds * 1000);
    const heard = judgePackets(alawOf(await wire.stop()));
    send("BYE", 2, to);
    await Bun.sleep(200);
    return heard;
  } finally {
    clearTimeout(timer);
    signal.close();
    voice.close();
  }
}

export function pacingRow(calls: number, { packets, lost, errors }: Pacing): Row {
  const p99 = percentile(errors, 0.99);
  return {
    what: `voice heard by one more caller beside ${calls} recorded queue calls`,
    value: `${packets} packets, ${lost} lost; pace off by p50 ${percentile(errors, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    budget: "none lost, p99 < 3 ms",
    met: packets > 0 && lost === 0 && p99 < 3,
  };
}
