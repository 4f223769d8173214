import { expect, test } from "bun:test";
import fc from "fast-check";
import type { InboundMessage, SipMessage, SipPeer } from "../message/model.ts";
import { parseMessage } from "../message/parse.ts";
import { serializeMessage } from "../message/serialize.ts";
import { FakeClock, TimerWheel, TransactionLayer } from "../transaction/index.ts";
import type { ListenPoint, SendTarget, TransportLayer } from "../transport/model.ts";
import { Core } from "./core.ts";
import type { AppPort } from "./model.ts";

type Fate = "pass" | "lose" | "double" | "delay" | "double-delay";

/** Two hosts and what happens to their datagrams; after the listed fates the network is good. */
class Network {
  readonly clock = new FakeClock();
  readonly wheel = new TimerWheel(this.clock);
  private readonly hosts = new Map<string, (inbound: InboundMessage) => void>();
  private index = 0;
  private lostInARow = 0;

  constructor(private readonly fates: readonly Fate[]) {}

  transport(address: string): TransportLayer {
    const point: ListenPoint & { flow: string } = { protocol: "udp", address, port: 5060, flow: "u1" };
    return {
      listening: [point],
      onMessage: (listener) => this.hosts.set(address, listener),
      onFailure() {},
      send: (message, target) => this.send(address, message, target),
      localFor: (protocol) => (protocol === "udp" ? point : undefined),
      flowPeer: () => undefined,
      async close() {},
    };
  }

  private async send(from: string, message: SipMessage, target: SendTarget): Promise<SipPeer> {
    const to = target.by === "address" ? target.address : "";
    const bytes = serializeMessage(message);
    let fate = this.fates[this.index++] ?? "pass";
    // A path that loses everything for half a minute is a broken one; that is another test.
    if (fate === "lose" && ++this.lostInARow > 4) fate = "pass";
    if (fate !== "lose") this.lostInARow = 0;
    const delays = { pass: [1], lose: [], double: [1, 2], delay: [900], "double-delay": [1, 1_500] }[fate];
    for (const delay of delays) this.wheel.after(delay, () => this.deliver(from, to, bytes));
    return { protocol: "udp", address: to, port: 5060, flow: "u1" };
  }

  private deliver(from: string, to: string, bytes: Buffer): void {
    const parsed = parseMessage(bytes);
    if (!parsed.ok) throw new Error(`unreadable: ${bytes}`);
    this.hosts.get(to)?.({
      message: parsed.message,
      peer: { protocol: "udp", address: from, port: 5060, flow: "u1" },
      localAddress: to,
      localPort: 5060,
      at: this.clock.now(),
      bytes: bytes.length,
    });
  }
}

/** An app in a few lines: answers as told, notes what it sees. */
class App implements AppPort {
  readonly connected = true;
  readonly seen: string[] = [];
  readonly replies = new Map<string, string>();
  handler: (fields: string[], text: string) => void = () => {};
  core: Core | undefined;
  private next = 1;

  sip(leader: string, message: Uint8Array): void {
    const text = Buffer.from(message).toString();
    this.seen.push(text.split("\r\n")[0] ?? "");
    this.handler(leader.split("|"), text);
  }

  reply(id: string, text: string): void {
    this.replies.set(id, text);
  }

  event(): void {}

  say(leader: string, message: string): string {
    const id = String(this.next++);
    this.core?.onSip(this, id, leader.split("|"), Buffer.from(message));
    return this.replies.get(id) ?? "";
  }
}

function host(network: Network, address: string, app: App) {
  const transport = network.transport(address);
  const wheel = new TimerWheel(network.clock);
  const layer = new TransactionLayer({ transport, wheel, limit: 1_000 });
  const core = new Core({
    layer,
    transport,
    pick: () => app,
    resolve: async () => [],
    dialogLimit: 100,
    cdr: false,
    graceMs: 1_000,
  });
  transport.onMessage((inbound) => layer.receive(inbound));
  app.core = core;
  return { wheel, layer, core };
}

type Plan = {
  answer: 200 | 486 | 0;
  reliable: boolean;
  cancelAt: number;
  hangs: "caller" | "callee" | "nobody";
  ackLost: boolean;
};

