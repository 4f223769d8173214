/** TCP and TLS sockets (RFC 3261 §18, §26.3.1). */
import type { SipPeer } from "../message/model.ts";
import { Connection } from "./connection.ts";
import { TransportError } from "./errors.ts";
import type { Hub } from "./layer.ts";
import { plainAddress } from "./local.ts";
import type { ListenPoint } from "./model.ts";
import { listenTlsHosts } from "./tls-hosts.ts";

interface State {
  connection?: Connection;
  ready?: (connection: Connection) => void;
  failed?: (error: Error) => void;
}
type Socket = Bun.Socket<State>;

function adopt(socket: Socket, protocol: "tcp" | "tls", hub: Hub): Connection | undefined {
  const address = plainAddress(socket.remoteAddress);
  const peer: SipPeer = { protocol, address, port: socket.remotePort, flow: hub.nextFlow(protocol) };
  const local = { address: plainAddress(socket.localAddress), port: socket.localPort };
  const sink = {
    write: (bytes: Uint8Array) => socket.write(bytes),
    end: () => {
      socket.end();
    },
    terminate: () => {
      socket.terminate();
    },
  };
  const connection = new Connection(peer, local, sink, hub.bounds);
  if (!hub.add(connection)) return undefined;
  socket.data.connection = connection;
  socket.setNoDelay(true);
  return connection;
}

/** A handshake that fails ends a socket that was never opened and has no state. */
function stateOf(socket: Socket): State {
  return (socket.data as State | undefined) ?? {};
}

const shared = (hub: Hub) => ({
  data: (socket: Socket, bytes: Buffer) => {
    if (socket.data?.connection) hub.chunk(socket.data.connection, bytes);
  },
  drain: (socket: Socket) => socket.data?.connection?.drained(),
  close: (socket: Socket, error?: Error | null) => {
    const { connection, failed } = stateOf(socket);
    if (connection) hub.remove(connection, error ?? undefined);
    failed?.(error ?? new Error("closed"));
  },
  error: (socket: Socket, error: Error) => {
    const { connection, failed } = stateOf(socket);
    failed?.(error);
    connection?.terminate();
  },
});

/** Accepts connections; a peer that is not admitted or over the bounds is closed without a word. */
export async function listenStream(
  point: ListenPoint,
  hub: Hub,
): Promise<{ port: number; stop: () => void }> {
  const protocol = point.protocol === "tls" ? "tls" : "tcp";
  if (protocol === "tls" && !point.tls)
    throw new TransportError("bind-failed", "TLS needs a certificate and key");
  if (protocol === "tls" && point.tls?.hosts?.length) return listenTlsHosts(point, point.tls, hub);
  const server = Bun.listen<State>({
    hostname: point.address,
    port: point.port,
    ...(point.tls && protocol === "tls" ? { tls: { cert: point.tls.cert, key: point.tls.key } } : {}),
    socket: {
      ...shared(hub),
      open: (socket) => {
        socket.data = {};
        const admitted = hub.admit(plainAddress(socket.remoteAddress), protocol);
        const connection = admitted ? adopt(socket, protocol, hub) : undefined;
        if (!connection) socket.terminate();
        // A handshake that is begun and left is cut like a message that is.
        else if (protocol === "tls") connection.unfinishedSince = performance.now();
      },
      handshake: (socket, success) => {
        const connection = socket.data?.connection;
        if (connection && success) connection.unfinishedSince = 0;
        else socket.terminate();
      },
    },
  });
  return { port: server.port, stop: () => server.stop(false) };
}

/** Opens a connection; rejects with TransportError "connect-failed". */
export async function connectStream(
  protocol: "tcp" | "tls",
  address: string,
  port: number,
  hub: Hub,
  serverName?: string,
): Promise<Connection> {
  const { connectTimeoutMs, tlsClient } = hub.settings;
  const state: State = {};
  const where = `${protocol} ${address}:${port}`;
  const opened = new Promise<Connection>((resolve, reject) => {
    state.ready = resolve;
    state.failed = (error) =>
      reject(new TransportError("connect-failed", `${where}: ${error.message}`, error));
  });
  const timer = setTimeout(() => state.failed?.(new Error("no answer")), connectTimeoutMs);
  const verify = tlsClient?.rejectUnauthorized ?? true;
  const begin = (socket: Socket) => {
    const connection = adopt(socket, protocol, hub);
    if (connection) {
      connection.proven = true;
      return state.ready?.(connection);
    }
    state.failed?.(new Error("too many connections"));
    socket.terminate();
  };
  const attempt = Bun.connect<State>({
    hostname: address,
    port,
    data: state,
    ...(protocol === "tls"
      ? {
          tls: {
            rejectUnauthorized: verify,
            ...(tlsClient?.ca ? { ca: tlsClient.ca } : {}),
            // The name the caller asked for is the one that must be certified (RFC 5922 §7).
            ...(serverName ? { serverName } : {}),
          },
        }
      : {}),
    socket: {
      ...shared(hub),
      open: (socket) => {
        if (protocol === "tcp") begin(socket);
      },
      handshake: (socket, success, error) => {
        if (protocol !== "tls") return;
        if (success && !(verify && error)) return begin(socket);
        state.failed?.(error ?? new Error("TLS handshake failed"));
        socket.terminate();
      },
      connectError: (_, error) => state.failed?.(error),
    },
  });
  attempt.catch((error: Error) => state.failed?.(error));
  try {
    return await opened;
  } catch (error) {
    attempt.then((socket) => socket.terminate()).catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
    delete state.failed;
    delete state.ready;
  }
}
