/** Waiting for what must become true, and ports nobody uses. */
import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";

/** Resolves with the first truthy value of `probe`, asked every few ms. Rejects after `timeoutMs`, naming `what`. */
export async function waitFor<T>(
  probe: () => T | Promise<T>,
  what: string,
  timeoutMs = 5000,
): Promise<NonNullable<T>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value as NonNullable<T>;
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A UDP port that is free for both UDP and TCP right now. */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  for (let tries = 0; tries < 20; tries++) {
    const udp = createSocket("udp4");
    await new Promise<void>((resolve) => udp.bind(0, address, resolve));
    const { port } = udp.address();
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, address, () => resolve(true));
    });
    server.close();
    await new Promise<void>((resolve) => udp.close(() => resolve()));
    if (free) return port;
  }
  throw new Error(`No free port on ${address}`);
}

/** Waits until somebody listens at this TCP port; looks without connecting, which some would take for their peer. */
export const listens = (port: number) => inTable("/proc/net/tcp", port, "0A");

/** Waits until somebody has bound this UDP port. */
export const binds = (port: number) => inTable("/proc/net/udp", port, "07");

/** Lines are "sl local_address rem_address st …", in hexadecimal. */
async function inTable(file: string, port: number, state: string): Promise<void> {
  const own = port.toString(16).toUpperCase().padStart(4, "0");
  const line = new RegExp(`^ *\\d+: \\w+:${own} \\w+:\\w+ ${state} `, "m");
  await waitFor(async () => line.test(await readFile(file, "latin1")), `port ${port} to be taken`);
}
