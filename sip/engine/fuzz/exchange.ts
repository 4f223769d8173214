/**
 * Seeded fuzzing of whole exchanges: an engine with a busy app against a peer that plays calls, subscriptions and answers
 * of its own making, half of them bent. Everything runs on a network and a clock of our own, so a seed repeats a session
 * exactly. After each session nothing may be left.
 */
import type { Chance } from "../dialog/chance.ts";
import { App, host, Network } from "../dialog/fake-network.ts";
import { mutate, random } from "./parser.ts";
import { Peer } from "./peer.ts";

export const ENGINE = "192.0.2.1";
export const PEER = "192.0.2.66";
/** Steps of one session. */
const STEPS = 80;
/** Longer than every timer of transactions, session timers and timer C. */
const DUST_MS = 900_000;

export interface ExchangeReport {
  readonly sessions: number;
  /** Messages that reached the engine and were well formed enough to be judged. */
  readonly messages: number;
  readonly slowestMs: number;
  /** Seed of each session that threw or left something behind, with what. */
  readonly failures: readonly { readonly seed: number; readonly reason: string }[];
}

const METHODS = [
  "INVITE",
  "OPTIONS",
  "REGISTER",
  "MESSAGE",
  "SUBSCRIBE",
  "INFO",
  "REFER",
  "UPDATE",
  "NOTIFY",
  "PRACK",
  "BYE",
];
const STATUSES = [
  "100",
  "180",
  "183",
  "200",
  "200",
  "200",
  "200",
  "202",
  "302",
  "401",
  "404",
  "407",
  "408",
  "422",
  "481",
  "486",
  "487",
  "491",
  "500",
  "503",
  "603",
];
const WAITS_MS = [0, 1, 100, 500, 2_000, 5_000, 33_000, 200_000];

/** An app that answers, calls, cancels and forwards as the dice fall; what it writes is well formed. */
class BusyApp extends App {
  readonly open: { readonly txn: string; readonly dlg: string; readonly method: string }[] = [];
  readonly calls: string[] = [];
  readonly names: string[] = [];

  constructor(private readonly dice: (below: number) => number) {
    super();
    this.handler = (fields, text) => this.#hear(fields, text);
  }

  #hear(fields: readonly string[], text: string): void {
    const [, , , , , , txn = "", dlg = ""] = fields;
    if (dlg !== "") this.names.push(dlg);
    const method = /^([A-Z]+) /.exec(text)?.[1];
    if (method !== undefined) {
      if (txn !== "unsolicited" && method !== "ACK") this.open.push({ txn, dlg, method });
      return;
    }
    if (!/^CSeq: \d+ INVITE/m.test(text)) return;
    const rseq = /^RSeq: (\d+)/m.exec(text)?.[1];
    const cseq = /^CSeq: (\d+)/m.exec(text)?.[1];
    if (text.startsWith("SIP/2.0 2") && this.dice(5) > 0)
      this.say(`|${dlg}`, "ACK sip:placeholder SIP/2.0\r\n\r\n");
    else if (rseq !== undefined && this.dice(3) > 0)
      this.say(`|${dlg}`, `PRACK sip:placeholder SIP/2.0\r\nRAck: ${rseq} ${cseq} INVITE\r\n\r\n`);
  }

  /** One thing an app may do now. */
  act(): void {
    const { dice } = this;
    const pick = <T>(list: readonly T[]): T | undefined => list[dice(Math.max(1, list.length))];
    const name = this.names.at(-1 - dice(2)) ?? "";
    const method = pick(METHODS) ?? "";
    switch (dice(10)) {
      case 0: {
        const extra = pick([
          "",
          "Supported: 100rel, timer\r\n",
          "Session-Expires: 90\r\n",
          "Require: 100rel\r\n",
        ]);
        const reply = this.say(
          "||",
          `${dice(3) > 0 ? "INVITE" : method} sip:x@${PEER} SIP/2.0\r\n${extra}Contact: <sip:a@${ENGINE}>\r\nEvent: dialog\r\nExpires: 60\r\n\r\nv=0\r\n`,
        );
        const txn = reply.split("|")[7];
        if (txn !== undefined) this.calls.push(txn);
        return;
      }
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: {
        const open = this.open.splice(dice(Math.max(1, this.open.length)), 1)[0];
        if (!open) return;
        if (dice(6) === 0)
          this.core?.onProxy(
            this,
            "p",
            ["", open.txn, "remainInDialog", "fullResponse"],
            Buffer.from(`sip:y@${PEER}\r\n`),
          );
        else this.#answer(open, `${pick(STATUSES)}`);
        return;
      }
      case 6:
        this.say(`${pick(this.calls) ?? ""}|`, `CANCEL sip:x@${PEER} SIP/2.0\r\n\r\n`);
        return;
      default:
        this.say(
          `|${name}`,
          `${method} sip:placeholder SIP/2.0\r\nEvent: dialog\r\nContact: <sip:a@${ENGINE}>\r\n\r\n`,
        );
    }
  }

  #answer({ txn, dlg, method }: { txn: string; dlg: string; method: string }, status: string): void {
    const reliable = status.startsWith("1") && this.dice(2) === 0 ? "Require: 100rel\r\n" : "";
    const reply = this.say(
      `${txn}|${dlg}`,
      `SIP/2.0 ${status} X\r\n${reliable}Contact: <sip:a@${ENGINE}>\r\n\r\n`,
    );
    const name = reply.split("|")[8];
    if (name !== undefined && name !== "") this.names.push(name);
    // A provisional answer leaves the request open.
    if (status.startsWith("1")) this.open.push({ txn, dlg, method });
  }
}

