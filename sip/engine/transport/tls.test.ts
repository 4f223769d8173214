/** TLS towards phones: certificates by name, renewal, versions, handshakes that go wrong. */
import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { InboundMessage } from "../message/index.ts";
import { until } from "../test-support.ts";
import { createTransport, type TlsIdentity, type TransportOptions } from "./index.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function certificate(name: string): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "sip-tls-"));
  const [cert, key] = [join(folder, "c.pem"), join(folder, "k.pem")];
  Bun.spawnSync([
    "openssl",
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
    ...["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`, "-keyout", key, "-out", cert],
  ]);
  const pair = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  rmSync(folder, { recursive: true });
  return pair;
}

let common: { cert: string; key: string };
let pbx: { cert: string; key: string };
let wild: { cert: string; key: string };
beforeAll(() => {
  common = certificate("common.example");
  pbx = certificate("pbx.example");
  wild = certificate("*.office.example");
});

const several = (): TlsIdentity => ({
  ...common,
  hosts: [
    { name: "PBX.example", ...pbx },
    { name: "*.office.example", ...wild },
  ],
});

async function listen(tls: TlsIdentity, options: TransportOptions = {}, protocol: "tls" | "wss" = "tls") {
  const transport = await createTransport([{ protocol, address: "127.0.0.1", port: 0, tls }], options);
  cleanups.push(() => transport.close());
  const inbox: InboundMessage[] = [];
  transport.onMessage((inbound) => inbox.push(inbound));
  return { transport, inbox, port: transport.listening[0]?.port ?? 0 };
}

async function openssl(port: number, ...more: string[]): Promise<string> {
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, ...more];
  const child = Bun.spawn(["openssl", ...args], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
  child.stdin.end();
  return new Response(child.stdout).text();
}

/** The name in the certificate shown to a client that asks for `name`. */
async function shown(port: number, name?: string): Promise<string> {
  const asked = name === undefined ? ["-noservername"] : ["-servername", name];
  return /subject=CN ?= ?(\S+)/.exec(await openssl(port, ...asked))?.[1] ?? "none";
}

const message = (id: string) =>
  [
    "OPTIONS sip:b@example.com SIP/2.0",
    `Via: SIP/2.0/TLS 10.9.9.9;branch=z9hG4bK${id}`,
    "From: <sip:a@example.com>;tag=1",
    "To: <sip:b@example.com>",
    `Call-ID: ${id}`,
    "CSeq: 1 OPTIONS",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");

function phone(port: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => resolve(socket));
    socket.once("error", reject);
    cleanups.push(() => socket.destroy());
  });
}

function raw(port: number): { socket: Socket; state: { closed: boolean } } {
  const state = { closed: false };
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.on("close", () => {
    state.closed = true;
  });
  socket.resume();
  cleanups.push(() => socket.destroy());
  return { socket, state };
}

describe.each(["tls", "wss"] as const)("%s", (protocol) => {
  test("the certificate is chosen by the name asked for (SNI)", async () => {
    const { port } = await listen(several(), {}, protocol);
    expect(await shown(port)).toBe("common.example");
    expect(await shown(port, "pbx.example")).toBe("pbx.example");
    expect(await shown(port, "sales.office.example")).toBe("*.office.example");
    expect(await shown(port, "elsewhere.example")).toBe("common.example");
  });

  test.each([
    ["one certificate", () => common],
    ["several", several],
  ])("%s: TLS 1.2 and 1.3 and nothing older", async (_, identity) => {
    const { port } = await listen(identity(), {}, protocol);
    const reached = async (version: string) =>
      /Cipher is (?!\(NONE\))/.test(await openssl(port, version, "-cipher", "ALL:@SECLEVEL=0"));
    expect(await reached("-tls1_2")).toBe(true);
    expect(await reached("-tls1_3")).toBe(true);
    expect(await reached("-tls1_1")).toBe(false);
    expect(await reached("-tls1")).toBe(false);
  });
});

describe.each([
  ["one certificate", () => common],
  ["several certificates", several],
])("%s", (_, identity) => {
  test("a renewed certificate is shown at the same port while phones stay connected", async () => {
    const { transport, inbox, port } = await listen(identity());
    const socket = await phone(port);
    socket.write(message("before"));
    await until(() => inbox.length === 1);
    const fresh = certificate("fresh.example");
    await transport.renew({ ...fresh, hosts: [] });
    expect(transport.listening[0]?.port).toBe(port);
    expect(await shown(port)).toBe("fresh.example");
    socket.write(message("after"));
    expect((await until(() => inbox[1])).peer.flow).toBe(inbox[0]?.peer.flow ?? "");
  });

  test("a handshake that is begun and left, or rubbish in its place, is cut and leaves nothing", async () => {
    const { transport, port } = await listen(identity(), { messageTimeoutMs: 150 });
    const silent = raw(port);
    const half = raw(port);
    half.socket.write(Buffer.from("160301020001", "hex"));
    const http = raw(port);
    http.socket.write("GET / HTTP/1.1\r\nHost: pbx\r\n\r\n");
    const sip = raw(port);
    sip.socket.write(message("plain"));
    await until(() => http.state.closed && sip.state.closed);
    await until(() => silent.state.closed && half.state.closed);
    await until(() => transport.connections === 0);
  });

  test("handshakes count as connections: one source cannot open them without bound", async () => {
    const { transport, port } = await listen(identity(), { maxPerAddress: 5 });
    const peers = Array.from({ length: 20 }, () => raw(port));
    await until(() => peers.filter((peer) => peer.state.closed).length === 15);
    expect(transport.connections).toBe(5);
    for (const peer of peers) peer.socket.destroy();
    await until(() => transport.connections === 0);
    const { socket, state } = raw(port);
    await new Promise((resolve) => socket.once("connect", resolve));
    expect(state.closed).toBe(false);
  });

  test("banned sources get no handshake", async () => {
    const { port } = await listen(identity(), { admit: () => false });
    const { state } = raw(port);
    await until(() => state.closed);
    expect(await shown(port)).toBe("none");
  });

  test("a long message in small pieces and many in one piece arrive whole", async () => {
    const { inbox, port } = await listen(identity());
    const socket = await phone(port);
    const long = `${message("long").replace("Length: 0", "Length: 20000")}${"y".repeat(20_000)}`;
    for (let at = 0; at < long.length; at += 1_500) socket.write(long.slice(at, at + 1_500));
    socket.write([1, 2, 3].map((n) => message(`n${n}`)).join(""));
    await until(() => inbox.length === 4);
  });
});

test("certificates that cannot be used are refused, and the former ones are served on", async () => {
  const { transport, port } = await listen(common);
  const refusal = await transport.renew({ ...pbx, cert: "no certificate" }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Error);
  expect(await shown(port)).toBe("common.example");
});
