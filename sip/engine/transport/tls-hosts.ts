/**
 * A TLS listener with several certificates, chosen by the name a client asks for (SNI, RFC 6066 §3). Sockets with one
 * certificate are in stream.ts, where each costs half the memory.
 */
import { createSecureContext, createServer, type SecureContext, type TLSSocket } from "node:tls";
import type { SipPeer } from "../message/model.ts";
import { Connection } from "./connection.ts";
import type { Hub } from "./layer.ts";
import { plainAddress } from "./local.ts";
import type { ListenPoint, TlsIdentity } from "./model.ts";

const ORDER = { minVersion: "TLSv1.2" } as const;

/** The context for a name: its own, else that of "*." and the rest; undefined = the common one. */
function chooser(identity: TlsIdentity): (name: string) => SecureContext | undefined {
  const contexts = new Map(
    (identity.hosts ?? []).map(({ name, cert, key }) => [
      name.toLowerCase(),
      createSecureContext({ cert, key, ...ORDER }),
    ]),
  );
  return (asked) => {
    const name = asked.toLowerCase();
    return contexts.get(name) ?? contexts.get(`*${name.slice(Math.max(0, name.indexOf(".")))}`);
  };
}

/** Listens; rejects with the system's error when the port cannot be had. */
export async function listenTlsHosts(
  point: ListenPoint,
  identity: TlsIdentity,
  hub: Hub,
): Promise<{ port: number; stop: () => void }> {
  const choose = chooser(identity);
  const server = createServer({
    cert: identity.cert,
    key: identity.key,
    ...ORDER,
    handshakeTimeout: hub.settings.messageTimeoutMs,
    SNICallback: (name, done) => done(null, choose(name)),
  });
  const connections = new WeakMap<TLSSocket, Connection>();
  // The socket comes here before its handshake: strangers and floods cost no cryptography.
  server.on("connection", (socket: TLSSocket) => {
    const connection = adopt(socket, hub);
    if (connection) connections.set(socket, connection);
    else socket.destroy();
  });
  server.on("secureConnection", (socket) => {
    const connection = connections.get(socket);
    if (!connection) {
      socket.destroy();
      return;
    }
    connection.unfinishedSince = 0;
    socket.on("data", (bytes: Buffer) => hub.chunk(connection, bytes));
    socket.on("drain", () => connection.drained());
  });
  server.on("tlsClientError", (_, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: point.address, port: point.port }, () => resolve());
  });
  server.removeAllListeners("error");
  server.on("error", () => {});
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : point.port,
    stop: () => void server.close(),
  };
}

function adopt(socket: TLSSocket, hub: Hub): Connection | undefined {
  const address = plainAddress(socket.remoteAddress ?? "");
  const peer: SipPeer = {
    protocol: "tls",
    address,
    port: socket.remotePort ?? 0,
    flow: hub.nextFlow("tls"),
  };
  const local = { address: plainAddress(socket.localAddress ?? ""), port: socket.localPort ?? 0 };
  const sink = {
    write: (bytes: Uint8Array) => {
      if (socket.destroyed) return -1;
      // The stream keeps what the system does not take; more is given only after its drain.
      if (socket.writableNeedDrain) return 0;
      socket.write(bytes);
      return bytes.length;
    },
    end: () => {
      socket.destroySoon();
    },
    terminate: () => {
      socket.destroy();
    },
  };
  if (address === "" || !hub.admit(address, "tls")) return undefined;
  const connection = new Connection(peer, local, sink, hub.bounds);
  connection.unfinishedSince = performance.now();
  if (!hub.add(connection)) return undefined;
  let failure: Error | undefined;
  socket.setNoDelay(true);
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("close", () => hub.remove(connection, failure));
  return connection;
}
