/** Hosts on a network of our own making under a fake clock; for tests. */
import type { InboundMessage, SipMessage, SipPeer } from "../message/model.ts";
import { parseMessage } from "../message/parse.ts";
import { serializeMessage } from "../message/serialize.ts";
import { validateMessage } from "../message/validate.ts";
import { FakeClock, TimerWheel, TransactionLayer } from "../transaction/index.ts";
import type { ListenPoint, SendTarget, TransportLayer } from "../transport/model.ts";
import type { Chance } from "./chance.ts";
import { Core } from "./core.ts";
import type { AppPort } from "./model.ts";
import type { Resolve } from "./routing.ts";

export type Fate = "pass" | "lose" | "double" | "delay" | "double-delay";

/** Two hosts and what happens to their datagrams; after the listed fates the network is good. */
export class Network {
  readonly clock = new FakeClock();
  readonly wheel = new TimerWheel(this.clock);
  private readonly hosts = new Map<string, (inbound: InboundMessage) => void>();
  private index = 0;
  private lostInARow = 0;

  /** Everything delivered: who to whom, and the start line. */
  readonly log: string[] = [];
  /** Of all bytes delivered, in order. */
  checksum: number | bigint = 0;

  constructor(private fates: readonly Fate[] = []) {}

  /** From now on these fates, one a datagram. */
  follow(fates: readonly Fate[]): void {
    this.fates = fates;
    this.index = 0;
  }

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

  /**
   * A peer without an engine: `listener` gets the text of what it is sent; the result sends text or bytes to a host, which
   * never sees what its transport would have refused.
   */
  peer(address: string, listener: (text: string) => void): (to: string, text: string | Uint8Array) => void {
    this.hosts.set(address, (inbound) => listener(serializeMessage(inbound.message).toString()));
    return (to, text) => {
      const bytes = Buffer.from(text);
      const parsed = parseMessage(bytes);
      if (!parsed.ok || validateMessage(parsed.message).action !== "accept") return;
      this.wheel.after(1, () => this.deliver(address, to, bytes));
    };
  }

  private deliver(from: string, to: string, bytes: Buffer): void {
    this.checksum = Bun.hash(bytes, BigInt(this.checksum));
    const parsed = parseMessage(bytes);
    if (!parsed.ok) throw new Error(`unreadable: ${bytes}`);
    this.log.push(`${from}>${to} ${bytes.toString("utf8", 0, bytes.indexOf("\r\n"))}`);
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
export class App implements AppPort {
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

  readonly events: string[] = [];

  event(leader: string): void {
    this.events.push(leader);
  }

  say(leader: string, message: string): string {
    const id = String(this.next++);
    this.core?.onSip(this, id, leader.split("|"), Buffer.from(message));
    return this.replies.get(id) ?? "";
  }
}

export function host(
  network: Network,
  address: string,
  app: App,
  more: { resolve?: Resolve; cdr?: boolean; chance?: Chance } = {},
) {
  const transport = network.transport(address);
  const wheel = new TimerWheel(network.clock);
  const layer = new TransactionLayer({ transport, wheel, limit: 1_000 });
  const core = new Core({
    layer,
    transport,
    pick: () => app,
    resolve: more.resolve ?? (async () => []),
    dialogLimit: 100,
    cdr: more.cdr ?? false,
    graceMs: 1_000,
    ...(more.chance ? { chance: more.chance } : {}),
  });
  transport.onMessage((inbound) => layer.receive(inbound));
  app.core = core;
  return { wheel, layer, core };
}
