import { expect, test } from "bun:test";
import fc from "fast-check";
import type { InboundMessage, SipMessage, SipPeer } from "../message/model.ts";
import { parseMessage } from "../message/parse.ts";
import { serializeMessage } from "../message/serialize.ts";
import { splitList } from "../message/tokens.ts";
import type { TransportLayer } from "../transport/model.ts";
import { FakeClock } from "./clock.ts";
import { hostPortOf, parameter, replyTo, tagOf, uriOf, uriParameter } from "./fields.ts";
import { TransactionLayer } from "./layer.ts";
import type { ServerTransaction } from "./server.ts";
import { TimerWheel } from "./wheel.ts";

const PEER: SipPeer = { protocol: "udp", address: "192.0.2.1", port: 5060, flow: "u1" };

function bench(limit = 100, knows?: () => boolean) {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const sent: SipMessage[] = [];
  let refuse = false;
  const transport: TransportLayer = {
    listening: [],
    onMessage() {},
    onFailure() {},
    async send(message) {
      if (refuse) throw new Error("refused");
      sent.push(message);
      return PEER;
    },
    localFor: () => undefined,
    flowPeer: () => undefined,
    async close() {},
  };
  const layer = new TransactionLayer({ transport, wheel, limit, ...(knows ? { knows } : {}) });
  const requests: ServerTransaction[] = [];
  const acks: InboundMessage[] = [];
  const cancels: ServerTransaction[] = [];
  layer.attach({
    onRequest: (transaction) => requests.push(transaction),
    onCancel: (cancel) => cancels.push(cancel),
    onAck: (inbound) => acks.push(inbound),
    onStrayResponse() {},
  });
  const receive = (message: SipMessage, bytes = 1) =>
    layer.receive({ message, peer: PEER, localAddress: "192.0.2.2", localPort: 5060, at: 0, bytes });
  return { clock, wheel, layer, sent, requests, acks, cancels, receive, refuse: () => (refuse = true) };
}

function message(method: string, branch: string, cseq = 1): SipMessage {
  const text = `${method} sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK${branch}\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c1\r\nCSeq: ${cseq} ${method}\r\n\r\n`;
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.message;
}

const statuses = (sent: readonly SipMessage[]) =>
  sent.map((each) => (each.kind === "response" ? each.status : each.method));

test("a refusal of an INVITE is repeated until its ACK, a challenge goes out once and again with each copy only", () => {
  for (const [status, copies] of [
    [486, 11],
    [401, 1],
    [407, 1],
  ] as const) {
    const { clock, sent, requests, receive } = bench();
    const invite = message("INVITE", "i");
    receive(invite);
    requests[0]?.respond({ ...replyTo(invite as never, status, "", "t") });
    clock.advance(31_900);
    expect(statuses(sent)).toEqual(Array(copies).fill(status));
    receive(message("INVITE", "i"));
    expect(statuses(sent)).toHaveLength(copies + 1);
  }
});

test("an address that may be forged gets no more than three times the bytes that came from it", () => {
  const size = (sent: readonly SipMessage[]) =>
    sent.reduce((sum, each) => sum + serializeMessage(each).length, 0);
  for (const bytes of [200, 400, 1200]) {
    const { clock, sent, requests, receive } = bench(100, () => false);
    const invite = message("INVITE", "i");
    receive(invite, bytes);
    requests[0]?.respond({ ...replyTo(invite as never, 100, "Trying") });
    requests[0]?.respond({ ...replyTo(invite as never, 481, "", "t") });
    clock.advance(31_900);
    expect(new Set(statuses(sent))).toEqual(new Set([481]));
    expect(size(sent)).toBeLessThanOrEqual(bytes * 3);
    expect(size(sent)).toBeGreaterThan(bytes);
    const before = sent.length;
    receive(invite, bytes);
    expect(sent.length).toBe(before + 1);
  }
});

test("an unknown caller hears 100 when nothing else was said by then, and a refusal after ringing until its ACK", () => {
  const { clock, sent, requests, receive } = bench(100, () => false);
  const invite = message("INVITE", "i");
  receive(invite);
  requests[0]?.respond({ ...replyTo(invite as never, 100, "Trying") });
  clock.advance(190);
  expect(sent).toEqual([]);
  clock.advance(20);
  expect(statuses(sent)).toEqual([100]);
  requests[0]?.respond({ ...replyTo(invite as never, 180, "", "t") });
  requests[0]?.respond({ ...replyTo(invite as never, 486, "", "t") });
  clock.advance(31_900);
  expect(statuses(sent)).toEqual([100, 180, ...Array(11).fill(486)]);
});

test("the wheel fires in due order, never early, and forgets what is cancelled", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ ms: fc.integer({ min: 0, max: 100_000 }), cancel: fc.boolean() }), {
        maxLength: 50,
      }),
      (plans) => {
        const clock = new FakeClock();
        const wheel = new TimerWheel(clock);
        const fired: { ms: number; at: number }[] = [];
        for (const { ms, cancel } of plans) {
          const timer = wheel.after(ms, () => fired.push({ ms, at: clock.now() }));
          if (cancel) timer.cancel();
        }
        clock.advance(101_000);
        expect(fired.length).toBe(plans.filter((plan) => !plan.cancel).length);
        for (const { ms, at } of fired) {
          expect(at).toBeGreaterThanOrEqual(ms);
          expect(at).toBeLessThan(ms + 21);
        }
        expect(wheel.size).toBe(0);
      },
    ),
  );
});

