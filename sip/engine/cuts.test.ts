/**
 * Connections that break in the middle of a call, at every moment in turn: after it nothing is left on either side, no
 * transaction, dialog, timer, connection or flow. The wires are real sockets, the time is not.
 */
import { beforeAll, expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import type { Engine } from "./engine.ts";
import { at, bench, certificate, type Loose, SDP, UDP, until } from "./test-support.ts";
import { FakeClock } from "./transaction/index.ts";

const { phone, cleanups } = bench();

let tls: { cert: string; key: string };
beforeAll(() => {
  tls = certificate("IP:127.0.0.1");
});

/** A wire to a port that is cut within the chunk of that number, counted over both ways, and whole again afterwards. */
async function wire(port: number, cutAt: number) {
  const sockets = new Set<Socket>();
  let chunks = 0;
  let cuts = 0;
  const drop = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.on("data", (bytes: Buffer) => {
        chunks++;
        if (chunks !== cutAt) {
          to.write(bytes);
          return;
        }
        cuts++;
        // A part of the message may still arrive.
        to.write(bytes.subarray(0, cutAt % 2 === 0 ? 0 : bytes.length >> 1), drop);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  cleanups.push(() => {
    drop();
    server.close();
  });
  return { port: typeof address === "object" && address ? address.port : 0, drop, cuts: () => cuts };
}

/** Moves time on until the work is done; a request whose answer is lost ends by its timer only. */
async function settle(work: Promise<unknown>, clock: FakeClock): Promise<void> {
  let over = false;
  const end = work.finally(() => {
    over = true;
  });
  await until(() => {
    clock.advance(400);
    return over;
  }, 10_000);
  await end;
}

function left(engine: Engine): Record<string, number> {
  const { serverTransactions, clientTransactions, dialogs, timers, connections, flows } = engine.stats();
  return { serverTransactions, clientTransactions, dialogs, timers, connections, flows };
}

const NOTHING = {
  serverTransactions: 0,
  clientTransactions: 0,
  dialogs: 0,
  timers: 0,
  connections: 0,
  flows: 0,
};

/** Everything ended and hours gone by: nothing may be left. */
async function expectNothing(engines: readonly Engine[], clock: FakeClock): Promise<void> {
  const total = () => engines.flatMap((engine) => Object.values(left(engine))).reduce((sum, n) => sum + n, 0);
  await until(() => {
    clock.advance(60_000);
    return total() === 0;
  }, 4_000).catch(() => {});
  for (const engine of engines) expect(left(engine)).toEqual(NOTHING);
}

/** What a phone does: it registers, calls, changes the call from both sides, and hangs up. */
async function wholeCall(
  srf: Loose,
  target: string,
  contact: string,
  peers: readonly Loose[],
): Promise<void> {
  const headers = { Contact: "<sip:phone@localhost>", Expires: "60" };
  await new Promise<void>((resolve) =>
    srf.request(target, { method: "REGISTER", headers }, (error: unknown, req: Loose) => {
      if (error) resolve();
      else req.on("response", () => resolve());
    }),
  );
  const uac = await srf
    .createUAC(target, { localSdp: SDP, headers: { Contact: `<${contact}>` } })
    .catch(() => undefined);
  if (!uac) return;
  uac.on("modify", (_req: Loose, res: Loose) => res.send(200, { body: SDP }));
  await uac.modify(SDP).catch(() => {});
  await peers
    .at(-1)
    ?.modify(SDP)
    .catch(() => {});
  await uac.request({ method: "INFO" }).catch(() => {});
  await uac.destroy().catch(() => {});
}

/** One call over a wire that is cut there; whether it was cut at all. */
async function cutCall(protocol: "tcp" | "tls", cutAt: number): Promise<boolean> {
  const clock = new FakeClock();
  const points = [{ ...UDP, protocol, ...(protocol === "tls" ? { tls } : {}) }];
  const more = { tlsClient: { ca: tls.cert } };
  const caller = await phone(points, more, clock);
  const callee = await phone(points, more, clock);
  const peers: Loose[] = [];
  callee.srf.register((_req: Loose, res: Loose) => res.send(200, { headers: { Expires: "60" } }));
  callee.srf.invite((req: Loose, res: Loose) => {
    res.send(180);
    callee.srf.createUAS(req, res, { localSdp: SDP, headers: { Contact: `<${target}>` } }).then(
      (dialog: Loose) => {
        peers.push(dialog);
        dialog.on("modify", (_req: Loose, answer: Loose) => answer.send(200, { body: SDP }));
        dialog.on("info", (_req: Loose, answer: Loose) => answer.send(200));
      },
      () => {},
    );
  });
  const reach = (engine: Engine) => Number(/:(\d+);/.exec(at(engine, "x", protocol))?.[1]);
  const line = await wire(reach(callee.engine), cutAt);
  // Either side reaches the other over a wire of ours again when a connection is gone.
  const back = await wire(reach(caller.engine), 0);
  const target = `sip:bob@127.0.0.1:${line.port};transport=${protocol}`;
  const contact = `sip:alice@127.0.0.1:${back.port};transport=${protocol}`;
  await settle(wholeCall(caller.srf, target, contact, peers), clock);
  // A callee whose caller has vanished hangs up in the end.
  await settle(Promise.all(peers.map((dialog) => dialog.destroy().catch(() => {}))), clock);
  line.drop();
  back.drop();
  await expectNothing([caller.engine, callee.engine], clock);
  return line.cuts() > 0;
}

for (const protocol of ["tcp", "tls"] as const) {
  test(`${protocol}: cut within every message of a call in turn, nothing is left on either side`, async () => {
    let cutAt = 1;
    while (await cutCall(protocol, cutAt)) cutAt++;
    // REGISTER, INVITE, two re-INVITEs, INFO and BYE with their answers.
    expect(cutAt).toBeGreaterThan(14);
  }, 60_000);
}

/** A browser's phone of bare messages that calls, and goes away after it got that many messages. */
async function webCall(goneAfter: number): Promise<number> {
  const clock = new FakeClock();
  const callee = await phone([{ ...UDP, protocol: "ws" }, UDP], {}, clock);
  const peers: Loose[] = [];
  callee.srf.register((_req: Loose, res: Loose) => res.send(200, { headers: { Expires: "60" } }));
  callee.srf.invite((req: Loose, res: Loose) => {
    res.send(180);
    callee.srf.createUAS(req, res, { localSdp: SDP }).then(
      (dialog: Loose) => {
        peers.push(dialog);
        void dialog.modify(SDP).catch(() => {});
      },
      () => {},
    );
  });
  const port = callee.engine.listening.find((point) => point.protocol === "ws")?.port;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ["sip"]);
  let got = 0;
  let closed = false;
  socket.onclose = () => {
    closed = true;
  };
  const head = (method: string, cseq: number, to: string) =>
    `${method} sip:bob@office SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKw${method}${cseq}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:web@office>;tag=web\r\nTo: ${to}\r\nCall-ID: web\r\nCSeq: ${cseq} ${method}\r\n` +
    "Contact: <sip:web@a.invalid;transport=ws>\r\n";
  const send = (method: string, cseq: number, to: string, body = "") => {
    const type = body === "" ? "" : "Content-Type: application/sdp\r\n";
    socket.send(`${head(method, cseq, to)}${type}Content-Length: ${body.length}\r\n\r\n${body}`);
  };
  socket.onmessage = ({ data }) => {
    const text = String(data);
    got++;
    if (got === goneAfter) {
      socket.close();
      return;
    }
    const value = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
    if (text.startsWith("SIP/2.0 200") && value("CSeq") === "1 REGISTER")
      send("INVITE", 2, "<sip:bob@office>", SDP);
    else if (text.startsWith("SIP/2.0 200") && value("CSeq") === "2 INVITE") send("ACK", 2, value("To"));
    else if (/^(INVITE|BYE) /.test(text)) {
      const copied = ["Via", "From", "To", "Call-ID", "CSeq"].map((name) => `${name}: ${value(name)}`);
      socket.send(
        `SIP/2.0 200 OK\r\n${copied.join("\r\n")}\r\nContact: <sip:web@a.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n`,
      );
    } else if (text.startsWith("ACK ")) send("BYE", 3, value("From"));
    else if (value("CSeq") === "3 BYE") socket.close();
  };
  socket.onopen = () => send("REGISTER", 1, "<sip:web@office>");
  await until(() => closed, 5_000);
  await settle(Promise.all(peers.map((dialog) => dialog.destroy().catch(() => {}))), clock);
  await expectNothing([callee.engine], clock);
  return got;
}

test("ws: a browser that goes away after every message of a call in turn leaves nothing", async () => {
  let goneAfter = 1;
  while ((await webCall(goneAfter)) >= goneAfter) goneAfter++;
  // 200, 100, 180, 200, INVITE, ACK, 200.
  expect(goneAfter).toBeGreaterThan(7);
}, 60_000);
