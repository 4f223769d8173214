/** A traced call as a capture file that Wireshark and sngrep read. */
import { isIP } from "node:net";
import type { TraceEntry } from "./ring.ts";

export interface Place {
  readonly address: string;
  readonly port: number;
}

const LINK_RAW = 101;
const MAX_PAYLOAD = 65_000;
const UDP = 17;

/**
 * Writes the entries as a pcap file (libpcap 2.4, raw IP). Every message stands in one UDP datagram, whatever carried
 * it: what matters is who said what when, and secrets are masked as in the text.
 * @param localFor our own address towards a remote of that protocol and address.
 */
export function pcapOf(
  entries: readonly TraceEntry[],
  localFor: (protocol: string, address: string) => Place,
): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(LINK_RAW, 20);
  const parts: Buffer[] = [head];
  for (const entry of entries) {
    const remote = placeOf(entry.remote);
    const local = localFor(remote.protocol, remote.address);
    const [from, to] = entry.direction === "in" ? [remote, local] : [local, remote];
    const packet = packetOf(from, to, Buffer.from(entry.text).subarray(0, MAX_PAYLOAD));
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(entry.at / 1000), 0);
    record.writeUInt32LE((entry.at % 1000) * 1000, 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    parts.push(record, packet);
  }
  return Buffer.concat(parts);
}

/** `proto:address:port`; a remote that is not known any more becomes 0.0.0.0. */
export function placeOf(remote: string): Place & { protocol: string } {
  const match = /^(\w+):(.+):(\d{1,5})$/.exec(remote);
  if (!match || isIP(match[2] ?? "") === 0) return { protocol: "udp", address: "0.0.0.0", port: 0 };
  return { protocol: match[1] ?? "udp", address: match[2] ?? "", port: Number(match[3]) };
}

function packetOf(from: Place, to: Place, payload: Buffer): Buffer {
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(from.port, 0);
  udp.writeUInt16BE(to.port, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  const six = isIP(from.address) === 6 || isIP(to.address) === 6;
  return six ? packetSix(from, to, udp, payload) : packetFour(from, to, udp, payload);
}

function packetFour(from: Place, to: Place, udp: Buffer, payload: Buffer): Buffer {
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(20 + udp.length + payload.length, 2);
  ip[8] = 64;
  ip[9] = UDP;
  bytesFour(from.address).copy(ip, 12);
  bytesFour(to.address).copy(ip, 16);
  ip.writeUInt16BE(checksum(ip), 10);
  // A UDP checksum of zero means "none" in IPv4.
  return Buffer.concat([ip, udp, payload]);
}

function packetSix(from: Place, to: Place, udp: Buffer, payload: Buffer): Buffer {
  const ip = Buffer.alloc(40);
  ip[0] = 0x60;
  ip.writeUInt16BE(udp.length + payload.length, 4);
  ip[6] = UDP;
  ip[7] = 64;
  const [source, target] = [bytesSix(from.address), bytesSix(to.address)];
  source.copy(ip, 8);
  target.copy(ip, 24);
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(udp.length + payload.length, 0);
  tail[7] = UDP;
  udp.writeUInt16BE(checksum(Buffer.concat([source, target, tail, udp, payload])) || 0xffff, 6);
  return Buffer.concat([ip, udp, payload]);
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function bytesFour(address: string): Buffer {
  return Buffer.from(isIP(address) === 4 ? address.split(".").map(Number) : [0, 0, 0, 0]);
}

function bytesSix(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  if (isIP(address) === 4) {
    bytes.fill(0xff, 10, 12);
    bytesFour(address).copy(bytes, 12);
    return bytes;
  }
  const [front = "", back] = address.split("%")[0]?.split("::") ?? [];
  const words = (text: string) =>
    text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16));
  const [left, right] = [words(front), words(back ?? "")];
  for (const [index, word] of left.entries()) bytes.writeUInt16BE(word & 0xffff, index * 2);
  for (const [index, word] of right.entries()) {
    bytes.writeUInt16BE(word & 0xffff, 16 - (right.length - index) * 2);
  }
  return bytes;
}
