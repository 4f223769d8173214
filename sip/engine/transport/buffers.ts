/** Room for bursts: the system's receive buffer of a UDP socket. */
import { dlopen } from "bun:ffi";

/** Bytes asked for; the system grants at most its own bound (net.core.rmem_max). */
const WANTED = 4 * 1_048_576;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

/**
 * Enlarges the receive buffer of a socket, so that the datagrams of a busy moment wait instead of being lost.
 * Where that is not possible (another system than Linux) the socket stays as it is.
 * @returns whether the system took it.
 */
export function enlargeReceiveBuffer(socket: object): boolean {
  if (process.platform !== "linux" || !("fd" in socket) || typeof socket.fd !== "number") return false;
  try {
    const libc = dlopen("libc.so.6", {
      setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    });
    const done = libc.symbols.setsockopt(socket.fd, SOL_SOCKET, SO_RCVBUF, new Int32Array([WANTED]), 4) === 0;
    libc.close();
    return done;
  } catch {
    return false;
  }
}
