import { expect, test } from "bun:test";
import { startEngineWorker } from "./index.ts";

const config = {
  contacts: [{ protocol: "udp" as const, address: "127.0.0.1", port: 0 }],
  agent: { address: "127.0.0.1", port: 0, secret: "s" },
};

test("the Worker starts, answers questions and stops", async () => {
  const engine = await startEngineWorker(config);
  expect(engine.agentPort).toBeGreaterThan(0);
  expect(engine.listening[0]?.port).toBeGreaterThan(0);
  expect((await engine.stats()).dialogs).toBe(0);
  const none = await engine.bans();
  expect(none?.bans).toEqual([]);
  expect(await engine.bans(none?.revision)).toBeUndefined();
  expect(await engine.liftBan("192.0.2.1")).toBe(false);
  expect(await engine.trace("none")).toEqual([]);
  expect(await engine.traceSearch({ user: "none" })).toEqual([]);
  await engine.stop();
});

test("a taken port is told with its code", async () => {
  const first = await startEngineWorker(config);
  const taken = first.listening[0]?.port ?? 0;
  const second = startEngineWorker({
    ...config,
    contacts: [{ protocol: "udp", address: "127.0.0.1", port: taken }],
  });
  expect(second).rejects.toMatchObject({ code: "bind-failed" });
  await second.catch(() => {});
  await first.stop();
});
