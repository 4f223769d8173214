/** Whole calls over each transport, through engine, agent protocol and unmodified drachtio-srf. */
import { beforeAll, describe, expect, test } from "bun:test";
import { ask, at, bench, certificate, failure, type Loose, SDP, UDP, until } from "./test-support.ts";
import type { ListenPoint } from "./transport/index.ts";

const { phone, app, cleanups } = bench();
const TCP: ListenPoint = { ...UDP, protocol: "tcp" };

let tls: { cert: string; key: string };
beforeAll(() => {
  tls = certificate("IP:127.0.0.1");
});

async function wholeCall(protocol: "tcp" | "tls") {
  const points = [{ ...UDP, protocol, ...(protocol === "tls" ? { tls } : {}) }];
  const more = { tlsClient: { ca: tls.cert } };
  const left = await phone(points, more);
  const right = await phone(points, more);
  const up = new Promise<Loose>((resolve) => {
    right.srf.invite((req: Loose, res: Loose) => {
      expect(req.protocol).toBe(protocol);
      right.srf.createUAS(req, res, { localSdp: SDP }).then(resolve);
    });
  });
  const uac = await left.srf.createUAC(at(right.engine, "bob", protocol), { localSdp: SDP });
  const uas = await up;
  await uac.modify(SDP.replace("sendrecv", "sendonly"));
  await uas.modify(SDP.replace("4000", "4010"));
  const ended = new Promise((resolve) => uac.on("destroy", resolve));
  await uas.destroy();
  await ended;
  for (const { engine } of [left, right]) {
    await until(() => engine.stats().dialogs === 0);
    // The server transaction of an answered INVITE stays for repeats; nothing else may be left on a stream.
    expect(engine.stats().counters.retransmitted).toBe(0);
  }
}

for (const protocol of ["tcp", "tls"] as const) {
  test(`${protocol}: a call with re-INVITEs of both sides`, () => wholeCall(protocol));
}

test("a chosen outbound proxy by TCP carries the request, also with authentication behind it", async () => {
  const left = await phone([UDP, TCP]);
  const right = await phone([UDP, TCP]);
  let seen: Loose;
  right.srf.options((req: Loose, res: Loose) => {
    seen = req;
    res.send(200);
  });
  const proxy = at(right.engine, "x", "tcp").replace("x@", "");
  const res = await ask(left.srf, "sip:bob@192.0.2.77", "OPTIONS", { proxy });
  expect([res.status, seen.protocol, seen.uri]).toEqual([200, "tcp", "sip:bob@192.0.2.77"]);
});

test("a UDP request over 1300 bytes goes by TCP where both sides have it", async () => {
  const left = await phone([UDP, TCP]);
  const server = await phone();
  const port = server.engine.listening[0]?.port ?? 0;
  const both = await phone([
    { ...TCP, address: "127.0.0.1", port: 0 },
    { ...UDP, address: "127.0.0.2", port: 0 },
  ]);
  expect(port).toBeGreaterThan(0);
  let protocol = "";
  both.srf.message((req: Loose, res: Loose) => {
    protocol = req.protocol;
    res.send(200);
  });
  const tcpPort = both.engine.listening.find((point) => point.protocol === "tcp")?.port;
  const body = "x".repeat(2000);
  const res = await ask(left.srf, `sip:bob@127.0.0.1:${tcpPort}`, "MESSAGE", {
    body,
    headers: { "Content-Type": "text/plain" },
  });
  expect([res.status, protocol]).toEqual([200, "tcp"]);
});

