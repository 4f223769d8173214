/** A traced call as a capture file that Wireshark and sngrep read. */
import { isIP } from "node:net";
import { hostOf, type TraceEntry } from "./ring.ts";

export interface Place {
  readonly address: string;
  readonly port: number;
}

const LINK_RAW = 101;
const MAX_PAYLOAD = 65_000;
const UDP = 17;
const TCP = 6;
const PUSH_ACK = 0x18;

/**
 * Writes the entries as a pcap file (libpcap 2.4, raw IP), by time. What went over TCP stands in TCP segments with running
 * sequence numbers; what came decrypted out of TLS or a WebSocket stands in UDP datagrams, because only so a reader
 * recognises it. Secrets are masked as in the text, media keys by zeros.
 */
export function pcapOf(entries: readonly TraceEntry[]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(LINK_RAW, 20);
  const parts: Buffer[] = [head];
  const streams = new Map<string, number>();
  for (const entry of [...entries].sort((left, right) => left.at - right.at)) {
    const remote = placeOf(entry.remote);
    const local = placeOf(entry.local);
    const [from, to] = entry.direction === "in" ? [remote, local] : [local, remote];
    const payload = Buffer.from(readable(entry.text)).subarray(0, MAX_PAYLOAD);
    const packet =
      remote.protocol === "tcp"
        ? packetOf(from, to, TCP, tcpOf(from, to, payload.length, streams), payload)
        : packetOf(from, to, UDP, udpOf(from, to, payload.length), payload);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(entry.at / 1000), 0);
    record.writeUInt32LE((entry.at % 1000) * 1000, 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    parts.push(record, packet);
  }
  return Buffer.concat(parts);
}

/** Key and salt, bytes (RFC 4568 §6.2, RFC 6188 §3, RFC 7714 §12). */
function keyBytes(suite: string): number {
  if (suite.startsWith("AEAD_AES_")) return suite.includes("256") ? 44 : 28;
  return suite.includes("_256_") ? 46 : suite.includes("_192_") ? 38 : 30;
}

/** Masked SDES keys as zeros of the right length: readers decode them and call "***" a malformed packet. */
function readable(text: string): string {
  const headEnd = text.indexOf("\r\n\r\n");
  const body = text.slice(headEnd + 4);
  if (headEnd < 0 || !body.includes("inline:***")) return text;
  const shown = body.replace(/^(a=crypto:\d+ (\S+) .*)$/gm, (line: string, _all, suite: string) =>
    line.replaceAll("inline:***", `inline:${Buffer.alloc(keyBytes(suite)).toString("base64")}`),
  );
  const length = `$1${Buffer.byteLength(shown)}`;
  const head = text.slice(0, headEnd).replace(/^((?:Content-Length|l)[ \t]*:[ \t]*)\d+/im, length);
  return `${head}\r\n\r\n${shown}`;
}

/** `proto:address:port`; a remote that is not known any more becomes 0.0.0.0. */
export function placeOf(remote: string): Place & { protocol: string } {
  const match = /^(\w+):(.+):(\d{1,5})$/.exec(remote);
  const address = hostOf(remote);
  if (!match || isIP(address) === 0) return { protocol: "udp", address: "0.0.0.0", port: 0 };
  return { protocol: match[1] ?? "udp", address, port: Number(match[3]) };
}

function udpOf(from: Place, to: Place, size: number): Buffer {
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(from.port, 0);
  udp.writeUInt16BE(to.port, 2);
  udp.writeUInt16BE(8 + size, 4);
  return udp;
}

/** A segment that carries on where the last one of its direction ended and acknowledges all of the other direction. */
function tcpOf(from: Place, to: Place, size: number, streams: Map<string, number>): Buffer {
  const [there, back] = [`${key(from)}>${key(to)}`, `${key(to)}>${key(from)}`];
  const sequence = streams.get(there) ?? 1;
  streams.set(there, (sequence + size) >>> 0);
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(from.port, 0);
  tcp.writeUInt16BE(to.port, 2);
  tcp.writeUInt32BE(sequence, 4);
  tcp.writeUInt32BE(streams.get(back) ?? 1, 8);
  tcp[12] = 0x50;
  tcp[13] = PUSH_ACK;
  tcp.writeUInt16BE(65_535, 14);
  return tcp;
}

function key(place: Place): string {
  return `${place.address}|${place.port}`;
}

/** An IP packet with its checksums: of the IPv4 head, and of UDP or TCP with the pseudo head of either version. */
function packetOf(from: Place, to: Place, protocol: number, head: Buffer, payload: Buffer): Buffer {
  const six = isIP(from.address) === 6 || isIP(to.address) === 6;
  const bytesOf = six ? bytesSix : bytesFour;
  const [source, target] = [bytesOf(from.address), bytesOf(to.address)];
  const length = head.length + payload.length;
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(length, 0);
  tail[7] = protocol;
  const sum = checksum(Buffer.concat([source, target, tail, head, payload])) || 0xffff;
  head.writeUInt16BE(sum, protocol === TCP ? 16 : 6);
  const ip = Buffer.alloc(six ? 40 : 20);
  if (six) {
    ip[0] = 0x60;
    ip.writeUInt16BE(length, 4);
    ip[6] = protocol;
    ip[7] = 64;
  } else {
    ip[0] = 0x45;
    ip.writeUInt16BE(20 + length, 2);
    ip[8] = 64;
    ip[9] = protocol;
  }
  source.copy(ip, six ? 8 : 12);
  target.copy(ip, six ? 24 : 16);
  if (!six) ip.writeUInt16BE(checksum(ip), 10);
  return Buffer.concat([ip, head, payload]);
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
