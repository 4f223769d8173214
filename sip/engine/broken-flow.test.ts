/** Calls whose connection is gone: what follows in the dialog goes by the Contact (RFC 3261 §12.2.1.1). */
import { beforeAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { at, bench, certificate, type Loose, SDP, UDP, until } from "./test-support.ts";
import type { ListenPoint } from "./transport/index.ts";

const { phone, cleanups } = bench();
const TCP: ListenPoint = { ...UDP, protocol: "tcp" };

let tls: { cert: string; key: string };
beforeAll(() => {
  tls = certificate("DNS:carrier.test");
});

const lines = (text: string, name: string) =>
  text.split("\r\n").filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));

function answer(request: string, status: string, contact = "", body = ""): string {
  const copied = ["Via", "From", "Call-ID", "CSeq"].flatMap((name) => lines(request, name));
  const to = lines(request, "To")[0] ?? "";
  const more = body === "" ? [] : ["Content-Type: application/sdp"];
  const own = contact === "" ? [] : [`Contact: <${contact}>`];
  const head = [`SIP/2.0 ${status}`, ...copied, to.includes("tag=") ? to : `${to};tag=far`, ...own, ...more];
  return [...head, `Content-Length: ${body.length}`, "", body].join("\r\n");
}

/** A peer on streams, and on the UDP port of the same number: who said what, and a way to cut its connections. */
async function carrier(protocol: "tcp" | "tls", contact: (port: number) => string, silentAfterCut = false) {
  const heard: string[] = [];
  const sockets = new Set<Socket | TLSSocket>();
  const serve = (socket: Socket | TLSSocket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (bytes: Buffer) => {
      const text = bytes.toString();
      heard.push(`${protocol} ${text.slice(0, text.indexOf(" "))}`);
      if (text.startsWith("INVITE")) socket.write(answer(text, "200 OK", contact(port), SDP));
      else if (!text.startsWith("ACK") && !text.startsWith("SIP/2.0")) socket.write(answer(text, "200 OK"));
    });
  };
  const server = protocol === "tls" ? createTlsServer(tls, serve) : createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const udp = createSocket("udp4");
  udp.on("message", (bytes, from) => {
    const text = bytes.toString();
    heard.push(`udp ${text.slice(0, text.indexOf(" "))}`);
    if (!text.startsWith("ACK")) udp.send(answer(text, "200 OK"), from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    if (silentAfterCut) server.close();
  };
  cleanups.push(() => {
    cut();
    udp.close();
    server.close();
  });
  return { heard, port, cut, sockets };
}

/** A call of ours to the carrier whose connection the carrier closes after the ACK. */
async function cutCall(
  far: Awaited<ReturnType<typeof carrier>>,
  points: ListenPoint[],
  uri: string,
  more: Loose = {},
) {
  const { engine, srf } = await phone(points, {
    tlsClient: { ca: tls.cert },
    hosts: { "carrier.test": ["127.0.0.1"] },
  });
  const dialog = await srf.createUAC(uri, { localSdp: SDP, ...more });
  await until(() => far.heard.some((line) => line.endsWith(" ACK")));
  far.cut();
  await until(() => engine.stats().connections === 0);
  far.heard.length = 0;
  return { engine, dialog };
}

for (const protocol of ["tcp", "tls"] as const) {
  test(`${protocol}: the carrier closes the connection in the call: INFO and BYE open another one`, async () => {
    const far = await carrier(protocol, (port) => `sip:carrier@127.0.0.1:${port};transport=${protocol}`);
    const points = [UDP, protocol === "tls" ? { ...UDP, protocol, tls } : TCP];
    // The TLS server is certified under its name only; its Contact gives the number.
    const host = protocol === "tls" ? "carrier.test" : "127.0.0.1";
    const { engine, dialog } = await cutCall(far, points, `sip:1@${host}:${far.port};transport=${protocol}`);
    const info = await dialog.request({ method: "INFO" });
    expect(info.status).toBe(200);
    await dialog.destroy();
    await until(() => far.heard.includes(`${protocol} BYE`));
    expect(far.heard).toEqual([`${protocol} INFO`, `${protocol} BYE`]);
    await until(() => engine.stats().dialogs === 0);
  });
}

test("a long INVITE to a UDP peer went by TCP, which the peer closes: the BYE goes by UDP to its Contact", async () => {
  const far = await carrier("tcp", (port) => `sip:carrier@127.0.0.1:${port}`);
  const headers = { "X-Long": "y".repeat(1200) };
  const { dialog } = await cutCall(far, [UDP, TCP], `sip:1@127.0.0.1:${far.port}`, { headers });
  await dialog.destroy();
  await until(() => far.heard.length > 0);
  expect(far.heard).toEqual(["udp BYE"]);
});

test("what was agreed under TLS is not said again in the clear: a re-INVITE fails, the BYE goes by UDP", async () => {
  const far = await carrier("tls", (port) => `sip:carrier@127.0.0.1:${port}`);
  const points: ListenPoint[] = [UDP, { ...UDP, protocol: "tls", tls }];
  const { dialog } = await cutCall(far, points, `sip:1@carrier.test:${far.port};transport=tls`);
  const failed = await dialog.modify(SDP).catch((error: Loose) => error.status);
  expect(failed).toBe(503);
  await dialog.destroy();
  await until(() => far.heard.length > 0);
  expect(far.heard).toEqual(["udp BYE"]);
});

test.each([
  ["a phone behind a NAT", "sip:phone@10.255.255.1:5062;transport=tcp", [UDP, TCP]],
  ["a name nobody knows", "sip:phone@nowhere.invalid;transport=tcp", [UDP, TCP]],
  ["a transport we do not speak", "sip:phone@127.0.0.1:9", [TCP]],
] as const)(
  "%s whose connection is gone: the request fails and the call ends",
  async (_, contact, points) => {
    const far = await carrier("tcp", () => contact);
    const uri = `sip:1@127.0.0.1:${far.port};transport=tcp`;
    const { engine, dialog } = await cutCall(far, [...points], uri);
    const begun = performance.now();
    const info = await dialog.request({ method: "INFO" });
    expect(info.status).toBe(503);
    await dialog.destroy().catch(() => {});
    await until(() => engine.stats().dialogs === 0);
    expect(performance.now() - begun).toBeLessThan(4_000);
    expect(far.heard).toEqual([]);
  },
);

test("a peer that listens nowhere any more: BYE fails at once and the call ends", async () => {
  const far = await carrier("tcp", (port) => `sip:carrier@127.0.0.1:${port};transport=tcp`, true);
  const { engine, dialog } = await cutCall(far, [UDP, TCP], `sip:1@127.0.0.1:${far.port};transport=tcp`);
  await dialog.destroy().catch(() => {});
  await until(() => engine.stats().dialogs === 0);
  expect(far.heard).toEqual([]);
});

test("a caller whose connection breaks and who has a listener is told of the end over another one", async () => {
  const { engine, srf } = await phone([UDP, TCP]);
  const far = await carrier("tcp", (port) => `sip:carrier@127.0.0.1:${port};transport=tcp`);
  const made = new Promise<Loose>((resolve) => {
    srf.invite((req: Loose, res: Loose) => srf.createUAS(req, res, { localSdp: SDP }).then(resolve));
  });
  const to = at(engine, "bob", "tcp");
  const socket = connect(Number(/:(\d+);/.exec(to)?.[1]), "127.0.0.1");
  let got = "";
  socket.on("data", (bytes: Buffer) => {
    got += bytes.toString();
  });
  const head = (method: string, tag: string) =>
    `${method} ${to} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:${far.port};branch=z9hG4bK${method}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:bob@127.0.0.1>${tag}\r\nCall-ID: broken-in\r\nCSeq: 1 ${method}\r\n` +
    `Contact: <sip:a@127.0.0.1:${far.port};transport=tcp>\r\n`;
  socket.write(
    `${head("INVITE", "")}Content-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
  );
  await until(() => got.includes("SIP/2.0 200"));
  const tag = /;tag=[^\r;]+/.exec(lines(got.slice(got.indexOf("SIP/2.0 200")), "To")[0] ?? "")?.[0] ?? "";
  socket.write(`${head("ACK", tag)}Content-Length: 0\r\n\r\n`);
  const dialog = await made;
  socket.destroy();
  await until(() => engine.stats().connections === 0);
  await dialog.destroy();
  await until(() => far.heard.length > 0);
  expect(far.heard).toEqual(["tcp BYE"]);
});
