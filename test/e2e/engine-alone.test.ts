/** The engine in a process of its own, joined over the agent protocol as a real drachtio-server would be. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type Exchange, nextCall, startExchange, toneOf } from "../kit/exchange.ts";
import { freePort, waitFor } from "../kit/wait.ts";

const ROOT = join(import.meta.dir, "../..");
let engine: Bun.Subprocess;
let x: Exchange;

beforeAll(async () => {
  const port = await freePort("127.0.0.1");
  x = await startExchange({
    dynamic: true,
    engineFor: async (contact) => {
      engine = Bun.spawn(
        [
          process.execPath,
          join(ROOT, "appliance/main.ts"),
          "sip-engine",
          "--contact",
          contact,
          "--address",
          "127.0.0.1",
          "--port",
          String(port),
          "--secret",
          "cymru",
        ],
        { cwd: ROOT, stdout: "ignore", stderr: "ignore" },
      );
      return `drachtio://cymru@127.0.0.1:${port}`;
    },
  });
}, 40_000);
afterAll(async () => {
  await x?.stop();
  engine?.kill();
  await engine?.exited;
}, 30_000);

test("phones register and talk through an engine that is not ours to start", async () => {
  const [a, b] = await Promise.all([x.phone("1001"), x.phone("1002")]);
  const before = b.calls.length;
  const call = await a.dial("1002");
  const at = await nextCall(b, before);
  expect(await call.answered).toBe(true);
  await waitFor(() => call.hears(toneOf("1002")) && at.hears(toneOf("1001")), "both tones");
  await at.hangup();
  const row = await x.ended(await x.journey("1001", "1002"));
  expect(row).toMatchObject({ result: "answered", cause: "normal", hangup_by: "callee" });
}, 30_000);
