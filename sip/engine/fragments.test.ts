/** Messages that come in parts, or of which a part never comes. What IP has cut the kernel puts together, or drops. */
import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { join } from "node:path";
import { ask, at, bench, type Loose, UDP, until } from "./test-support.ts";

const { phone, cleanups } = bench();
const SOURCE = "127.0.0.9";

const WHOLE = { body: "whole", headers: { "Content-Type": "text/plain" } };

const HEAD = [
  "MESSAGE sip:1@127.0.0.1 SIP/2.0",
  `Via: SIP/2.0/UDP ${SOURCE}:9;branch=z9hG4bKcut;rport`,
  "Max-Forwards: 70",
  "From: <sip:x@x>;tag=1",
  "To: <sip:1@x>",
  "Call-ID: cut",
  "CSeq: 1 MESSAGE",
  "Content-Type: text/plain",
  "Content-Length: 400",
].join("\r\n");

describe.each([
  ["ends inside its head", HEAD.slice(0, 120)],
  ["ends before the empty line", HEAD],
  ["is shorter than its Content-Length", `${HEAD}\r\n\r\n${"x".repeat(399)}`],
  ["begins in the middle", HEAD.slice(40)],
])("a datagram that %s", (_, text) => {
  test("reaches no app; many are a ban of their source, and others are served on", async () => {
    const defence = { enabled: true, exempt: [], trusted: ["127.0.0.1"] };
    const [a, b] = [await phone(), await phone([UDP], { defence })];
    const seen: string[] = [];
    b.srf.message((req: Loose, res: Loose) => {
      seen.push(req.body);
      res.send(200);
    });
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, SOURCE, resolve));
    cleanups.push(() => socket.close());
    for (let n = 0; n < 21; n++) socket.send(text, b.engine.listening[0]?.port ?? 0, "127.0.0.1");
    await until(() => b.engine.defence().bans.length > 0);
    expect(b.engine.defence().bans).toMatchObject([{ address: SOURCE, reason: "malformed" }]);
    expect((await ask(a.srf, at(b.engine, "1"), "MESSAGE", WHOLE)).status).toBe(200);
    expect(seen).toEqual(["whole"]);
  });
});

/** Sends a long message in a network of its own whose packets are short, and tells what came and what the kernel did. */
const SCRIPT = `
  const { createTransport } = await import(${JSON.stringify(join(import.meta.dir, "transport/index.ts"))});
  const transport = await createTransport([{ protocol: "udp", address: "127.0.0.1", port: 0 }]);
  transport.onMessage(({ message, bytes }) => {
    const lines = require("node:fs").readFileSync("/proc/net/snmp", "utf8").split("\\n").filter((line) => line.startsWith("Ip:"));
    const [names, counts] = lines.map((line) => line.split(" "));
    const count = (name) => Number(counts[names.indexOf(name)]);
    const body = Buffer.from(message.body).toString();
    console.log(JSON.stringify({ bytes, whole: body === "y".repeat(9000), made: count("FragCreates"), joined: count("ReasmOKs") }));
    process.exit(0);
  });
  const head = process.argv.at(-1).replace("Content-Length: 400", "Content-Length: 9000");
  const socket = require("node:dgram").createSocket("udp4");
  socket.send(head + "\\r\\n\\r\\n" + "y".repeat(9000), transport.listening[0].port, "127.0.0.1");`;
const OWN_NETWORK = ["unshare", "-r", "-n", "sh", "-c"];
const able = Bun.spawnSync([...OWN_NETWORK, "ip link set lo mtu 1500"]).exitCode === 0;
if (!able) console.log("Messages cut by IP are not tested: no network of its own here");

test.skipIf(!able)(
  "a message that IP has cut into seven packets comes in whole",
  async () => {
    const run = 'ip link set lo mtu 1500 && ip link set lo up && exec "$0" -e "$1" "$2"';
    const child = Bun.spawn([...OWN_NETWORK, run, process.execPath, SCRIPT, HEAD], {
      stdout: "pipe",
      timeout: 15_000,
    });
    const told = JSON.parse(await new Response(child.stdout).text());
    expect(told).toEqual({ bytes: HEAD.length + 1 + 4 + 9000, whole: true, made: 7, joined: 1 });
  },
  20_000,
);
