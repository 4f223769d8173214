import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getHeader, type InboundMessage, type SipRequest, statelessResponse } from "../message/index.ts";
import { until } from "../test-support.ts";
import { StreamFramer } from "./framer.ts";
import { createTransport, type ListenPoint, type TransportLayer, type TransportOptions } from "./index.ts";

const layers: TransportLayer[] = [];
afterEach(async () => {
  for (const layer of layers.splice(0)) await layer.close();
});

function certificate(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "sip-tls-"));
  const [cert, key] = [join(folder, "c.pem"), join(folder, "k.pem")];
  const args =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost";
  Bun.spawnSync([
    "openssl",
    ...args.split(" "),
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-keyout",
    key,
    "-out",
    cert,
  ]);
  const pair = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  rmSync(folder, { recursive: true });
  return pair;
}

async function layer(protocols: ListenPoint["protocol"][], options: TransportOptions = {}, extra = {}) {
  const points = protocols.map((protocol) => ({ protocol, address: "127.0.0.1", port: 0, ...extra }));
  const transport = await createTransport(points, options);
  layers.push(transport);
  const inbox: InboundMessage[] = [];
  const failures: string[] = [];
  transport.onMessage((inbound) => inbox.push(inbound));
  transport.onFailure((peer, error) => failures.push(`${peer.flow} ${error.name}`));
  const port = (protocol: string) =>
    transport.listening.find((point) => point.protocol === protocol)?.port ?? 0;
  return { transport, inbox, failures, port };
}

function options(transport: string, body = ""): SipRequest {
  const lines: [string, string][] = [
    ["Via", `SIP/2.0/${transport} client.invalid:9;branch=z9hG4bKt1;rport`],
    ["From", "<sip:a@example.com>;tag=1"],
    ["To", "<sip:b@example.com>"],
    ["Call-ID", "t1@example.com"],
    ["CSeq", "1 OPTIONS"],
    ["Max-Forwards", "70"],
  ];
  const headers = lines.map(([name, value]) => ({ name, value }));
  return { kind: "request", method: "OPTIONS", uri: "sip:b@example.com", headers, body: Buffer.from(body) };
}

const WIRE = [
  "OPTIONS sip:b@example.com SIP/2.0",
  "Via: SIP/2.0/TCP 10.9.9.9;branch=z9hG4bKw",
  "From: <sip:a@example.com>;tag=1",
  "To: <sip:b@example.com>",
  "Call-ID: w1",
  "CSeq: 1 OPTIONS",
].join("\r\n");
const withBody = (body: string) => `${WIRE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

async function rawTcp(port: number) {
  const state = { text: "", closed: false };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, bytes) => {
        state.text += bytes.toString();
      },
      close: () => {
        state.closed = true;
      },
    },
  });
  return { socket, state };
}

test("framer: every split of two messages and a ping gives the same frames", () => {
  const stream = Buffer.from(`\r\n\r\n${withBody("héllo")}${withBody("")}`);
  for (let cut = 0; cut <= stream.length; cut++) {
    const framer = new StreamFramer();
    const frames = [...framer.push(stream.subarray(0, cut)), ...framer.push(stream.subarray(cut))];
    expect(frames.map((frame) => frame.kind)).toEqual(["ping", "message", "message"]);
    expect(framer.unfinished).toBe(0);
  }
  const single = new StreamFramer();
  const kinds = [...stream].flatMap((byte) => single.push(Uint8Array.of(byte)).map((frame) => frame.kind));
  expect(kinds).toEqual(["ping", "message", "message"]);
});

test("framer: endless header, bad and contradictory lengths break the stream", () => {
  const endless = new StreamFramer();
  let frames = endless.push(Buffer.from("OPTIONS sip:a SIP/2.0\r\n"));
  for (let i = 0; i < 80 && frames.length === 0; i++)
    frames = endless.push(Buffer.from(`X: ${"y".repeat(1000)}\r\n`));
  expect(frames.map((frame) => frame.kind)).toEqual(["broken"]);
  for (const length of ["-1", "99999999999", "5\r\nl: 6"]) {
    const broken = new StreamFramer().push(Buffer.from(`${WIRE}\r\nContent-Length: ${length}\r\n\r\nhello`));
    expect(broken.map((frame) => frame.kind)).toEqual(["broken"]);
  }
});

for (const protocol of ["udp", "tcp", "tls"] as const) {
  test(`${protocol}: request there, answer back on its flow, received and rport filled`, async () => {
    const tls = protocol === "tls" ? { tls: certificate() } : {};
    const a = await layer([protocol], { tlsClient: { ca: tls.tls?.cert } }, tls);
    const b = await layer([protocol], {}, tls);
    const target = { by: "address", protocol, address: "127.0.0.1", port: b.port(protocol) } as const;
    const peer = await a.transport.send(
      options(protocol.toUpperCase(), "x".repeat(protocol === "udp" ? 10 : 200_000)),
      target,
    );
    const got = await until(() => b.inbox[0]);
    expect(getHeader(got.message, "Via")).toContain(";received=127.0.0.1");
    expect(getHeader(got.message, "Via")).toContain(`rport=${got.peer.port}`);
    if (got.message.kind !== "request") throw new Error("request expected");
    await b.transport.send(statelessResponse(got.message, 200), { by: "flow", flow: got.peer.flow });
    const answer = await until(() => a.inbox[0]);
    expect(answer.message.kind === "response" && answer.message.status).toBe(200);
    // The second request uses the same connection.
    expect((await a.transport.send(options("TCP"), target)).flow).toBe(peer.flow);
  });
}

test("tls: a server whose certificate is not trusted is refused", async () => {
  const tls = { tls: certificate() };
  const a = await layer(["tls"], {}, tls);
  const target = { by: "address", protocol: "tls", address: "127.0.0.1", port: a.port("tls") } as const;
  expect(a.transport.send(options("TLS"), target)).rejects.toMatchObject({ code: "connect-failed" });
});

test("ws: sub-protocol sip is demanded, a request comes up and the answer goes back", async () => {
  const { transport, inbox, port, failures } = await layer(["ws"]);
  const plain = await fetch(`http://127.0.0.1:${port("ws")}/`);
  expect(plain.status).toBe(400);
  const socket = new WebSocket(`ws://127.0.0.1:${port("ws")}/`, ["sip"]);
  const answers: string[] = [];
  socket.onmessage = (event) => answers.push(String(event.data));
  socket.onopen = () => {
    socket.send("\r\n\r\n");
    socket.send(withBody("hi").replace("TCP", "WS"));
  };
  const got = await until(() => inbox[0]);
  expect(got.peer.protocol).toBe("ws");
  if (got.message.kind !== "request") throw new Error("request expected");
  await transport.send(statelessResponse(got.message, 200), { by: "flow", flow: got.peer.flow });
  await until(() => answers.length === 2);
  expect(answers[0]).toBe("\r\n");
  expect(answers[1]).toStartWith("SIP/2.0 200 OK\r\n");
  socket.close();
  await until(() => failures.length === 1);
  const late = transport.send(statelessResponse(got.message, 200), { by: "flow", flow: got.peer.flow });
  expect(late).rejects.toMatchObject({ code: "flow-gone" });
});

