/** TCP in, TLS out, from a chosen address: Debian's sipp speaks no TLS. */
import { type AddressInfo, connect, createServer } from "node:net";
import { connect as secure } from "node:tls";

export interface Relay {
  readonly port: number;
  stop(): void;
}

/** Listens on `address` and hands each connection on to `server` by TLS; the server sees `address` as its peer. */
export async function tlsRelay(
  address: string,
  server: { readonly address: string; readonly port: number },
): Promise<Relay> {
  const listener = createServer((near) => {
    const wire = connect({ host: server.address, port: server.port, localAddress: address });
    // Who the exchange is does not matter here, only that its TLS carries calls.
    const far = secure({ socket: wire, rejectUnauthorized: false });
    near.pipe(far);
    far.pipe(near);
    const end = () => {
      near.destroy();
      far.destroy();
      wire.destroy();
    };
    for (const socket of [near, far, wire]) socket.on("error", end).on("close", end);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(0, address, resolve);
  });
  return { port: (listener.address() as AddressInfo).port, stop: () => void listener.close() };
}