/** What is left in the engine, as "N things"; empty when nothing is. */
function left(side: ReturnType<typeof host>, network: Network): string[] {
  const { context } = side.core;
  const counts: Readonly<Record<string, number>> = {
    "server transactions": side.layer.serverCount,
    "client transactions": side.layer.clientCount,
    dialogs: context.dialogs.size,
    "open requests": context.servers.size + context.serverOf.size + context.clients.size,
    "proxied requests": side.core.proxied,
    timers: side.wheel.size,
    "datagrams on the way": network.wheel.size,
  };
  return Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
}

/** How one session went; all but the time is the same for the same seed. */
export interface Session {
  /** What went wrong; undefined when nothing did. */
  readonly reason?: string;
  readonly messages: number;
  readonly slowestMs: number;
  /** Each message on the wire: from, to and start line; and a checksum of all their bytes. */
  readonly log: readonly string[];
  readonly checksum: number | bigint;
  /** Start lines of what the app was given. */
  readonly seen: readonly string[];
}

/** What the engine leaves to chance, from dice of its own: the peer must not notice how often it asks. */
function chance(next: (below: number) => number): Chance {
  const hex = (digits: number) => Array.from({ length: digits }, () => next(16).toString(16)).join("");
  return {
    number: () => next(2 ** 31) / 2 ** 31,
    id: () => [8, 4, 4, 4, 12].map(hex).join("-"),
    secret: Buffer.from(hex(64), "hex"),
  };
}

/** One session. */
export function playSession(seed: number, corpus: readonly Uint8Array[]): Session {
  const next = random(seed);
  const network = new Network([]);
  const app = new BusyApp(next);
  const side = host(network, ENGINE, app, { chance: chance(random(seed ^ 0x5eed)) });
  let slowestMs = 0;
  const timed = (work: () => void) => {
    const before = performance.now();
    work();
    slowestMs = Math.max(slowestMs, performance.now() - before);
  };
  const peer = new Peer(next, PEER, ENGINE);
  const send = network.peer(PEER, (text) => peer.hear(text));
  let reason: string | undefined;
  try {
    for (let step = 0; step < STEPS; step++) {
      const bytes = next(12) === 0 ? mutate(corpus, next) : peer.speak();
      timed(() => send(ENGINE, bytes));
      if (next(2) === 0) timed(() => app.act());
      timed(() => network.clock.advance(WAITS_MS[next(next(12) === 0 ? WAITS_MS.length : 3)] ?? 0));
    }
    // The app goes away: whatever still stands is answered or released, and then the timers run out.
    timed(() => side.core.onGone(app));
    network.clock.advance(DUST_MS);
    void side.core.releaseAll(DUST_MS);
    network.clock.advance(DUST_MS);
    const rest = left(side, network);
    if (rest.length > 0) reason = `left over: ${rest.join(", ")}`;
  } catch (error) {
    reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const { received: messages } = side.layer.counters;
  const { log, checksum } = network;
  return { ...(reason === undefined ? {} : { reason }), messages, slowestMs, log, seen: app.seen, checksum };
}

/** Sessions for `ms` milliseconds, the first with this seed, each next with the one after. Stops after 5 failures. */
export async function fuzzExchanges(
  corpus: readonly Uint8Array[],
  seed: number,
  ms: number,
): Promise<ExchangeReport> {
  const failures: { seed: number; reason: string }[] = [];
  let [sessions, messages, slowestMs] = [0, 0, 0];
  const end = performance.now() + ms;
  for (let own = seed; performance.now() < end && failures.length < 5; own++) {
    const result = playSession(own, corpus);
    // What the engine left to promises is let through, and let go of.
    await new Promise((resolve) => setImmediate(resolve));
    sessions++;
    messages += result.messages;
    slowestMs = Math.max(slowestMs, result.slowestMs);
    if (result.reason !== undefined) failures.push({ seed: own, reason: result.reason });
  }
  return { sessions, messages, slowestMs, failures };
}
