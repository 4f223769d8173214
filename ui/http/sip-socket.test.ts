/** SIP over the port of the pages: browser → web server → engine in its Worker, and back. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { App } from "../../appliance/app.ts";
import { type EngineWorkerHandle, startEngineWorker } from "../../sip/engine/index.ts";
import { originAllowed, SIP_PATH, type SipSocket, sipSockets } from "./sip-socket.ts";

const OTHER = "https://crm.example";
let engine: EngineWorkerHandle;
let server: Bun.Server<SipSocket>;

function serve(app: object): Bun.Server<SipSocket> {
  const sockets = sipSockets(app as App);
  return Bun.serve<SipSocket>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) => sockets.upgrade(request, self),
    websocket: sockets.handler,
  });
}

beforeAll(async () => {
  engine = await startEngineWorker({
    contacts: [{ protocol: "udp", address: "127.0.0.1", port: 0 }],
    agent: { address: "127.0.0.1", port: 0, secret: "s" },
  });
  server = serve({ sip: { engine }, config: { web: { origins: [OTHER] } } });
});
afterAll(async () => {
  await server.stop(true);
  await engine.stop();
});

interface Socket extends WebSocket {
  ping(): void;
}

/** Bun's WebSocket also takes headers and sends pings, which the browser types do not know. */
const Dial = WebSocket as unknown as new (
  url: string,
  options: { headers: Record<string, string>; protocols: string[] },
) => Socket;

interface Phone {
  readonly socket: Socket;
  readonly got: string[];
  closed: number | undefined;
  opened: boolean;
}

function dial(port: number | undefined, headers: Record<string, string> = {}, protocols = ["sip"]): Phone {
  const socket = new Dial(`ws://127.0.0.1:${port}${SIP_PATH}`, { headers, protocols });
  const phone: Phone = { socket, got: [], closed: undefined, opened: false };
  socket.onopen = () => {
    phone.opened = true;
  };
  socket.onmessage = (event) => phone.got.push(String(event.data));
  socket.onclose = (event) => {
    phone.closed = event.code;
  };
  return phone;
}

async function until<T>(probe: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const end = performance.now() + 5000;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > end) throw new Error(`never happened: ${probe}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const message = (branch: string) =>
  [
    "BYE sip:office SIP/2.0",
    `Via: SIP/2.0/WS a.invalid;branch=z9hG4bK${branch};rport`,
    "Max-Forwards: 70",
    "From: <sip:web@office>;tag=web",
    "To: <sip:web@office>;tag=none",
    `Call-ID: ${branch}`,
    "CSeq: 1 BYE",
    "Content-Length: 0",
    "\r\n",
  ].join("\r\n");

test("a request goes to the engine with the browser's own address and is answered on its socket", async () => {
  const phone = dial(server.port, { Origin: `http://127.0.0.1:${server.port}` });
  await until(() => phone.opened);
  phone.socket.send(message("one"));
  const answer = await until(() => phone.got.find((text) => text.startsWith("SIP/2.0 481")));
  expect(answer).toMatch(/^Via:.*;received=127\.0\.0\.1/m);
  expect(answer).toMatch(/^Via:.*;rport=[1-9]\d+/m);
  const [kept] = await engine.traceSearch({ addresses: ["127.0.0.1"] });
  expect(kept?.remote).toStartWith("ws:127.0.0.1:");
  phone.socket.send("\r\n\r\n");
  await until(() => phone.got.includes("\r\n"));
  phone.socket.close();
});

test("the engine forgets closed sockets", async () => {
  const idle = async () => (await engine.stats()).connections === 0;
  await until(idle);
  const phones = Array.from({ length: 5 }, () => dial(server.port));
  await until(async () => (await engine.stats()).connections === 5);
  for (const { socket } of phones) socket.close();
  await until(idle);
});

test("a socket that sends thousands of frames or pings is closed, the others are served", async () => {
  const other = dial(server.port);
  await until(() => other.opened);
  for (const frame of [(socket: Socket) => socket.send("x"), (socket: Socket) => socket.ping()]) {
    const flood = dial(server.port);
    await until(() => flood.opened);
    for (let turn = 0; turn < 5_000; turn++) frame(flood.socket);
    await until(() => flood.closed !== undefined);
    expect(flood.closed).toBe(1008);
  }
  for (let turn = 0; turn < 100; turn++) other.socket.send("\r\n\r\n");
  await until(() => other.got.length === 100);
  other.socket.close();
});

test("foreign pages, other sub-protocols and plain requests are turned away", async () => {
  const foreign = dial(server.port, { Origin: "https://evil.example" });
  await until(() => foreign.closed !== undefined);
  const wrong = dial(server.port, {}, ["mqtt"]);
  await until(() => wrong.closed !== undefined);
  expect([foreign.opened, wrong.opened]).toEqual([false, false]);
  const named = dial(server.port, { Origin: OTHER });
  await until(() => named.opened);
  named.socket.close();
  const plain = await fetch(`http://127.0.0.1:${server.port}${SIP_PATH}`);
  expect(plain.status).toBe(400);
  const noUpgrade = { headers: { "sec-websocket-protocol": "sip" } };
  expect((await fetch(`http://127.0.0.1:${server.port}${SIP_PATH}`, noUpgrade)).status).toBe(426);
});

test("origins: same host and port, the named ones, and programs without any", () => {
  expect(originAllowed(null, "pbx:8080", [])).toBe(true);
  expect(originAllowed("http://pbx:8080", "pbx:8080", [])).toBe(true);
  expect(originAllowed("http://pbx:8081", "pbx:8080", [])).toBe(false);
  expect(originAllowed("null", "pbx:8080", [])).toBe(false);
  expect(originAllowed(OTHER, "pbx:8080", [OTHER])).toBe(true);
});

test("without an engine of our own the socket is refused; when the engine ends, sockets are closed", async () => {
  const none = serve({ sip: { engine: undefined }, config: { web: {} } });
  const headers = { "sec-websocket-protocol": "sip" };
  expect((await fetch(`http://127.0.0.1:${none.port}${SIP_PATH}`, { headers })).status).toBe(503);
  await none.stop(true);
  const brief = await startEngineWorker({
    contacts: [{ protocol: "udp", address: "127.0.0.1", port: 0 }],
    agent: { address: "127.0.0.1", port: 0, secret: "s" },
  });
  const web = serve({ sip: { engine: brief }, config: { web: {} } });
  const phone = dial(web.port);
  await until(async () => (await brief.stats()).connections === 1);
  await brief.stop();
  await until(() => phone.closed !== undefined);
  const late = dial(web.port);
  await until(() => late.closed !== undefined);
  expect(late.closed).toBe(1012);
  await web.stop(true);
});
