import { afterEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { AgentServer } from "./server.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

function start() {
  const handled: string[] = [];
  const server = new AgentServer(
    { address: "127.0.0.1", port: 0, secret: "good", hostports: () => "udp/127.0.0.1:5060" },
    {
      onSip: (client, id) => {
        handled.push(id);
        client.reply(id, "OK");
      },
      onProxy: () => {},
      onGone: () => handled.push("gone"),
    },
  );
  const port = server.listen();
  cleanups.push(() => server.close());
  return { server, port, handled };
}

async function talk(
  port: number,
): Promise<{ socket: Socket; ask: (text: string) => Promise<string>; closed: Promise<void> }> {
  const socket = connect(port, "127.0.0.1");
  cleanups.push(() => socket.destroy());
  const waiting: ((text: string) => void)[] = [];
  socket.on("data", (bytes) => waiting.shift()?.(bytes.toString()));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  await new Promise((resolve) => socket.once("connect", resolve));
  const ask = (text: string) =>
    new Promise<string>((resolve) => {
      waiting.push(resolve);
      socket.write(`${Buffer.byteLength(text)}#${text}`);
    });
  return { socket, ask, closed };
}

test("nothing is served before the secret", async () => {
  const { port, handled, server } = start();
  for (const text of [
    "1|route|options",
    "2|sip||\r\nOPTIONS sip:a@b SIP/2.0\r\n\r\n",
    "3|authenticate|bad|",
  ]) {
    const peer = await talk(port);
    expect(await peer.ask(text)).toContain("|NO|");
    await peer.closed;
  }
  expect(handled).toEqual([]);
  expect(server.pick("options")).toBeUndefined();
});

test("greeting, ping, routes in turn, unknown commands", async () => {
  const { port, server } = start();
  const [one, two] = [await talk(port), await talk(port)];
  expect(await one.ask("1|authenticate|good|a,b")).toContain(
    "response|1|OK|udp/127.0.0.1:5060|v0.9.10|udp/127.0.0.1:5060",
  );
  expect(await two.ask("1|authenticate|good|")).toContain("|OK|");
  expect(await one.ask("2|ping")).toContain("response|2|OK|pong");
  for (let turn = 0; turn < 3; turn++) await one.ask("3|route|invite");
  await two.ask("3|route|invite");
  const picked = [1, 2, 3, 4].map(() => server.pick("invite")?.id);
  expect(picked[0]).toBe(picked[2]);
  expect(picked[0]).not.toBe(picked[1]);
  await two.ask("4|route|options");
  await two.ask("5|remove_route|options");
  expect(server.pick("options")).toBeUndefined();
  expect(server.pick("invite")).toBeDefined();
  expect(await one.ask("6|dance")).toContain("NO|Unknown message type");
  await one.closed;
});

test("a frame over 1 MiB ends the connection; one just below is served", async () => {
  const { port, handled } = start();
  const peer = await talk(port);
  await peer.ask("1|authenticate|good|");
  const head = "7|sip||\r\n";
  expect(await peer.ask(head + "x".repeat(1_048_576 - head.length))).toContain("response|7|OK");
  peer.socket.write("1048577#");
  await peer.closed;
  expect(handled).toContain("7");
});
