/** Long requests to UDP peers that take TCP, take none, or say nothing to it (RFC 3261 §18.1.1). */
import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { ask, bench, type Loose, SDP, UDP, until } from "./test-support.ts";
import { createTransport, type ListenPoint, type Transport } from "./transport/index.ts";

const { phone, cleanups } = bench();
const TCP: ListenPoint = { ...UDP, protocol: "tcp" };
const LONG = { headers: { "X-Long": "y".repeat(1400) } };

interface Heard {
  readonly at: number;
  readonly way: "udp" | "tcp";
  readonly method: string;
  readonly via: string;
}

/** A peer that answers what it is told to, on UDP and, if asked for, on the TCP port of the same number. */
async function peer(statuses: Record<string, readonly string[]>, port = 0, tcp = true) {
  const heard: Heard[] = [];
  const take = (way: "udp" | "tcp", text: string, say: (answer: string) => void) => {
    const lines = text.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
    const method = text.slice(0, text.indexOf(" "));
    heard.push({ at: performance.now(), way, method, via: lines[0] ?? "" });
    const answer = (status: string, cseq = lines.find((line) => line.startsWith("CSeq")) ?? "") => {
      const copied = lines.map((line) => (line.startsWith("To:") ? `${line};tag=far` : line));
      const all = copied.map((line) => (line.startsWith("CSeq") ? cseq : line));
      say([`SIP/2.0 ${status}`, ...all, "Content-Length: 0", "", ""].join("\r\n"));
    };
    for (const status of statuses[method] ?? []) answer(status);
    if (method === "CANCEL")
      answer("487 Terminated", lines.find((line) => line.startsWith("CSeq"))?.replace("CANCEL", "INVITE"));
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      for (const text of bytes.toString().split(/(?<=\r\n\r\n)(?=[A-Z])/))
        take("tcp", text, (answer) => socket.write(answer));
    });
  });
  if (tcp) await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  const bound = port || (typeof address === "object" && address ? address.port : 0);
  const udp = createSocket("udp4");
  udp.on("message", (bytes, from) =>
    take("udp", bytes.toString(), (answer) => udp.send(answer, from.port, from.address)),
  );
  await new Promise<void>((resolve) => udp.bind(bound, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    udp.close();
  });
  return { heard, sockets, port: bound || udp.address().port };
}

/** A TCP port at which nothing answers, as behind a firewall that drops: its queue of connections is full. */
async function silentTcp(): Promise<number> {
  const script =
    'use Socket; socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(0,inet_aton("127.0.0.1"))); listen(S,0); $|=1;' +
    'print((sockaddr_in(getsockname(S)))[0],"\\n"); sleep 60';
  const child = Bun.spawn(["perl", "-e", script], { stdout: "pipe", stderr: "inherit" });
  cleanups.push(() => child.kill());
  const { value } = await child.stdout.getReader().read();
  const port = Number(Buffer.from(value ?? new Uint8Array()).toString());
  const fillers = [1, 2, 3].map(() => connect(port, "127.0.0.1").on("error", () => {}));
  cleanups.push(() => fillers.map((socket) => socket.destroy()));
  await until(() => fillers.some((socket) => !socket.connecting));
  return port;
}

test("a peer that says nothing to TCP gets the INVITE once, after a second, and the next one at once", async () => {
  const far = await peer({ INVITE: ["486 Busy"] }, await silentTcp(), false);
  const { engine, srf } = await phone([UDP, TCP]);
  const invites = () => far.heard.filter(({ method }) => method === "INVITE");
  const call = () =>
    srf
      .createUAC(`sip:1@127.0.0.1:${far.port}`, { localSdp: SDP, ...LONG })
      .catch((error: Loose) => error.status);
  let begun = performance.now();
  expect(await call()).toBe(486);
  expect(invites().map(({ way }) => way)).toEqual(["udp"]);
  expect((invites()[0]?.at ?? 0) - begun).toBeWithin(900, 2_000);
  begun = performance.now();
  expect(await call()).toBe(486);
  expect((invites()[1]?.at ?? 0) - begun).toBeLessThan(450);
  expect(engine.stats().counters.retransmitted).toBe(0);
  expect(far.heard.every(({ via }) => via.startsWith("Via: SIP/2.0/UDP "))).toBe(true);
});

