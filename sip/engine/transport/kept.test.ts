/** The connection of a registration of ours stays open, as long as the registration may last. */
import { afterEach, expect, test } from "bun:test";
import type { SipRequest } from "../message/index.ts";
import { until } from "../test-support.ts";
import { Connection } from "./connection.ts";
import { createTransport } from "./index.ts";
import { DEFAULTS } from "./options.ts";
import { ConnectionTable } from "./table.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

const MINUTE = 60_000;

function open(kept: boolean) {
  const table = new ConnectionTable({ ...DEFAULTS });
  const seen = { sent: [] as string[], ended: false };
  const sink = {
    write: (bytes: Uint8Array) => {
      seen.sent.push(Buffer.from(bytes).toString());
      return bytes.length;
    },
    end: () => {
      seen.ended = true;
    },
    terminate: () => {},
  };
  const peer = { protocol: "tls", address: "192.0.2.1", port: 5061, flow: "tls1" } as const;
  const connection = new Connection(peer, { address: "192.0.2.9", port: 1 }, sink, table.bounds);
  connection.proven = true;
  connection.kept = kept;
  table.add(connection);
  const begin = connection.lastMessage;
  /** The layer's sweep at a time after the last message; the keep-alive sent then counts as the last byte. */
  const sweep = (ms: number) => {
    const before = seen.sent.length;
    table.sweep(begin + ms, () => {});
    if (seen.sent.length > before) connection.lastUsed = begin + ms;
  };
  return { seen, sweep };
}

test("a keep-alive each idle minute, far beyond the idle time; given up after more than a day without a message", () => {
  const { seen, sweep } = open(true);
  for (let s = 1; s <= 3600; s++) sweep(s * 1000);
  expect(seen.ended).toBe(false);
  expect(new Set(seen.sent)).toEqual(new Set(["\r\n\r\n"]));
  expect(seen.sent.length).toBeGreaterThan(55);
  expect(seen.sent.length).toBeLessThanOrEqual(60);
  sweep(1440 * MINUTE);
  expect(seen.ended).toBe(false);
  sweep(1501 * MINUTE);
  sweep(1517 * MINUTE);
  expect(seen.ended).toBe(true);
});

test("other connections get none and are closed when idle", () => {
  const { seen, sweep } = open(false);
  sweep(14 * MINUTE);
  expect(seen.ended).toBe(false);
  sweep(16 * MINUTE);
  expect(seen).toEqual({ sent: [], ended: true });
});

function request(method: string): SipRequest {
  const headers = [
    ["Via", "SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKk;rport"],
    ["From", "<sip:a@example.com>;tag=1"],
    ["To", "<sip:a@example.com>"],
    ["Call-ID", "kept"],
    ["CSeq", `1 ${method}`],
    ["Max-Forwards", "70"],
  ].map(([name = "", value = ""]) => ({ name, value }));
  return { kind: "request", method, uri: "sip:example.com", headers, body: Buffer.alloc(0) };
}

test.each([
  ["REGISTER", true],
  ["OPTIONS", false],
])("%s sent over a connection: it is kept open: %p", async (method, kept) => {
  let text = "";
  let closed = false;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (_, bytes) => {
        text += bytes.toString();
      },
      close: () => {
        closed = true;
      },
    },
  });
  cleanups.push(() => server.stop(true));
  const point = { protocol: "tcp", address: "127.0.0.1", port: 0 } as const;
  const transport = await createTransport([point], { idleMs: 100, messageTimeoutMs: 80 });
  cleanups.push(() => transport.close());
  const to = (port: number) => ({ by: "address", protocol: "tcp", address: "127.0.0.1", port }) as const;
  await transport.send(request(method), to(server.port));
  await until(() => text.includes(method));
  // Another connection, idle from later on, tells when the sweep has come by.
  let other = false;
  const witness = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: () => {},
      close: () => {
        other = true;
      },
    },
  });
  cleanups.push(() => witness.stop(true));
  await transport.send(request("OPTIONS"), to(witness.port));
  await until(() => other);
  if (!kept) await until(() => closed);
  expect([closed, transport.connections]).toEqual([!kept, kept ? 1 : 0]);
});
