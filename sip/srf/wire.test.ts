import { afterEach, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { SrfFacade } from "./facade.ts";
import type { IncomingRequest } from "./model.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** An engine that knows the greeting; the test sees each piece of bytes that comes in. */
async function pair() {
  const chunks: string[] = [];
  const sockets: Socket[] = [];
  const waiters: (() => void)[] = [];
  const wake = (): void => {
    for (const waiter of waiters.splice(0)) waiter();
  };
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const text = bytes.toString();
      for (const [, id] of text.matchAll(/([0-9a-f-]{36})\|(?:authenticate|route)\|/g)) {
        const payload = `u|response|${id}|OK|udp/10.0.0.1:5060|v0.9.10|`;
        socket.write(`${payload.length}#${payload}`);
      }
      if (text.includes("|sip|")) chunks.push(text);
      wake();
    });
    wake();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const facade = new SrfFacade();
  closers.push(
    () => facade.stop(),
    () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  );
  await facade.connect({ host: "127.0.0.1", port, secret: "s" });
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise<void>((resolve) => waiters.push(resolve));
  };
  return { facade, sockets, chunks, until };
}

function frame(payload: string): string {
  return `${Buffer.byteLength(payload)}#${payload}`;
}

function register(n: number, extra = ""): string {
  return frame(
    `u|sip|network|99|udp|192.168.1.9|5061|00:00:00.000000|t${n}||10.0.0.1|5060|\r\nREGISTER sip:z SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK${n}\r\nf: "总机" <sip:a@h>;tag=l\r\nTo: <sip:a@h>\r\ni: c${n}\r\nCSeq: 1 REGISTER\r\n${extra}l: 0\r\n\r\n`,
  );
}

test("a burst of REGISTERs is answered in one write, whatever pieces it came in", async () => {
  const { facade, sockets, chunks, until } = await pair();
  const seen: IncomingRequest[] = [];
  const sent: Promise<boolean>[] = [];
  facade.handle("REGISTER", (request) => {
    seen.push(request);
    sent.push(request.respond(200, { headers: { Contact: ["<sip:1>", "<sip:2>"] } }));
  });
  const burst = Buffer.from([1, 2, 3].map((n) => register(n, "m: <sip:x>\r\nContact: <sip:y>\r\n")).join(""));
  const [socket] = sockets;
  // Cut inside a character of three bytes and inside a length.
  const cut = burst.indexOf("总") + 1;
  socket?.write(burst.subarray(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  socket?.write(burst.subarray(cut));
  await until(() => chunks.join("").split("|sip|t").length === 4);
  expect(seen.map((request) => [request.callId, request.header("Contact"), request.header("from")])).toEqual(
    [1, 2, 3].map((n) => [`c${n}`, "<sip:x>,<sip:y>", '"总机" <sip:a@h>;tag=l']),
  );
  expect(chunks).toHaveLength(1);
  const text = chunks.join("");
  expect(text.match(/\r\nContact: <sip:[12]>/g)).toHaveLength(6);
  const ids = [...text.matchAll(/([0-9a-f-]{36})\|sip\|/g)].map((match) => match[1]);
  socket?.write(
    [`OK|application|9|udp|h|1|t|t1|||Msg sent:|\r\n\r\n`, "NOK|Response not sent", "OK|"]
      .map((answer, n) => frame(`u|response|${ids[n]}|${answer}`))
      .join(""),
  );
  expect(await Promise.all(sent)).toEqual([true, false, true]);
});

test("requests in a dialog still go through drachtio-srf, and a lost engine fails what waits", async () => {
  const { facade, sockets, chunks, until } = await pair();
  const answered = Promise.withResolvers<boolean>();
  facade.handle("REGISTER", (request) => void request.respond(200).then(answered.resolve));
  sockets[0]?.write(register(1));
  sockets[0]?.write(
    frame(
      "u|sip|network|99|udp|1.2.3.4|5061|00:00:00.000000|t9|d|\r\nOPTIONS sip:z SIP/2.0\r\nFrom: <sip:a@h>;tag=l\r\nTo: <sip:a@h>;tag=r\r\nCall-ID: c9\r\nCSeq: 2 OPTIONS\r\nContent-Length: 0\r\n\r\n",
    ),
  );
  await until(() => chunks.join("").includes("t9|"));
  // Header names as drachtio-srf writes them.
  expect(chunks.join("")).toContain("\r\ncseq: 2 OPTIONS\r\n");
  sockets[0]?.destroy();
  expect(await answered.promise).toBe(false);
});

test("behind a broken frame the connection is made anew", async () => {
  const { facade, sockets, until } = await pair();
  const back = Promise.withResolvers<void>();
  facade.onConnection((connected) => {
    if (connected) back.resolve();
  });
  sockets[0]?.write("no frame at all");
  await until(() => sockets.length === 2);
  await back.promise;
  expect(facade.connected).toBe(true);
});
