/** Counterparts that mean ill or are broken: floods, strangers, slow readers, wrong WebSockets. */
import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { type InboundMessage, type SipRequest, statelessResponse } from "../message/index.ts";
import { until } from "../test-support.ts";
import { createTransport, type ListenPoint, type TransportOptions } from "./index.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

let tls: { cert: string; key: string };
beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), "sip-tls-"));
  const [cert, key] = [join(folder, "c.pem"), join(folder, "k.pem")];
  const args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x";
  Bun.spawnSync(["openssl", ...args.split(" "), "-keyout", key, "-out", cert]);
  tls = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  rmSync(folder, { recursive: true });
});

type Kind = "tcp" | "tls" | "tls with several certificates" | "ws" | "wss";

async function listen(kind: Kind, options: TransportOptions = {}) {
  const protocol = kind.startsWith("tls") ? "tls" : (kind as ListenPoint["protocol"]);
  const identity =
    kind === "tls with several certificates" ? { ...tls, hosts: [{ name: "h.example", ...tls }] } : tls;
  const secured = protocol === "tls" || protocol === "wss" ? { tls: identity } : {};
  const point: ListenPoint = { protocol, address: "127.0.0.1", port: 0, ...secured };
  const transport = await createTransport([point], options);
  cleanups.push(() => transport.close());
  const inbox: InboundMessage[] = [];
  transport.onMessage((inbound) => inbox.push(inbound));
  return { transport, inbox, port: transport.listening[0]?.port ?? 0 };
}

interface Peer {
  readonly socket: Socket;
  text: string;
  closed: boolean;
}

function watch(socket: Socket): Peer {
  const peer: Peer = { socket, text: "", closed: false };
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    peer.text += bytes.toString("latin1");
  });
  socket.on("close", () => {
    peer.closed = true;
  });
  cleanups.push(() => socket.destroy());
  return peer;
}