function play(fates: readonly Fate[], plan: Plan) {
  const network = new Network(fates);
  const caller = new App();
  const callee = new App();
  const left = host(network, "192.0.2.1", caller);
  const right = host(network, "192.0.2.2", callee);
  let result = "";
  let dlgLeft = "";
  let dlgRight = "";
  callee.handler = (fields, text) => {
    const [, , , , , , txn = "", dlg = ""] = fields;
    if (text.startsWith("INVITE")) {
      const require = plan.reliable ? "Require: 100rel\r\n" : "";
      callee.say(`${txn}|`, `SIP/2.0 180 Ringing\r\n${require}\r\n`);
      if (plan.answer === 0) return;
      network.wheel.after(2_500, () => {
        const reply = callee.say(`${txn}|`, `SIP/2.0 ${plan.answer} X\r\n\r\n`);
        if (plan.answer !== 200 || !reply.startsWith("OK")) return;
        dlgRight = reply.split("|")[8] ?? "";
        if (plan.hangs === "callee")
          network.wheel.after(20_000, () =>
            callee.say(`|${dlgRight}`, "BYE sip:placeholder SIP/2.0\r\n\r\n"),
          );
      });
    } else if (/^(BYE|PRACK)/.test(text) && fields[6] !== "unsolicited") {
      callee.say(`${txn}|${dlg}`, "SIP/2.0 200 OK\r\n\r\n");
    }
  };
  const sent = caller.say(
    "||",
    "INVITE sip:bob@192.0.2.2 SIP/2.0\r\nSupported: 100rel\r\nContact: <sip:a@192.0.2.1>\r\n\r\n",
  );
  const inviteTxn = sent.split("|")[7] ?? "";
  const inviteText = () => caller.seen;
  caller.handler = (fields, text) => {
    const [, , , , , , txn = "", dlg = ""] = fields;
    const status = Number(/^SIP\/2\.0 (\d+)/.exec(text)?.[1] ?? 0);
    if (text.startsWith("BYE") && txn !== "unsolicited")
      caller.say(`${txn}|${dlg}`, "SIP/2.0 200 OK\r\n\r\n");
    if (txn !== inviteTxn || status === 0) return;
    const rseq = /^RSeq: (\d+)/m.exec(text)?.[1];
    const cseq = /^CSeq: (\d+)/m.exec(text)?.[1];
    if (status < 200 && rseq)
      caller.say(`|${dlg}`, `PRACK sip:placeholder SIP/2.0\r\nRAck: ${rseq} ${cseq} INVITE\r\n\r\n`);
    if (status < 200) return;
    expect(result).toBe("");
    result = String(status);
    if (status !== 200) return;
    dlgLeft = dlg;
    if (!plan.ackLost) caller.say(`|${dlgLeft}`, "ACK sip:placeholder SIP/2.0\r\n\r\n");
    if (plan.hangs === "caller")
      network.wheel.after(20_000, () => caller.say(`|${dlgLeft}`, "BYE sip:placeholder SIP/2.0\r\n\r\n"));
  };
  if (plan.cancelAt > 0 || plan.answer === 0) {
    network.wheel.after(plan.cancelAt || 5_000, () =>
      caller.say(`${inviteTxn}|`, "CANCEL sip:bob@192.0.2.2 SIP/2.0\r\n\r\n"),
    );
  }
  network.clock.advance(400_000);
  return { network, left, right, result, caller, callee, seen: inviteText() };
}

const fate = fc.constantFrom<Fate>("pass", "lose", "double", "delay", "double-delay");
const plan = fc.record<Plan>({
  answer: fc.constantFrom<200 | 486 | 0>(200, 486, 0),
  reliable: fc.boolean(),
  cancelAt: fc.constantFrom(0, 0, 1, 500, 2_499, 2_500, 2_502, 3_000),
  hangs: fc.constantFrom<"caller" | "callee">("caller", "callee"),
  ackLost: fc.boolean(),
});

function expectClean(played: ReturnType<typeof play>): void {
  for (const side of [played.left, played.right]) {
    expect(side.layer.serverCount).toBe(0);
    expect(side.layer.clientCount).toBe(0);
    expect(side.core.context.dialogs.size).toBe(0);
    expect(side.core.context.servers.size).toBe(0);
    expect(side.core.context.serverOf.size).toBe(0);
    expect(side.core.context.clients.size).toBe(0);
    expect(side.wheel.size).toBe(0);
  }
}

test("whatever happens to datagrams, a call has one result and nothing is left behind", () => {
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 40 }), plan, (fates, what) => {
      const played = play(fates, what);
      expect(["200", "486", "487", "408", "504"]).toContain(played.result);
      expectClean(played);
    }),
    { numRuns: 300 },
  );
});

test("on a good network the plan decides the result", () => {
  const good: Plan = { answer: 200, reliable: true, cancelAt: 0, hangs: "caller", ackLost: false };
  expect(play([], good).result).toBe("200");
  expect(play([], { ...good, answer: 486 }).result).toBe("486");
  expect(play([], { ...good, answer: 0 }).result).toBe("487");
});

test("an ACK that never comes ends the call with an unsolicited BYE on both sides", () => {
  const played = play([], { answer: 200, reliable: false, cancelAt: 0, hangs: "nobody", ackLost: true });
  expect(played.callee.seen.filter((line) => line.startsWith("BYE")).length).toBe(1);
  expectClean(played);
});

test("a peer that answers nothing: 408 for the app after 32 s", () => {
  const network = new Network([]);
  const caller = new App();
  const left = host(network, "192.0.2.1", caller);
  caller.say("||", "INVITE sip:bob@192.0.2.9 SIP/2.0\r\n\r\n");
  network.clock.advance(31_000);
  expect(caller.seen).toEqual([]);
  network.clock.advance(2_000);
  expect(caller.seen).toEqual(["SIP/2.0 408 Request Timeout"]);
  expect(left.layer.clientCount + left.wheel.size).toBe(0);
});
