/** The demo: a ready office whose phones and callers are built in and call again and again through the real exchange. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createTestCarrier,
  createTestPhone,
  type TestCall,
  type TestCarrier,
  type TestPhone,
} from "../../sip/testphone/index.ts";
import type { App } from "../app.ts";
import { loopbackServer } from "./loopback.ts";
import { DEMO, type DemoKeys, makeDemoOffice, newDemoKeys } from "./office.ts";
import { nextCallMs, planAgent, planCaller } from "./plan.ts";
import { speak } from "./speak.ts";

/** Tones, Hz: each agent its own, callers another, so that recordings tell who is heard. */
const AGENT_HZ = [400, 500, 600];
const CALLER_HZ = 1_100;
/** A loopback address of its own: the exchange knows the carrier by it, and never mistakes a phone for it. */
const CARRIER_ADDRESS = "127.0.0.2";

function keysIn(folder: string): DemoKeys {
  const file = join(folder, "demo-keys.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as DemoKeys;
  const keys = newDemoKeys();
  writeFileSync(file, JSON.stringify(keys), { mode: 0o600 });
  return keys;
}

/** One caller from the first ring to the end. Never throws: a call that fails is an outcome too. */
async function playCaller(carrier: TestCarrier, dice: () => number, stop: AbortSignal): Promise<void> {
  const plan = planCaller(dice);
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const wake = () => {
        clearTimeout(timer);
        resolve();
      };
      stop.addEventListener("abort", wake, { once: true });
    });
  const { number, name } = plan.caller;
  const call: TestCall = await carrier.dial(DEMO.did, number, name === "" ? {} : { name });
  const ended = call.ended.then(() => false);
  if (await call.answered) {
    for (const { afterMs, digit } of plan.keys) {
      if ((await Promise.race([pause(afterMs).then(() => true), ended])) === false) return;
      await call.press(digit);
    }
    await Promise.race([pause(plan.leaveAfterMs), ended]);
  }
  await call.hangup();
}

function playAgent(phone: TestPhone, dice: () => number): void {
  phone.onCall((call) => {
    void call.answered.then((answered) => {
      const plan = planAgent(dice);
      if (!answered || plan.hangUpAfterMs === null) return;
      const timer = setTimeout(() => void call.hangup(), plan.hangUpAfterMs);
      void call.ended.then(() => clearTimeout(timer));
    });
  });
}

/** Furnishes the office if needed and starts phones and callers. `tell` gets the lines a person wants to read. */
export async function startDemo(
  app: App,
  tell: (line: string) => void,
  dice: () => number = Math.random,
): Promise<{ stop(): Promise<void> }> {
  const keys = keysIn(app.config.dataFolder);
  const server = loopbackServer(app.sip.listening);
  const carrier = await createTestCarrier({
    address: CARRIER_ADDRESS,
    server,
    hz: CALLER_HZ,
    pattern: "beeps",
    behaviour: () => (dice() < 0.8 ? { kind: "answer", afterMs: 3_000 } : { kind: "refuse", status: 486 }),
  });
  await makeDemoOffice(app, keys, speak, { host: CARRIER_ADDRESS, port: carrier.port });
  app.sip.reload();
  const phones: TestPhone[] = [];
  for (const [index, agent] of DEMO.agents.entries()) {
    const phone = await createTestPhone({
      number: agent.number,
      name: `${agent.lastName}${agent.firstName}`,
      password: keys.sipSecrets[agent.number] ?? "",
      server,
      hz: AGENT_HZ[index] ?? 400,
      pattern: "beeps",
      behaviour: () => {
        const plan = planAgent(dice);
        if (plan.kind === "ring") return { kind: "ring" };
        if (plan.kind === "refuse") return { kind: "refuse", status: 486, afterMs: plan.afterMs };
        return { kind: "answer", afterMs: plan.afterMs };
      },
    });
    playAgent(phone, dice);
    phones.push(phone);
  }
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  let timer: ReturnType<typeof setTimeout>;
  const next = () => {
    const call = playCaller(carrier, dice, stop.signal).catch((error: unknown) =>
      console.error("demo caller:", error),
    );
    running.add(call);
    void call.finally(() => running.delete(call));
    timer = setTimeout(next, nextCallMs(dice, running.size));
  };
  timer = setTimeout(next, 1_000);
  tell(`Demo office:  sign in as ${DEMO.admin} with the password ${keys.adminPassword}`);
  tell(
    "              Test phones 1001, 1002 and 1003 are registered; callers ring the menu again and again.",
  );
  return {
    async stop() {
      clearTimeout(timer);
      stop.abort();
      await Promise.race([Promise.all(running), new Promise((resolve) => setTimeout(resolve, 2_000))]);
      await Promise.all([carrier.stop(), ...phones.map((phone) => phone.stop())]);
    },
  };
}
