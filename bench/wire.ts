/**
 * Packets with the time at which the system saw them on the loopback interface. A measuring program that shares its cores
 * with the load would otherwise count its own waiting for a core as the exchange's.
 */
import { createSocket } from "node:dgram";

export interface WirePacket {
  /** UTC ms, with microseconds. */
  readonly at: number;
  readonly sourcePort: number;
  readonly port: number;
  readonly payload: Buffer;
}

export interface Capture {
  /** All packets since the start, in order. */
  stop(): Promise<WirePacket[]>;
}

export class CaptureError extends Error {
  readonly code = "capture";
}

/** libpcap 2.4: header of the file, header of a record; Ethernet as the loopback interface shows it. */
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 14;
const UDP_HEADER = 8;
/** Discard (RFC 863): a packet to it tells that all before it has been read. */
const MARKER_PORT = 9;
const MARKER_EVERY_MS = 100;

/** Reads a capture file (libpcap 2.4, little endian, Ethernet): its whole UDP packets over IPv4. */
export function readCapture(file: Buffer): WirePacket[] {
  const packets: WirePacket[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const frame = file.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    if (frame.length < length) break;
    const ip = frame.subarray(ETHERNET);
    const udp = ip.subarray(((ip[0] ?? 0) & 0x0f) * 4);
    if (udp.length >= UDP_HEADER)
      packets.push({
        at: file.readUInt32LE(at) * 1000 + file.readUInt32LE(at + 4) / 1000,
        sourcePort: udp.readUInt16BE(0),
        port: udp.readUInt16BE(2),
        payload: udp.subarray(UDP_HEADER),
      });
    at += RECORD_HEADER + length;
  }
  return packets;
}

/**
 * Captures the UDP packets on the loopback interface that `filter` (as tcpdump reads it) lets through.
 * @throws CaptureError with tcpdump's words when it cannot (it needs root or CAP_NET_RAW).
 */
export async function capture(filter: string): Promise<Capture> {
  const child = Bun.spawn(
    [
      ...["tcpdump", "-i", "lo", "-n", "-U", "--immediate-mode", "-B", "8192", "-w", "-"],
      `udp and (${filter} or dst port ${MARKER_PORT})`,
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const parts: Buffer[] = [];
  const packets = () => readCapture(Buffer.concat(parts));
  let onBytes = (): void => {};
  const file = child.stdout.getReader();
  const read = (async () => {
    for (let next = await file.read(); !next.done; next = await file.read()) {
      parts.push(Buffer.from(next.value));
      onBytes();
    }
  })();
  const words = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("listening on")) {
    const { value, done } = await words.read();
    if (done) throw new CaptureError(`tcpdump cannot capture: ${said.trim()}`);
    said += value;
  }
  return {
    async stop() {
      const socket = createSocket("udp4");
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
      const { port } = socket.address();
      const complete = new Promise<void>((resolve) => {
        onBytes = () => {
          if (packets().some(({ sourcePort }) => sourcePort === port)) resolve();
        };
      });
      const mark = () => socket.send("", MARKER_PORT, "127.0.0.1");
      mark();
      const timer = setInterval(mark, MARKER_EVERY_MS);
      await Promise.race([complete, child.exited]);
      clearInterval(timer);
      socket.close();
      child.kill("SIGINT");
      await read;
      return packets().filter((packet) => packet.port !== MARKER_PORT);
    },
  };
}
