/** One bound UDP socket, with a bounded queue for the moments the system's buffer is full. */
import { enlargeReceiveBuffer } from "./buffers.ts";
import { TransportError } from "./errors.ts";
import type { Hub } from "./layer.ts";
import type { ListenPoint } from "./model.ts";
import { PeerTable } from "./peers.ts";

export interface UdpPort {
  readonly flow: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly peers: PeerTable;
  /** False when the datagram was dropped. */
  send(bytes: Uint8Array, port: number, address: string): boolean;
  /** As send, but rejects with TransportError "too-large" or "congested". */
  sendOrThrow(bytes: Uint8Array, port: number, address: string): void;
  close(): void;
}

const MAX_DATAGRAM = 65_507;
const MAX_QUEUE = 4096;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly address: string;
}

export async function bindUdp(point: ListenPoint, flow: string, hub: Hub): Promise<UdpPort> {
  let queue: Waiting[] = [];
  let open = true;
  let scheduled = false;
  let blocked = false;
  const socket = await Bun.udpSocket({
    hostname: point.address,
    port: point.port,
    binaryType: "buffer",
    socket: {
      data: (_, bytes, port, address) => hub.datagram(udp, bytes, address, port),
      // A refusal reported by ICMP does not say which datagram it was about; the transaction timers end the wait.
      error: () => {},
      drain: () => {
        blocked = false;
        flush();
      },
    },
  });

  enlargeReceiveBuffer(socket);

  /** Sends what one turn of the event loop has gathered, in one system call where there are several. */
  function flush(): void {
    scheduled = false;
    if (!open || blocked || queue.length === 0) return;
    const waiting = queue;
    queue = [];
    let sent = 0;
    try {
      sent = waiting.length === 1 ? sendOne(waiting[0]) : socket.sendMany(waiting.flatMap(asTriple));
    } catch {
      // One bad destination spoils a batch: each datagram gets its own try, the bad ones are lost as on any network.
      for (; sent < waiting.length; sent++) {
        try {
          if (sendOne(waiting[sent]) === 0) break;
        } catch {}
      }
    }
    if (sent >= waiting.length) return;
    blocked = true;
    queue = [...waiting.slice(sent), ...queue];
  }

  function sendOne(one: Waiting | undefined): number {
    return !one || socket.send(one.bytes, one.port, one.address) ? 1 : 0;
  }

  const udp: UdpPort = {
    flow,
    localAddress: point.address,
    localPort: socket.port,
    peers: new PeerTable(flow),
    send(bytes, port, address) {
      if (!open || bytes.length > MAX_DATAGRAM || queue.length >= MAX_QUEUE) return false;
      queue.push({ bytes, port, address });
      if (!scheduled && !blocked) {
        scheduled = true;
        setImmediate(flush);
      }
      return true;
    },
    sendOrThrow(bytes, port, address) {
      if (bytes.length > MAX_DATAGRAM) throw new TransportError("too-large", "longer than a datagram");
      if (!udp.send(bytes, port, address))
        throw new TransportError("congested", `cannot send to ${address}:${port}`);
    },
    close() {
      flush();
      open = false;
      socket.close();
    },
  };
  return udp;
}

function asTriple(one: Waiting): [Uint8Array, number, string] {
  return [one.bytes, one.port, one.address];
}
