import { afterAll, expect, test } from "bun:test";
import { generate } from "../../bench/generator.ts";
import { SrfFacade } from "../srf/facade.ts";
import { launchEngine } from "../srf/launch.ts";
import type { IncomingRequest } from "../srf/model.ts";
import { parseMessage, type SipRequest } from "./message/index.ts";
import { OVERLOAD_BOUNDS, refuseWhenBusy } from "./overload.ts";

const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

function request(method: string, to = "<sip:b@z>"): SipRequest {
  const text = `${method} sip:b@z SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@z>;tag=f\r\nTo: ${to}\r\nCall-ID: c\r\nCSeq: 1 ${method}\r\n\r\n`;
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok || parsed.message.kind !== "request") throw new Error("no request");
  return parsed.message;
}

test("registrations give way first, then calls; what ends work always passes", () => {
  const { pending, pendingCalls, backlogBytes } = OVERLOAD_BOUNDS;
  const status = (method: string, lag: number, bytes = 0, to?: string) =>
    refuseWhenBusy(request(method, to), { pending: lag, backlogBytes: bytes })?.status;
  expect([status("REGISTER", pending - 1), status("REGISTER", pending)]).toEqual([undefined, 503]);
  expect([status("INVITE", pending), status("INVITE", pendingCalls)]).toEqual([undefined, 503]);
  expect(status("INVITE", 0, backlogBytes)).toBe(503);
  for (const method of ["ACK", "CANCEL", "BYE"]) expect(status(method, pendingCalls)).toBeUndefined();
  expect(status("INFO", pendingCalls, 0, "<sip:b@z>;tag=t")).toBeUndefined();
});

test("an application that lags is not buried: the rest is told to come back, and afterwards all is well", async () => {
  const engine = await launchEngine({ contacts: ["sip:127.0.0.1:0;transport=udp"], worker: false });
  const facade = new SrfFacade();
  closers.push(
    () => facade.stop(),
    () => engine.stop(),
  );
  const waiting: IncomingRequest[] = [];
  let asleep = true;
  facade.handle("OPTIONS", (incoming) => {
    if (asleep) waiting.push(incoming);
    else void incoming.respond(200);
  });
  await facade.connect(engine.agent);
  const target = { address: "127.0.0.1", port: Number(facade.hostports[0]?.split(":").at(-1)) };
  const users = [{ number: "1", secret: "" }];
  const first = await generate("OPTIONS", target, users, { count: 2300, window: 2300 });
  const { counters } = await engine.stats();
  expect(waiting).toHaveLength(OVERLOAD_BOUNDS.pending);
  expect(counters.overloaded).toBeGreaterThan(0);
  expect(first.failed).toBeGreaterThan(0);
  asleep = false;
  await Promise.all(waiting.map((incoming) => incoming.respond(200)));
  // The burst of late answers may still fill the sockets; the test's own limit ends this should it never be over.
  const few = () => generate("OPTIONS", target, users, { count: 10, window: 10 });
  while ((await few()).succeeded < 10);
  expect(await generate("OPTIONS", target, users, { count: 100, window: 10 })).toMatchObject({
    succeeded: 100,
    failed: 0,
  });
}, 20_000);