const UPGRADE = [
  "GET / HTTP/1.1",
  "Host: pbx",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
const asSip = [...UPGRADE, "Sec-WebSocket-Protocol: sip", "", ""].join("\r\n");

/** A WebSocket frame (RFC 6455 §5.2), masked unless told otherwise. */
function frame(text: string, { masked = true, opcode = 1, fin = true } = {}): Buffer {
  const body = Buffer.from(text);
  const head = [(fin ? 0x80 : 0) | opcode];
  const bit = masked ? 0x80 : 0;
  if (body.length < 126) head.push(bit | body.length);
  else head.push(bit | 126, body.length >> 8, body.length & 255);
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  const mask = [1, 2, 3, 4];
  return Buffer.concat([Buffer.from([...head, ...mask]), body.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
}

async function open(kind: Kind, port: number): Promise<Peer> {
  const host = "127.0.0.1";
  const secured = kind.startsWith("tls") || kind === "wss";
  const socket = secured ? connectTls({ host, port, rejectUnauthorized: false }) : connectTcp(port, host);
  const peer = watch(socket);
  await new Promise((resolve) => socket.once(secured ? "secureConnect" : "connect", resolve));
  if (kind.startsWith("ws")) {
    socket.write(asSip);
    await until(() => peer.text.includes("\r\n\r\n"));
    expect(peer.text).toStartWith("HTTP/1.1 101");
    expect(peer.text).toMatch(/^sec-websocket-protocol: sip/im);
    peer.text = "";
  }
  return peer;
}

const message = (id: string, method = "OPTIONS") =>
  [
    `${method} sip:b@example.com SIP/2.0`,
    `Via: SIP/2.0/TCP 10.9.9.9;branch=z9hG4bK${id};rport`,
    "Max-Forwards: 70",
    "From: <sip:a@example.com>;tag=1",
    "To: <sip:b@example.com>",
    `Call-ID: ${id}`,
    `CSeq: 1 ${method}`,
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");

const say = (kind: Kind, peer: Peer, text: string) =>
  peer.socket.write(kind.startsWith("ws") ? frame(text) : text);

const KINDS: readonly Kind[] = ["tcp", "tls", "tls with several certificates", "ws", "wss"];

describe.each(KINDS)("%s", (kind) => {
  test("a source has its share of the connections, and gets it back when it leaves", async () => {
    const { transport, inbox, port } = await listen(kind, { maxPerAddress: 3 });
    const good = [await open(kind, port), await open(kind, port), await open(kind, port)];
    const more = Array.from({ length: 30 }, () => {
      const at = { host: "127.0.0.1", port };
      const socket = kind === "wss" ? connectTls({ ...at, rejectUnauthorized: false }) : connectTcp(at);
      if (kind.startsWith("ws")) socket.write(asSip);
      return watch(socket);
    });
    await until(() => more.every((peer) => peer.closed));
    expect(transport.connections).toBe(3);
    const [first] = good;
    if (first) say(kind, first, message("served"));
    await until(() => inbox.length === 1);
    for (const peer of good) peer.socket.destroy();
    await until(() => transport.connections === 0);
    await open(kind, port);
    await until(() => transport.connections === 1);
  });

  test("strangers are not kept, keep-alives or not; somebody's connection is", async () => {
    const { transport, inbox, port } = await listen(kind, { strangerIdleMs: 250, messageTimeoutMs: 200 });
    const stranger = await open(kind, port);
    const known = await open(kind, port);
    say(kind, known, message("known", "REGISTER"));
    transport.prove((await until(() => inbox[0])).peer.flow);
    const alive = setInterval(() => {
      if (!stranger.closed) say(kind, stranger, "\r\n\r\n");
    }, 50);
    cleanups.push(() => clearInterval(alive));
    await until(() => stranger.closed);
    expect(stranger.text.length).toBeGreaterThan(2);
    await until(() => transport.connections === 1);
    say(kind, known, message("again"));
    await until(() => inbox.length === 2);
    expect(known.closed).toBe(false);
  });

  test("a message in small pieces arrives whole; one that trickles on and on is cut", async () => {
    const web = kind.startsWith("ws");
    // Of a WebSocket frame nothing is seen before its end: there the time of strangers without a message runs out.
    const bound = web ? { strangerIdleMs: 300 } : { messageTimeoutMs: 300 };
    const reports: string[] = [];
    const onReject = (_: unknown, reason: string) => void reports.push(reason);
    const { transport, inbox, port } = await listen(kind, { ...bound, onReject });
    const [good, slow] = [await open(kind, port), await open(kind, port)];
    const bytes = (text: string) => (web ? frame(text) : Buffer.from(text));
    good.socket.setNoDelay(true);
    const whole = bytes(message("pieces"));
    for (let start = 0; start < whole.length; start += 60) {
      good.socket.write(whole.subarray(start, start + 60));
      await new Promise((resolve) => setImmediate(resolve));
    }
    transport.prove((await until(() => inbox[0])).peer.flow);
    const endless = bytes(`${message("slow").trimEnd()}\r\nSubject: ${"x".repeat(20_000)}\r\n\r\n`);
    let sent = 0;
    const trickle = setInterval(() => {
      if (!slow.closed) slow.socket.write(endless.subarray(sent, ++sent));
    }, 10);
    cleanups.push(() => clearInterval(trickle));
    await until(() => slow.closed);
    expect(sent).toBeLessThan(endless.length);
    expect([reports, inbox.length]).toEqual([web ? [] : ["Unfinished Message"], 1]);
    await until(() => transport.connections === 1);
    expect(good.closed).toBe(false);
  });

  test("a reader that does not read is cut before it fills the memory", async () => {
    const { transport, inbox, port } = await listen(kind, { maxPendingBytes: 200_000 });
    const slow = await open(kind, port);
    const other = await open(kind, port);
    say(kind, slow, message("slow"));
    const got = await until(() => inbox[0]);
    if (got.message.kind !== "request") throw new Error("request expected");
    const answer = statelessResponse(got.message, 200);
    answer.body = Buffer.alloc(60_000, "x");
    slow.socket.pause();
    const gone: unknown[] = [];
    transport.onFailure((peer) => gone.push(peer.flow));
    let sent = 0;
    // The system's own buffers take some megabytes before ours begin to fill.
    const cut = await (async () => {
      for (; sent < 2_000; sent++) {
        const failed = await transport.send(answer, { by: "flow", flow: got.peer.flow }).then(
          () => undefined,
          (error: { code?: string }) => error.code,
        );
        if (failed !== undefined) return failed;
        if (sent % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return undefined;
    })();
    expect(["congested", "flow-gone"]).toContain(cut ?? "never cut");
    await until(() => gone.length === 1);
    say(kind, other, message("other"));
    await until(() => inbox.length === 2);
    expect(transport.connections).toBe(1);
  });
});

test.each(["tcp", "tls"] as const)(
  "%s: a heap of keep-alives is answered once, and counts as a flood",
  async (kind) => {
    let asked = 0;
    const { inbox, port } = await listen(kind, { admit: () => ++asked > 0 });
    const flood = await open(kind, port);
    const other = await open(kind, port);
    const before = asked;
    flood.socket.write("\r\n\r\n".repeat(100_000));
    say(kind, flood, message("last"));
    await until(() => inbox.length === 1);
    say(kind, other, message("other"));
    await until(() => inbox.length === 2);
    // Chunks are as the system makes them, of a few kilobytes at least.
    expect(asked - before).toBeGreaterThan(3);
    expect(asked - before).toBeLessThan(1_000);
    await until(() => flood.text.length > 0);
    expect(flood.text.length).toBeLessThan(2_000);
  },
);

test("all slow readers together have a bound too", async () => {
  const { transport, inbox, port } = await listen("tcp", {
    maxPendingBytes: 50_000_000,
    maxWaitingBytes: 400_000,
  });
  const peers = [await open("tcp", port), await open("tcp", port), await open("tcp", port)];
  for (const [at, peer] of peers.entries()) {
    peer.socket.pause();
    say("tcp", peer, message(`p${at}`));
  }
  await until(() => inbox.length === 3);
  const lost = new Set<string>();
  transport.onFailure((peer) => lost.add(peer.flow));
  for (let round = 0; round < 400 && lost.size < 3; round++) {
    for (const { message: request, peer } of inbox) {
      const answer = statelessResponse(request as SipRequest, 200);
      answer.body = Buffer.alloc(60_000, "x");
      await transport.send(answer, { by: "flow", flow: peer.flow }).catch(() => {});
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(lost.size).toBe(3);
});

describe.each(["ws", "wss"] as const)("%s frames", (kind) => {
  test("fragments are put together, controls between them are no harm, binary frames are taken", async () => {
    const { inbox, port } = await listen(kind);
    const peer = await open(kind, port);
    const text = message("parts");
    peer.socket.write(frame(text.slice(0, 40), { fin: false }));
    peer.socket.write(frame("are you there", { opcode: 9 }));
    peer.socket.write(frame(text.slice(40), { opcode: 0 }));
    peer.socket.write(frame(message("bin"), { opcode: 2 }));
    await until(() => inbox.length === 2);
    for (const byte of frame(message("bytes"))) peer.socket.write(Buffer.from([byte]));
    await until(() => inbox.length === 3);
  });

  test.each([
    ["an unmasked frame", frame("OPTIONS", { masked: false })],
    ["an unknown opcode", frame("x", { opcode: 3 })],
    ["a frame of 2 GB", Buffer.from("81ff000000007fffffff01020304", "hex")],
    ["a continuation of nothing", frame("x", { opcode: 0 })],
    ["reserved bits", Buffer.from("f18401020304", "hex")],
    ["no UTF-8", Buffer.from("8184000000" + "00fffefdfc", "hex")],
  ])("%s closes the connection and nothing comes up", async (_, bytes) => {
    const { transport, inbox, port } = await listen(kind);
    const peer = await open(kind, port);
    peer.socket.write(bytes);
    await until(() => peer.closed);
    await until(() => transport.connections === 0);
    expect(inbox).toEqual([]);
  });

  test("other sub-protocols, none, and what is no upgrade at all are refused", async () => {
    const { transport, port } = await listen(kind);
    const ask = async (text: string) => {
      const secured = kind === "wss";
      const at = { host: "127.0.0.1", port };
      const peer = watch(secured ? connectTls({ ...at, rejectUnauthorized: false }) : connectTcp(at));
      await new Promise((resolve) => peer.socket.once(secured ? "secureConnect" : "connect", resolve));
      peer.socket.write(text);
      await until(() => peer.text !== "" || peer.closed);
      return /^HTTP\/1\.1 (\d+)/.exec(peer.text)?.[1] ?? "closed";
    };
    expect(await ask([...UPGRADE, "", ""].join("\r\n"))).toBe("400");
    expect(await ask([...UPGRADE, "Sec-WebSocket-Protocol: xmpp, sipx", "", ""].join("\r\n"))).toBe("400");
    expect(await ask("GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: sip\r\n\r\n")).toBe("426");
    expect(await ask(message("plain"))).toMatch(/^(closed|400)$/);
    expect(await ask("\u0000\u0001\u0002rubbish\r\n\r\n")).toMatch(/^(closed|400)$/);
    expect(transport.connections).toBe(0);
  });
});