test("ACK of a refusal and CANCEL go by TCP as their INVITE did, with its Via, and the trace says so", async () => {
  const far = await peer({ INVITE: ["100 Trying", "180 Ringing"], CANCEL: ["200 OK"] });
  const { engine, srf } = await phone([UDP, TCP]);
  const failed = new Promise<Loose>((resolve) => {
    srf
      .createUAC(
        `sip:1@127.0.0.1:${far.port}`,
        { localSdp: SDP, ...LONG },
        {
          cbRequest: (_error: unknown, req: Loose) => req,
          cbProvisional: (res: Loose) => {
            if (res.status === 180) res.req.cancel();
          },
        },
      )
      .catch((error: Loose) => resolve(error));
  });
  const error = await failed;
  expect(error.status).toBe(487);
  await until(() => far.heard.some(({ method }) => method === "ACK"));
  expect(far.heard.map(({ way, method }) => `${way} ${method}`)).toEqual([
    "tcp INVITE",
    "tcp CANCEL",
    "tcp ACK",
  ]);
  const via = far.heard[0]?.via ?? "";
  expect(via).toStartWith("Via: SIP/2.0/TCP ");
  expect(far.heard.map((one) => one.via)).toEqual([via, via, via]);
  const sent = engine.trace(error.res.get("Call-ID")).filter(({ direction }) => direction === "out");
  expect(sent.map(({ remote, text }) => `${remote} ${text.split(" ")[0]}`)).toEqual(
    ["INVITE", "CANCEL", "ACK"].map((method) => `tcp:127.0.0.1:${far.port} ${method}`),
  );
  expect(engine.stats().counters.retransmitted).toBe(0);
});

test("a peer that takes the connection and drops it without an answer gets the request by UDP", async () => {
  const far = await peer({});
  const { srf } = await phone([UDP, TCP]);
  const answered = ask(srf, `sip:1@127.0.0.1:${far.port}`, "OPTIONS", LONG);
  await until(() => far.heard.length === 1);
  for (const socket of far.sockets) socket.destroy();
  await until(() => far.heard.length === 2);
  expect(far.heard.map(({ way }) => way)).toEqual(["tcp", "udp"]);
  expect(far.heard[1]?.via).toStartWith("Via: SIP/2.0/UDP ");
  answered.catch(() => {});
});

test("a peer that refused TCP is not made to wait for, and gets long requests by TCP once it takes it", async () => {
  const transport: Transport = await createTransport([UDP, TCP], { longAskMs: 0 });
  cleanups.push(() => transport.close());
  const late = await peer({}, 0, false);
  const target = { by: "address", protocol: "udp", address: "127.0.0.1", port: late.port } as const;
  let number = 0;
  const send = async () => {
    number++;
    const fields = {
      Via: `SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK${number}`,
      "Call-ID": `${number}`,
      X: "y".repeat(1400),
    };
    const headers = Object.entries(fields).map(([name, value]) => ({ name, value }));
    const request = {
      kind: "request",
      method: "OPTIONS",
      uri: "sip:a@b",
      headers,
      body: new Uint8Array(0),
    } as const;
    return (await transport.send({ ...request, headers }, target)).protocol;
  };
  expect(await send()).toBe("udp");
  const server = createServer(() => {}).listen(late.port, "127.0.0.1");
  cleanups.push(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  // This one may be too early for it, as nothing waits.
  await send();
  await until(() => transport.connections === 1);
  expect(await send()).toBe("tcp");
});