describe("TLS", () => {
  test("a certificate nobody vouches for: 503 for the app", async () => {
    const points = [{ ...UDP, protocol: "tls" as const, tls }];
    const left = await phone(points);
    const right = await phone(points);
    right.srf.options((_req: Loose, res: Loose) => res.send(200));
    expect((await ask(left.srf, at(right.engine, "bob", "tls"), "OPTIONS")).status).toBe(503);
  });

  test("a certificate for another name is refused", async () => {
    const other = certificate("DNS:elsewhere.example");
    const left = await phone([{ ...UDP, protocol: "tls", tls }], { tlsClient: { ca: other.cert } });
    const right = await phone([{ ...UDP, protocol: "tls", tls: other }]);
    right.srf.options((_req: Loose, res: Loose) => res.send(200));
    expect((await ask(left.srf, at(right.engine, "bob", "tls"), "OPTIONS")).status).toBe(503);
  });

  test("the name asked for is the name that must be certified", async () => {
    const named = certificate("DNS:sip.example");
    const hosts = { "sip.example": ["127.0.0.1"] };
    const left = await phone([{ ...UDP, protocol: "tls", tls }], { tlsClient: { ca: named.cert }, hosts });
    const right = await phone([{ ...UDP, protocol: "tls", tls: named }]);
    right.srf.options((_req: Loose, res: Loose) => res.send(200));
    const port = right.engine.listening[0]?.port;
    expect((await ask(left.srf, `sip:bob@sip.example:${port};transport=tls`, "OPTIONS")).status).toBe(200);
  });

  test("1.2 and 1.3 are spoken, 1.1 is not", async () => {
    const { engine } = await phone([{ ...UDP, protocol: "tls", tls }]);
    const port = engine.listening[0]?.port;
    const reached = async (version: string) => {
      const args = ["s_client", "-connect", `127.0.0.1:${port}`, version, "-cipher", "ALL:@SECLEVEL=0"];
      const child = Bun.spawn(["openssl", ...args], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
      child.stdin.end();
      return /Cipher is (?!\(NONE\))/.test(await new Response(child.stdout).text());
    };
    expect(await reached("-tls1_2")).toBe(true);
    expect(await reached("-tls1_1")).toBe(false);
  });
});

for (const protocol of ["udp", "tcp", "tls"] as const) {
  test(`IPv6 by ${protocol}: a whole call between names and numbers at ::1`, async () => {
    const six = certificate("IP:::1,DNS:six.test");
    const secured = protocol === "tls" ? { tls: six } : {};
    const point: ListenPoint = { protocol, address: "::1", port: 0, ...secured };
    const more = { tlsClient: { ca: six.cert }, hosts: { "six.test": ["::1"] } };
    const left = await phone([point], more);
    const right = await phone([point], more);
    const port = right.engine.listening[0]?.port;
    let contact = "";
    let ended = false;
    right.srf.invite(async (req: Loose, res: Loose) => {
      contact = req.get("Contact");
      const uas = await right.srf.createUAS(req, res, { localSdp: SDP });
      uas.on("destroy", () => {
        ended = true;
      });
    });
    for (const host of ["[::1]", "six.test"]) {
      ended = false;
      const uri = `sip:bob@${host}:${port}${protocol === "udp" ? "" : `;transport=${protocol}`}`;
      const uac = await left.srf.createUAC(uri, { localSdp: SDP });
      expect(contact).toContain("[::1]:");
      await uac.modify(SDP.replace("sendrecv", "sendonly"));
      await uac.destroy();
      await until(() => ended);
    }
    await until(() => left.engine.stats().dialogs + right.engine.stats().dialogs === 0);
  });
}

/** A web phone in a few lines: answers what it is told to. */
async function webPhone(port: number | undefined) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ["sip"]);
  const inbox: string[] = [];
  socket.onmessage = (event) => {
    inbox.push(String(event.data));
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const next = async (start: RegExp) => {
    await until(() => inbox.some((text) => start.test(text)));
    const index = inbox.findIndex((text) => start.test(text));
    return inbox.splice(index, 1)[0] ?? "";
  };
  const pick = (text: string, name: string) =>
    text
      .split("\r\n")
      .filter((line) => line.startsWith(`${name}:`))
      .join("\r\n");
  const answer = (request: string, status: string, extra = "", body = "") => {
    const to = `${pick(request, "To")}${/^To:.*tag=/m.test(request) ? "" : ";tag=web"}`;
    const copied = ["Via", "From", "Call-ID", "CSeq", "Record-Route"].map((name) => pick(request, name));
    const lines = [`SIP/2.0 ${status}`, ...copied, to, ...(extra ? [extra] : [])].filter(
      (line) => line !== "",
    );
    socket.send(`${lines.join("\r\n")}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  };
  return { socket, next, answer };
}

test("ws: a web phone registers, is called over its connection, and its BYE ends the call", async () => {
  const { engine, srf } = await phone([{ ...UDP, protocol: "ws" }, UDP]);
  srf.register((_req: Loose, res: Loose) => res.send(200, { headers: { Expires: "60" } }));
  const web = await webPhone(engine.listening.find((point) => point.protocol === "ws")?.port);
  const head = (method: string, cseq: number, uri: string, to: string, call: string) =>
    `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK${call}${cseq}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:web@office>;tag=web\r\nTo: ${to}\r\nCall-ID: ${call}\r\nCSeq: ${cseq} ${method}\r\n`;
  const contact = "sip:web@df7jal.invalid;transport=ws";
  web.socket.send(
    `${head("REGISTER", 1, "sip:office", "<sip:web@office>", "reg")}Contact: <${contact}>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n`,
  );
  await web.next(/^SIP\/2.0 200/);
  await until(() => engine.stats().flows === 1);
  const calling = srf.createUAC(contact, { localSdp: SDP, callingNumber: "100" });
  const invite = await web.next(/^INVITE/);
  expect(invite).toContain("Via: SIP/2.0/WS");
  web.answer(invite, "200 OK", `Contact: <${contact}>\r\nContent-Type: application/sdp`, SDP);
  const uac = await calling;
  await web.next(/^ACK/);
  const ended = new Promise((resolve) => uac.on("destroy", resolve));
  const line = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(invite)?.[1] ?? "";
  expect(line("Contact")).toContain(";transport=ws");
  const target = /<([^>]+)>/.exec(line("Contact"))?.[1] ?? "";
  web.socket.send(
    `BYE ${target} SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n` +
      `From: ${line("To")};tag=web\r\nTo: ${line("From")}\r\nCall-ID: ${line("Call-ID")}\r\nCSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n`,
  );
  await ended;
  await web.next(/^SIP\/2.0 200/);
  web.socket.close();
  // Without its connection the phone cannot be reached.
  await until(() => engine.stats().dialogs === 0);
  expect((await failure(srf.createUAC(contact, { localSdp: SDP })))?.status).toBe(480);
});

test("several apps on one engine take turns; one that leaves gets nothing more", async () => {
  const left = await phone();
  const right = await phone();
  const second = await app(right.engine);
  const seen: string[] = [];
  const serve = (srf: Loose, name: string) =>
    srf.options((_req: Loose, res: Loose) => {
      seen.push(name);
      res.send(200);
    });
  serve(right.srf, "one");
  serve(second, "two");
  await until(() => right.engine.stats().agents === 2);
  for (let turn = 0; turn < 4; turn++) await ask(left.srf, at(right.engine, "bob"), "OPTIONS");
  expect([...seen].sort()).toEqual(["one", "one", "two", "two"]);
  second.disconnect();
  await until(() => right.engine.stats().agents === 1);
  seen.length = 0;
  for (let turn = 0; turn < 2; turn++) await ask(left.srf, at(right.engine, "bob"), "OPTIONS");
  expect(seen).toEqual(["one", "one"]);
});

test("a carrier whose first address answers 503: the second one is tried, with the same Call-ID", async () => {
  const full = await phone([{ ...UDP, address: "127.0.0.2" }]);
  const port = full.engine.listening[0]?.port ?? 0;
  const good = await phone([{ ...UDP, address: "127.0.0.3", port }]);
  const left = await phone([UDP], { hosts: { "carrier.test": ["127.0.0.2", "127.0.0.3"] } });
  const ids: string[] = [];
  full.srf.invite((req: Loose, res: Loose) => {
    ids.push(req.get("Call-ID"));
    res.send(503);
  });
  good.srf.invite((req: Loose, res: Loose) => {
    ids.push(req.get("Call-ID"));
    good.srf.createUAS(req, res, { localSdp: SDP });
  });
  const uac = await left.srf.createUAC(`sip:bob@carrier.test:${port}`, { localSdp: SDP });
  expect(ids.length).toBe(2);
  expect(ids[0]).toBe(ids[1] ?? "");
  await uac.destroy();
});

/** A called office at 127.0.0.4 and .5 with one name for its Contact, and somebody at 127.0.0.2 who is of no use. */
async function manyAddressed(contactTransport: "udp" | "tcp") {
  const { engine } = await phone([{ ...UDP, address: "127.0.0.3" }]);
  const port = engine.listening[0]?.port ?? 0;
  const entry = await phone(
    (["127.0.0.4", "127.0.0.5"] as const).flatMap((address): ListenPoint[] => [
      { ...UDP, address, port },
      { ...TCP, address, port },
    ]),
  );
  const hosts = {
    "carrier.test": ["127.0.0.2", "127.0.0.5"],
    "moved.test": ["127.0.0.6", "127.0.0.5"],
  };
  const left = await phone([UDP, TCP], { hosts });
  const seen: string[] = [];
  entry.srf.invite(async (req: Loose, res: Loose) => {
    const transport = contactTransport === "tcp" ? ";transport=tcp" : "";
    const headers = { Contact: `<sip:bob@carrier.test:${port}${transport}>` };
    const uas = await entry.srf.createUAS(req, res, { localSdp: SDP, headers });
    uas.on("modify", (again: Loose, answer: Loose) => {
      seen.push(`${again.method} ${again.protocol}`);
      const moved = { Contact: `<sip:bob@moved.test:${port}${transport}>` };
      answer.send(200, { body: SDP, headers: moved });
    });
    uas.on("destroy", (bye: Loose) => seen.push(`${bye.method} ${bye.protocol}`));
  });
  const uac = await left.srf.createUAC(`sip:bob@127.0.0.4:${port}`, { localSdp: SDP });
  // The ACK finds its way past the useless address when the 2xx comes again.
  await until(() => entry.engine.trace(uac.sip.callId).some(({ text }) => text.startsWith("ACK ")));
  return { left, uac, seen, port };
}

test("in a call: the next address of the peer's name when one answers 503, and the bad one is left alone", async () => {
  const { uac, seen, port } = await manyAddressed("udp");
  const refused: string[] = [];
  const full = await Bun.udpSocket({
    hostname: "127.0.0.6",
    port,
    socket: {
      data(socket, bytes, from, address) {
        const text = bytes.toString();
        refused.push(text.slice(0, text.indexOf(" ")));
        if (text.startsWith("ACK")) return;
        const lines = text.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
        const answer = ["SIP/2.0 503 Full", ...lines, "Content-Length: 0", "", ""].join("\r\n");
        socket.send(answer, from, address);
      },
    },
  });
  cleanups.push(() => full.close());
  // Its answer moves the target to another name, of which the first address has no room.
  await uac.modify(SDP.replace("sendrecv", "sendonly"));
  await until(() => refused.includes("ACK"));
  const info = await uac.request({ method: "INFO" });
  expect(info.status).toBe(200);
  await uac.destroy();
  await until(() => seen.includes("BYE udp"));
  expect(refused.filter((method) => method !== "ACK")).toEqual(["INFO"]);
});

test("in a call: an address that refuses the connection is passed over, also by the engine's own BYE", async () => {
  const { left, uac, seen } = await manyAddressed("tcp");
  await uac.modify(SDP.replace("sendrecv", "sendonly"));
  await left.engine.stop();
  await until(() => seen.length === 2);
  expect(seen).toEqual(["INVITE tcp", "BYE tcp"]);
});
