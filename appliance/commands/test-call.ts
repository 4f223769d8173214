/** One real call between two built-in phones through the running exchange; each must hear the other's tone. */
import { createTestPhone, type TestCall, type TestPhone } from "../../sip/testphone/index.ts";
import { loopbackServer } from "../demo/loopback.ts";
import type { TestExtension } from "./test-extensions.ts";

const TONES = [700, 1_600] as const;
const REGISTER_MS = 5_000;
const ANSWER_MS = 8_000;
const HEAR_MS = 4_000;

async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function hears(call: TestCall, hz: number): Promise<boolean> {
  const end = Date.now() + HEAR_MS;
  while (Date.now() < end) {
    if (call.hears(hz)) return true;
    await Bun.sleep(50);
  }
  return false;
}

/** `listening`: where the exchange listens ("udp/127.0.0.1:5060"). Never throws: the detail says what failed. */
export async function testCall(
  extensions: readonly TestExtension[],
  listening: readonly string[],
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const phones: TestPhone[] = [];
  try {
    const server = loopbackServer(listening);
    const [a, b] = extensions;
    if (!a || !b) return { ok: false, detail: "The exchange gave no test extensions." };
    for (const [index, { number, secret }] of [a, b].entries()) {
      const other = TONES[1 - index] ?? TONES[0];
      const phone = createTestPhone({
        number,
        password: secret,
        server,
        hz: TONES[index] ?? TONES[0],
        listenFor: [other],
        behaviour: { kind: "answer", afterMs: 200 },
      });
      phones.push(await within(phone, REGISTER_MS, `Registering phone ${number}`));
    }
    const [caller, callee] = phones;
    if (!caller || !callee) return { ok: false, detail: "The test phones did not start." };
    const arrived = new Promise<TestCall>((resolve) => callee.onCall(resolve));
    const started = performance.now();
    const out = await caller.dial(b.number);
    const into = await within(arrived, ANSWER_MS, "Ringing the second phone");
    if (!(await within(out.answered, ANSWER_MS, "The answer"))) {
      const end = await out.ended;
      return {
        ok: false,
        detail: `The call ended before it was answered: ${end.status ?? ""} ${end.reason}.`,
      };
    }
    const setUpMs = Math.round(performance.now() - started);
    const [there, back] = await Promise.all([hears(into, TONES[0]), hears(out, TONES[1])]);
    await out.hangup();
    if (there && back) return { ok: true, detail: `answered after ${setUpMs} ms, voice heard both ways` };
    const deaf = [
      there ? "" : "the called phone hears nothing",
      back ? "" : "the calling phone hears nothing",
    ];
    return { ok: false, detail: `Answered, but ${deaf.filter(Boolean).join(" and ")}.` };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    await Promise.all(phones.map((phone) => phone.stop()));
  }
}
