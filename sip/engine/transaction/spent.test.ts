import { expect, test } from "bun:test";
import type { SipMessage, SipPeer } from "../message/model.ts";
import { parseMessage } from "../message/parse.ts";
import { serializeMessage } from "../message/serialize.ts";
import { statelessResponse } from "../message/validate.ts";
import type { TransportLayer } from "../transport/model.ts";
import { FakeClock } from "./clock.ts";
import { replyTo } from "./fields.ts";
import { TransactionLayer } from "./layer.ts";
import type { ServerTransaction } from "./server.ts";
import { SpentStore } from "./spent.ts";
import { TimerWheel } from "./wheel.ts";

const PEER: SipPeer = { protocol: "udp", address: "192.0.2.1", port: 5060, flow: "u1" };

function bench(options: { limit?: number; door?: boolean } = {}) {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const sent: string[] = [];
  const finals: number[] = [];
  const transport: TransportLayer = {
    listening: [],
    onMessage() {},
    onFailure() {},
    async send(message, _target, ready) {
      sent.push((ready ?? serializeMessage(message)).toString());
      return PEER;
    },
    localFor: () => undefined,
    flowPeer: () => undefined,
    async close() {},
  };
  const layer = new TransactionLayer({
    transport,
    wheel,
    limit: options.limit ?? 100,
    onFinal: (_request, _peer, status) => finals.push(status),
    ...(options.door ? { stateless: (request) => statelessResponse(request, 401) } : {}),
  });
  const requests: ServerTransaction[] = [];
  layer.attach({
    onRequest: (transaction) => requests.push(transaction),
    onCancel() {},
    onAck() {},
    onStrayResponse() {},
  });
  const receive = (message: SipMessage) =>
    layer.receive({ message, peer: PEER, localAddress: "192.0.2.2", localPort: 5060, at: 0, bytes: 1 });
  return { clock, wheel, layer, sent, finals, requests, receive };
}

function message(branch: string, cseq = 1, method = "REGISTER"): SipMessage {
  const text = `${method} sip:192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK${branch}\r\nFrom: "总机" <sip:a@x>;tag=1\r\nTo: <sip:a@x>\r\nCall-ID: c1\r\nCSeq: ${cseq} ${method}\r\n\r\n`;
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.message;
}

test("a copy of an answered request gets the same bytes; a copy over another path is merged; then all is forgotten", () => {
  const b = bench();
  b.receive(message("1"));
  const [transaction] = b.requests;
  if (!transaction) throw new Error("no transaction");
  const response = replyTo(transaction.request, 200, "OK", "t");
  response.headers.push({ name: "Contact", value: '"总机" <sip:a@192.0.2.1>;expires=60' });
  transaction.respond(response);
  expect([transaction.state, b.layer.serverCount]).toEqual(["terminated", 1]);
  b.receive(message("1"));
  expect(b.sent).toHaveLength(2);
  expect(b.sent[1]).toBe(b.sent[0] ?? "");
  b.receive(message("2"));
  expect(b.sent[2]).toStartWith("SIP/2.0 482");
  expect(b.requests).toHaveLength(1);
  b.clock.advance(31_900);
  b.receive(message("1"));
  expect(b.sent).toHaveLength(4);
  b.clock.advance(700);
  expect([b.layer.serverCount, b.wheel.size]).toEqual([0, 0]);
});

test("ten thousand answered requests cost one timer", () => {
  const b = bench({ limit: 20_000 });
  for (let n = 0; n < 10_000; n++) {
    b.receive(message(`x${n}`, n));
    const last = b.requests.pop();
    last?.respond(replyTo(last.request, 200, "OK", "t"));
    b.clock.advance(1);
  }
  expect([b.layer.serverCount, b.wheel.size]).toEqual([10_000, 1]);
  b.clock.advance(33_000);
  expect([b.layer.serverCount, b.wheel.size]).toEqual([0, 0]);
});

test("at the limit the answer is 503 with Retry-After and nothing is kept", () => {
  const b = bench({ limit: 1 });
  b.receive(message("1", 1));
  b.receive(message("2", 2));
  b.receive(message("2", 2));
  expect(b.sent).toHaveLength(2);
  expect(b.sent[0]).toMatch(/^SIP\/2\.0 503 .*\r\n[\s\S]*Retry-After: \d+\r\n/);
  expect(b.layer.serverCount).toBe(1);
  expect(b.layer.counters.refused).toBe(2);
});

test("what is answered without a transaction leaves nothing behind and is counted for the defence", () => {
  const b = bench({ door: true });
  b.receive(message("1"));
  b.receive(message("1"));
  expect(b.sent).toHaveLength(2);
  // The same tag each time (RFC 3261 §8.2.7).
  expect(b.sent[0]).toBe(b.sent[1] ?? "");
  expect(b.finals).toEqual([401, 401]);
  expect([b.layer.serverCount, b.wheel.size, b.requests.length]).toEqual([0, 0, 0]);
});

test("a flood pushes the oldest answers out instead of growing", () => {
  const clock = new FakeClock();
  const store = new SpentStore(new TimerWheel(clock), 32_000, 100);
  const target = { by: "flow", flow: "f" } as const;
  for (let n = 0; n < 50_000; n++) store.keep(`k${n}`, `m${n}`, { bytes: Buffer.from(String(n)), target });
  expect(store.size).toBe(100);
  expect([store.find("k49899"), store.find("k49900")?.bytes.toString(), store.merged("m49900")]).toEqual([
    undefined,
    "49900",
    true,
  ]);
  clock.advance(33_000);
  expect([store.size, store.merged("m49999")]).toEqual([0, false]);
});
