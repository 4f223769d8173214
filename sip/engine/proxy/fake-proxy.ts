/** A proxy between a caller and callees of bare messages, under a fake clock; for tests. */
import { App, host, Network } from "../dialog/fake-network.ts";
import type { Resolve } from "../dialog/routing.ts";

export const CALLER = "192.0.2.1";
export const PROXY = "192.0.2.10";

export const field = (text: string, name: string) =>
  new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";

export interface ProxyPlan {
  readonly way?: "serial" | "simultaneous";
  readonly redirects?: boolean;
  readonly resolve?: Resolve;
  /** Destinations by Request-URI; the plan's own list when it is not named. */
  readonly table?: Readonly<Record<string, readonly string[]>>;
}

/** Destinations named by their last number: 21 is `sip:bob@192.0.2.21`. */
export function proxied(destinations: readonly (number | string)[], plan: ProxyPlan = {}) {
  const network = new Network();
  const app = new App();
  const proxy = host(network, PROXY, app, plan.resolve ? { resolve: plan.resolve } : {});
  const uris = destinations.map((one) => (typeof one === "number" ? `sip:bob@192.0.2.${one}` : one));
  const reports: string[] = [];
  app.reply = (_id, text) => reports.push(text);
  app.handler = (fields, text) => {
    const [method = "", uri = ""] = text.split(" ");
    if (method === "CANCEL" || method === "ACK") return;
    const way = plan.way ?? "serial";
    const redirects = plan.redirects ? "followRedirects" : "";
    const order = [
      fields[6] ?? "",
      "",
      "fullResponse",
      redirects,
      way,
      "",
      "",
      ...(plan.table?.[uri] ?? uris),
    ];
    proxy.core.onProxy(app, "p", order, Buffer.from(`${method} sip:x SIP/2.0\r\n\r\n`));
  };
  /** What each callee got. */
  const got: Record<number, string[]> = {};
  const senders: Record<number, (to: string, text: string) => void> = {};
  const callee = (number: number) => {
    got[number] = [];
    senders[number] = network.peer(`192.0.2.${number}`, (text) => got[number]?.push(text));
  };
  for (const number of [21, 22, 23, 24]) callee(number);
  const heard: string[] = [];
  const dial = network.peer(CALLER, (text) => heard.push(text));
  const send = (
    method: string,
    options: { uri?: string; extra?: string; branch?: string; cseq?: number } = {},
  ) => {
    const { uri = `sip:bob@${PROXY}`, extra = "", branch = method, cseq = 1 } = options;
    const hops = extra.includes("Max-Forwards") ? "" : "Max-Forwards: 70\r\n";
    dial(
      PROXY,
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${CALLER};branch=z9hG4bK${branch}\r\n${hops}` +
        `From: <sip:a@${CALLER}>;tag=a\r\nTo: <sip:bob@${PROXY}>\r\nCall-ID: c1\r\nCSeq: ${cseq} ${method}\r\n` +
        `Contact: <sip:a@${CALLER}>\r\n${extra}Content-Length: 0\r\n\r\n`,
    );
    network.clock.advance(30);
  };
  /** The callee's answer to the last request of that method it got. */
  const answer = (number: number, status: string, extra = "", method = "INVITE") => {
    const request = got[number]?.findLast((text) => text.startsWith(`${method} `)) ?? "";
    const vias = [...request.matchAll(/^Via: .*$/gm)].map(([line]) => line.trim());
    const lines = ["From", "Call-ID", "CSeq"].map((name) => `${name}: ${field(request, name)}`);
    senders[number]?.(
      PROXY,
      `SIP/2.0 ${status}\r\n${[...vias, ...lines].join("\r\n")}\r\nTo: ${field(request, "To")};tag=t${number}\r\n` +
        `${status.startsWith("3") ? "" : `Contact: <sip:bob@192.0.2.${number}>\r\n`}${extra}Content-Length: 0\r\n\r\n`,
    );
    network.clock.advance(30);
  };
  const methods = (number: number) => (got[number] ?? []).map((text) => text.split(" ")[0]);
  /** Statuses the caller heard, without repeats of the same. */
  const statuses = () => {
    const all = heard.map((text) => text.slice(8, 11));
    return all.filter((status, index) => status !== "100" && status !== all[index - 1]);
  };
  const left = () => ({
    sessions: proxy.core.proxied,
    transactions: proxy.layer.serverCount + proxy.layer.clientCount,
    timers: proxy.wheel.size,
  });
  const advance = (ms: number) => network.clock.advance(ms);
  return { network, proxy, app, reports, got, heard, send, answer, methods, statuses, left, advance };
}

export const NOTHING_LEFT = { sessions: 0, transactions: 0, timers: 0 };
