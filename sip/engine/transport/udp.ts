/** One bound UDP socket, with a bounded queue for the moments the system's buffer is full. */
import { TransportError } from "./errors.ts";
import type { Hub } from "./layer.ts";
import type { ListenPoint } from "./model.ts";

export interface UdpPort {
  readonly flow: string;
  readonly localAddress: string;
  readonly localPort: number;
  /** False when the datagram was dropped. */
  send(bytes: Uint8Array, port: number, address: string): boolean;
  /** As send, but rejects with TransportError "too-large" or "congested". */
  sendOrThrow(bytes: Uint8Array, port: number, address: string): void;
  close(): void;
}

const MAX_DATAGRAM = 65_507;
const MAX_QUEUE = 4096;

export async function bindUdp(point: ListenPoint, flow: string, hub: Hub): Promise<UdpPort> {
  let queue: { bytes: Uint8Array; port: number; address: string }[] = [];
  let open = true;
  const socket = await Bun.udpSocket({
    hostname: point.address,
    port: point.port,
    binaryType: "buffer",
    socket: {
      data: (_, bytes, port, address) => hub.datagram(udp, bytes, address, port),
      // A refusal reported by ICMP does not say which datagram it was about; the transaction timers end the wait.
      error: () => {},
      drain: () => {
        const waiting = queue;
        queue = [];
        for (const { bytes, port, address } of waiting) udp.send(bytes, port, address);
      },
    },
  });
  const udp: UdpPort = {
    flow,
    localAddress: point.address,
    localPort: socket.port,
    send(bytes, port, address) {
      if (!open || bytes.length > MAX_DATAGRAM) return false;
      try {
        if (queue.length === 0 && socket.send(bytes, port, address)) return true;
      } catch {
        return false;
      }
      if (queue.length >= MAX_QUEUE) return false;
      queue.push({ bytes, port, address });
      return true;
    },
    sendOrThrow(bytes, port, address) {
      if (bytes.length > MAX_DATAGRAM) throw new TransportError("too-large", "longer than a datagram");
      if (!udp.send(bytes, port, address))
        throw new TransportError("congested", `cannot send to ${address}:${port}`);
    },
    close() {
      open = false;
      socket.close();
    },
  };
  return udp;
}
