/** Calls between hosts of the fake network; for tests. */
import { expect } from "bun:test";
import { App, type Fate, host, Network } from "./fake-network.ts";

export const LEFT = "192.0.2.1";
export const RIGHT = "192.0.2.2";
export const SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";
export const field = (text: string, name: string) =>
  new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";

/** An app that answers after `delay` ms and acknowledges; it keeps what it saw. */
export class Phone extends App {
  readonly texts: string[] = [];
  dlg = "";
  delay = 0;
  /** Status line of its answers by method; "" leaves a request to the test. */
  status: Record<string, string> = {};
  /** Transaction of the last request seen by method. */
  readonly open: Record<string, string> = {};

  constructor(private readonly network: Network) {
    super();
    this.handler = (fields, text) => this.handle(fields, text);
  }

  private handle(fields: string[], text: string): void {
    const [, , , , , , txn = "", dlg = ""] = fields;
    this.texts.push(text);
    if (dlg !== "") this.dlg = dlg;
    const method = /^([A-Z]+) /.exec(text)?.[1];
    if (method) this.open[method] = txn;
    const asked = method && method !== "ACK" && method !== "CANCEL" && txn !== "unsolicited";
    if (asked && this.status[method] !== "") {
      const answer = () => {
        const status = this.status[method] ?? "200 OK";
        const body = /^(INVITE|UPDATE)$/.test(method) && status.startsWith("2") ? SDP : "";
        const reply = this.say(`${txn}|${dlg}`, `SIP/2.0 ${status}\r\n\r\n${body}`);
        if (method === "INVITE" && reply.startsWith("OK")) this.dlg = reply.split("|")[8] ?? this.dlg;
      };
      if (this.delay === 0) answer();
      else this.network.wheel.after(this.delay, answer);
    }
    if (/^SIP\/2.0 2/.test(text) && field(text, "CSeq").endsWith("INVITE")) this.ask("ACK");
  }

  /** Sends a request in the dialog. */
  ask(method: string, body = "", headers = ""): string {
    return this.say(`|${this.dlg}`, `${method} sip:placeholder SIP/2.0\r\n${headers}\r\n${body}`);
  }

  /** Answers the last request of that method. */
  tell(method: string, status: string, headers = "", body = ""): string {
    return this.say(`${this.open[method]}|`, `SIP/2.0 ${status}\r\n${headers}\r\n${body}`);
  }

  /** Statuses of the final answers to a method, without those of the call's set-up. */
  answers(method: string): string[] {
    const all = this.texts.filter(
      (text) => text.startsWith("SIP/2.0") && field(text, "CSeq").endsWith(method),
    );
    return all.map((text) => text.slice(8, 11)).filter((status) => status >= "200");
  }
}

export function call(fates: readonly Fate[] = []) {
  const network = new Network(fates);
  const caller = new Phone(network);
  const callee = new Phone(network);
  const left = host(network, LEFT, caller);
  const right = host(network, RIGHT, callee);
  caller.say("||", `INVITE sip:bob@${RIGHT} SIP/2.0\r\nContact: <sip:a@${LEFT}>\r\n\r\n${SDP}`);
  network.clock.advance(fates.length > 0 ? 20_000 : 100);
  caller.texts.length = 0;
  callee.texts.length = 0;
  network.log.length = 0;
  const over = () => {
    caller.ask("BYE");
    network.clock.advance(200_000);
    for (const side of [left, right]) {
      expect(side.core.context.dialogs.size + side.core.context.clients.size).toBe(0);
      expect(side.wheel.size + side.layer.clientCount + side.layer.serverCount).toBe(0);
    }
  };
  return { network, caller, callee, left, right, over };
}

/** A peer of bare messages that called; its requests carry whatever CSeq they like. */
export function bare() {
  const network = new Network();
  const app = new Phone(network);
  const left = host(network, LEFT, app);
  const got: string[] = [];
  const send = network.peer(RIGHT, (text) => got.push(text));
  const say = (method: string, cseq: number, to: string, extra = "", body = "") => {
    send(
      LEFT,
      `${method} sip:bob@${LEFT} SIP/2.0\r\nVia: SIP/2.0/UDP ${RIGHT};branch=z9hG4bK${method}${cseq}\r\nMax-Forwards: 70\r\n` +
        `From: <sip:p@${RIGHT}>;tag=p\r\nTo: ${to}\r\nCall-ID: c1\r\nCSeq: ${cseq} ${method}\r\nContact: <sip:p@${RIGHT}>\r\n${extra}` +
        `${body === "" ? "" : "Content-Type: application/sdp\r\n"}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    network.clock.advance(20);
  };
  const answer = (cseq: string) =>
    got.findLast((text) => field(text, "CSeq") === cseq && text.startsWith("SIP/2.0")) ?? "";
  const status = (cseq: string) => answer(cseq).slice(8, 11);
  /** A request of somebody else, in no dialog. */
  const foreign = (method: string, cseq: number, extra: string) => {
    send(
      LEFT,
      `${method} sip:bob@${LEFT} SIP/2.0\r\nVia: SIP/2.0/UDP ${RIGHT};branch=z9hG4bKf${method}${cseq}\r\nMax-Forwards: 70\r\n` +
        `From: <sip:third@${RIGHT}>;tag=third${cseq}\r\nTo: <sip:bob@${LEFT}>\r\nCall-ID: third${cseq}\r\nCSeq: ${cseq} ${method}\r\n` +
        `Contact: <sip:third@${RIGHT}>\r\n${extra}Content-Length: 0\r\n\r\n`,
    );
    network.clock.advance(20);
  };
  /** CANCEL of the INVITE with that CSeq. */
  const cancel = (cseq: number) => {
    send(
      LEFT,
      `CANCEL sip:bob@${LEFT} SIP/2.0\r\nVia: SIP/2.0/UDP ${RIGHT};branch=z9hG4bKINVITE${cseq}\r\nMax-Forwards: 70\r\n` +
        `From: <sip:p@${RIGHT}>;tag=p\r\nTo: <sip:bob@${LEFT}>\r\nCall-ID: c1\r\nCSeq: ${cseq} CANCEL\r\nContent-Length: 0\r\n\r\n`,
    );
    network.clock.advance(20);
  };
  /** Answers the engine's last request of that method. */
  const respond = (method: string, status: string, tag: string, extra = "", body = "") => {
    const request = got.findLast((text) => text.startsWith(`${method} `)) ?? "";
    const lines = ["Via", "From", "Call-ID", "CSeq"].map((name) => `${name}: ${field(request, name)}`);
    const to = field(request, "To");
    send(
      LEFT,
      `SIP/2.0 ${status}\r\n${lines.join("\r\n")}\r\nTo: ${to.includes("tag=") ? to : `${to};tag=${tag}`}\r\n` +
        `Contact: <sip:p@${RIGHT}>\r\n${extra}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    network.clock.advance(20);
  };
  return { network, app, left, got, say, foreign, cancel, answer, status, respond };
}
