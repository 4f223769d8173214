/** RTP headers (RFC 3550 §5.1): parse and build. */

/** Samples of a 20 ms frame at 8 kHz. */
export const FRAME = 160;
export const FRAME_MS = 20;
export const PCMA = 8;

export interface RtpPacket {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Uint8Array;
}

/** The packet, or null for anything that is not well-formed RTP (RTCP, STUN, garbage). */
export function parseRtp(data: Uint8Array): RtpPacket | null {
  const first = data[0] ?? 0;
  const second = data[1] ?? 0;
  if (data.length < 12 || first >> 6 !== 2) return null;
  const payloadType = second & 0x7f;
  // 64–95 with the marker bit would be RTCP (RFC 5761 §4).
  if (payloadType >= 64 && payloadType < 96) return null;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let start = 12 + (first & 15) * 4;
  let end = data.length;
  if (first & 0x10) {
    if (start + 4 > end) return null;
    start += 4 + view.getUint16(start + 2) * 4;
  }
  if (first & 0x20) end -= data[end - 1] ?? 0;
  if (start > end) return null;
  return {
    payloadType,
    marker: (second & 0x80) !== 0,
    sequence: view.getUint16(2),
    timestamp: view.getUint32(4),
    ssrc: view.getUint32(8),
    payload: data.subarray(start, end),
  };
}

/** Writes the 12-byte header into `out`. */
export function writeRtpHeader(out: Uint8Array, packet: Omit<RtpPacket, "payload">): void {
  out[0] = 0x80;
  out[1] = packet.payloadType | (packet.marker ? 0x80 : 0);
  out[2] = packet.sequence >> 8;
  out[3] = packet.sequence & 0xff;
  out[4] = packet.timestamp >>> 24;
  out[5] = (packet.timestamp >>> 16) & 0xff;
  out[6] = (packet.timestamp >>> 8) & 0xff;
  out[7] = packet.timestamp & 0xff;
  out[8] = packet.ssrc >>> 24;
  out[9] = (packet.ssrc >>> 16) & 0xff;
  out[10] = (packet.ssrc >>> 8) & 0xff;
  out[11] = packet.ssrc & 0xff;
}

/** Signed distance a − b of two 32-bit timestamps, so that wrap-around is harmless. */
export function timestampDistance(a: number, b: number): number {
  return (a - b) | 0;
}