test("tcp: ping is answered, a wrong message gets 400, garbage closes", async () => {
  const rejected: string[] = [];
  const { inbox, port, failures } = await layer(["tcp"], { onReject: (_, reason) => rejected.push(reason) });
  const { socket, state } = await rawTcp(port("tcp"));
  socket.write("\r\n\r\n");
  await until(() => state.text === "\r\n");
  socket.write(withBody("").replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"));
  await until(() => state.text.includes("SIP/2.0 400 CSeq Method Does Not Match"));
  socket.write(withBody("ok"));
  await until(() => inbox.length === 1);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await until(() => state.closed && failures.length === 1);
  expect(rejected).toEqual(["CSeq Method Does Not Match", "Malformed Start Line"]);
});

test("tcp: an unfinished message times out, a full house turns away, a stranger is not admitted", async () => {
  const { port } = await layer(["tcp"], { messageTimeoutMs: 80, maxPerAddress: 1 });
  const slow = await rawTcp(port("tcp"));
  slow.socket.write("OPTIONS sip:b@example.com SIP/2.0\r\nVia: ");
  const second = await rawTcp(port("tcp"));
  await until(() => second.state.closed);
  expect(slow.state.closed).toBe(false);
  await until(() => slow.state.closed);
  const shut = await layer(["tcp"], { admit: () => false });
  const stranger = await rawTcp(shut.port("tcp"));
  await until(() => stranger.state.closed);
});

test("udp: a long request goes by TCP, and by UDP when TCP is refused", async () => {
  const a = await layer(["udp", "tcp"]);
  const both = await createTransport([{ protocol: "tcp", address: "127.0.0.1", port: 0 }]);
  layers.push(both);
  const inbox: InboundMessage[] = [];
  both.onMessage((inbound) => inbox.push(inbound));
  const tcpPort = both.listening[0]?.port ?? 0;
  const long = options("UDP", "y".repeat(1400));
  const peer = await a.transport.send(long, {
    by: "address",
    protocol: "udp",
    address: "127.0.0.1",
    port: tcpPort,
  });
  expect(peer.protocol).toBe("tcp");
  expect(getHeader((await until(() => inbox[0])).message, "Via")).toStartWith("SIP/2.0/TCP ");
  const b = await layer(["udp"]);
  const fallback = { by: "address", protocol: "udp", address: "127.0.0.1", port: b.port("udp") } as const;
  expect((await a.transport.send(long, fallback)).protocol).toBe("udp");
  expect(getHeader((await until(() => b.inbox[0])).message, "Via")).toStartWith("SIP/2.0/UDP ");
});

test("udp: garbage is dropped, a readable wrong request is answered, IPv6 works", async () => {
  const rejected: string[] = [];
  const transport = await createTransport([{ protocol: "udp", address: "::1", port: 0 }], {
    onReject: (_, reason) => rejected.push(reason),
  });
  layers.push(transport);
  const inbox: InboundMessage[] = [];
  transport.onMessage((inbound) => inbox.push(inbound));
  const answers: string[] = [];
  const phone = await Bun.udpSocket({
    hostname: "::1",
    socket: { data: (_, bytes) => void answers.push(bytes.toString()), error: () => {} },
  });
  const port = transport.listening[0]?.port ?? 0;
  phone.send("\r\n\r\n", port, "::1");
  phone.send("this is not SIP at all", port, "::1");
  phone.send(`${WIRE}\r\nContent-Length: 50\r\n\r\nshort`, port, "::1");
  await until(() => answers.length === 1);
  expect(answers[0]).toStartWith("SIP/2.0 400 Body Shorter Than Content-Length");
  phone.send(withBody(""), port, "::1");
  const got = await until(() => inbox[0]);
  expect(got.peer.address).toBe("::1");
  expect(getHeader(got.message, "Via")).toContain("received=::1");
  expect(rejected).toEqual(["Malformed Start Line", "Body Shorter Than Content-Length"]);
  phone.close();
});