test("a non-INVITE request: copies get the last response, after 32 s nothing is left", () => {
  const b = bench();
  b.receive(message("OPTIONS", "1"));
  b.receive(message("OPTIONS", "1"));
  expect(b.requests.length).toBe(1);
  expect(b.sent).toEqual([]);
  const [transaction] = b.requests;
  if (!transaction) throw new Error("no transaction");
  expect(transaction.respond(replyTo(transaction.request, 200, "OK"))).toBe(true);
  expect(transaction.respond(replyTo(transaction.request, 500, "No"))).toBe(false);
  b.receive(message("OPTIONS", "1"));
  expect(statuses(b.sent)).toEqual([200, 200]);
  b.clock.advance(33_000);
  expect([b.layer.serverCount, b.wheel.size]).toEqual([0, 0]);
});

test("a refused INVITE repeats its answer until the ACK (timers G, H, I)", () => {
  const b = bench();
  b.receive(message("INVITE", "2"));
  const [transaction] = b.requests;
  transaction?.respond(replyTo(transaction.request, 486, "Busy Here"));
  b.clock.advance(3_600);
  expect(statuses(b.sent)).toEqual([486, 486, 486, 486]);
  b.receive(message("ACK", "2"));
  b.clock.advance(4_000);
  expect(b.sent.length).toBe(4);
  expect(b.acks).toEqual([]);
  b.clock.advance(2_000);
  expect([b.layer.serverCount, b.wheel.size]).toEqual([0, 0]);
});

test("the same request over two paths: the second copy gets 482 (RFC 3261 §8.2.2.2)", () => {
  const b = bench();
  b.receive(message("INVITE", "3"));
  b.receive(message("INVITE", "other"));
  expect(b.requests.length).toBe(1);
  expect(statuses(b.sent)).toEqual([482]);
});

test("CANCEL: 200 for a known INVITE, 481 for none", () => {
  const b = bench();
  b.receive(message("CANCEL", "4"));
  b.receive(message("INVITE", "5"));
  b.receive(message("CANCEL", "5"));
  expect(statuses(b.sent)).toEqual([481, 200]);
  expect(b.cancels.length).toBe(1);
});

test("beyond the limit new requests get 503", () => {
  const b = bench(2);
  for (const branch of ["6", "7", "8"]) b.receive(message("OPTIONS", branch, Number(branch)));
  expect(b.requests.length).toBe(2);
  expect(statuses(b.sent)).toEqual([503]);
});

test("an INVITE of ours is repeated with doubling and given up after 32 s (timers A, B)", () => {
  const b = bench();
  const invite = message("INVITE", "9");
  if (invite.kind !== "request") throw new Error("not a request");
  let cause = "";
  const target = { by: "address", protocol: "udp", address: "192.0.2.9", port: 5060 } as const;
  b.layer.request(invite, "z9hG4bK9", target, target, { onResponse() {}, onFailure: (why) => (cause = why) });
  b.clock.advance(31_900);
  expect(b.sent.length).toBe(7);
  expect(cause).toBe("");
  b.clock.advance(200);
  expect(cause).toBe("timeout");
  expect([b.layer.clientCount, b.wheel.size]).toEqual([0, 0]);
});

test("a request that cannot be sent fails at once", async () => {
  const b = bench();
  b.refuse();
  const options = message("OPTIONS", "10");
  if (options.kind !== "request") throw new Error("not a request");
  const target = { by: "address", protocol: "udp", address: "192.0.2.9", port: 5060 } as const;
  const cause = await new Promise((resolve) =>
    b.layer.request(options, "z9hG4bK10", target, target, { onResponse() {}, onFailure: resolve }),
  );
  expect(cause).toBe("transport");
  expect([b.layer.clientCount, b.wheel.size]).toEqual([0, 0]);
});

test("field access keeps to quotes and brackets", () => {
  expect(splitList('"a,b" <sip:x@h>, <sip:y@h;p=1,2>')).toEqual(['"a,b" <sip:x@h>', "<sip:y@h;p=1,2>"]);
  expect(tagOf('"x;tag=no" <sip:a@h;tag=inner>;tag=yes')).toBe("yes");
  expect(tagOf("<sip:a@h;tag=inner>")).toBeUndefined();
  expect(uriOf('"<sip:no@h>" <sip:a@h;lr>;q=1')).toBe("sip:a@h;lr");
  expect(parameter("<sip:a@h>;expires=60", "expires")).toBe("60");
  expect(hostPortOf("sip:a@[2001:db8::1]:5070;transport=tcp")).toEqual({ host: "2001:db8::1", port: 5070 });
  expect(uriParameter("sip:a;b@h;lr;transport=TCP", "transport")).toBe("TCP");
});
