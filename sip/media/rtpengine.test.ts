/** Supervision and control of rtpengine: what happens when things go wrong. */
import { afterAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RtpengineRefusedError, RtpengineTimeoutError } from "./errors.ts";
import { createRtpengineClient } from "./rtpengine.ts";
import { RtpengineProcess, rtpengineConfig } from "./rtpengine-process.ts";

const folder = mkdtempSync(join(tmpdir(), "zongji-rtpengine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = (name: string) => ({
  binary: "rtpengine",
  folder: join(folder, name),
  address: "127.0.0.1",
  ports: { min: 42900, max: 42959 },
  ngPort: 0,
  log: () => {},
});

/** A server that hears every datagram and answers as `reply` says. */
async function server(reply: (cookie: string, count: number) => string[]) {
  const heard: string[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => {
    heard.push(message.toString());
    const cookie = message.toString().split(" ")[0] ?? "";
    for (const each of reply(cookie, heard.length)) socket.send(each, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { heard, port: socket.address().port, close: () => socket.close() };
}

test("a lost request is sent again with the same bytes; late, doubled and garbled replies do no harm", async () => {
  const pong = "d6:result4:ponge";
  const { heard, port, close } = await server((cookie, count) =>
    count < 3 ? [] : [`${cookie} ${pong}`, `${cookie} ${pong}`, `${"x".repeat(36)} ${pong}`, "garbage", ""],
  );
  const client = createRtpengineClient("127.0.0.1", port);
  expect(await client.command("ping")).toEqual({ result: "pong" });
  expect(heard.length).toBe(3);
  expect(new Set(heard).size).toBe(1);
  expect(await client.command("ping")).toEqual({ result: "pong" });
  client.close();
  close();
});

test("no answer is RtpengineTimeoutError, also when closed meanwhile; a refusal is RtpengineRefusedError", async () => {
  const mute = await server(() => []);
  const client = createRtpengineClient("127.0.0.1", mute.port, 100);
  expect(client.command("ping")).rejects.toBeInstanceOf(RtpengineTimeoutError);
  const slow = createRtpengineClient("127.0.0.1", mute.port, 60_000);
  const waiting = slow.command("ping");
  slow.close();
  expect(waiting).rejects.toBeInstanceOf(RtpengineTimeoutError);
  const refusing = await server((cookie) => [`${cookie} d12:error-reason5:Never6:result5:errore`]);
  const refused = createRtpengineClient("127.0.0.1", refusing.port);
  const failure = await refused.command("query", { "call-id": "x" }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(RtpengineRefusedError);
  expect(failure).toMatchObject({ message: "Never" });
  refused.close();
  client.close();
  mute.close();
  refusing.close();
});

test("a missing program and a taken control port are told in words", async () => {
  const missing = RtpengineProcess.start({ ...settings("missing"), binary: "no-such-rtpengine" }, () => {});
  expect(missing).rejects.toMatchObject({
    code: "rtpengine-missing",
    message: expect.stringContaining("apt-get install"),
  });
  const taken = await server(() => []);
  const inUse = RtpengineProcess.start({ ...settings("taken"), ngPort: taken.port }, () => {});
  expect(inUse).rejects.toMatchObject({ code: "rtpengine-port-in-use" });
  await inUse.catch(() => {});
  taken.close();
});

test("a leftover of an earlier run is ended, a foreign process with that pid is not; stop leaves nothing", async () => {
  const run = join(folder, "run");
  const config = join(run, "rtpengine.conf");
  mkdirSync(run, { recursive: true });
  // Its config is never read: the name of the file among its arguments is what marks it as ours.
  const leftover = Bun.spawn(["sh", "-c", "sleep 30; true", config]);
  writeFileSync(join(run, "rtpengine.pid"), String(leftover.pid));
  // Until its exec is through, a new process still has its parent's arguments.
  while (!readFileSync(`/proc/${leftover.pid}/cmdline`, "utf8").includes(config)) await Bun.sleep(1);
  const second = await RtpengineProcess.start(settings("run"), () => {});
  expect(await leftover.exited).not.toBe(0);
  const { pid } = second;
  await second.stop();
  expect(second.state).toBe("down");
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  const foreign = Bun.spawn(["sleep", "30"]);
  mkdirSync(join(folder, "foreign"), { recursive: true });
  writeFileSync(join(folder, "foreign", "rtpengine.pid"), String(foreign.pid));
  const third = await RtpengineProcess.start(settings("foreign"), () => {});
  expect(foreign.exitCode).toBeNull();
  foreign.kill();
  await third.stop();
});

test("the configuration keeps the channels on loopback and advertises the public address", () => {
  const text = rtpengineConfig(
    {
      folder: "x",
      address: "192.0.2.5",
      advertised: "198.51.100.7",
      ports: { min: 30000, max: 39999 },
      ngPort: 0,
    },
    22222,
  );
  expect(text).toContain("interface = port/127.0.0.1;party/192.0.2.5!198.51.100.7\n");
  expect(text).toContain("listen-ng = 127.0.0.1:22222\n");
  expect(text).toContain("table = -1\n");
});

test("rtpengine is in a process group of its own, so that Ctrl-C in the terminal does not reach it", async () => {
  const running = await RtpengineProcess.start(settings("group"), () => {});
  const pid = running.pid ?? 0;
  // After the name in brackets: state, parent, process group (proc(5)).
  const group = Number(
    readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")[2],
  );
  expect(group).toBe(pid);
  await running.stop();
});
