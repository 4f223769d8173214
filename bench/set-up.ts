/**
 * Set-up latency added by the exchange: from a caller's INVITE to the INVITE at the phone, both as they pass on the wire,
 * so that nothing but the exchange lies between the two times. The phone is busy; no call is kept.
 */
import { createSocket, type Socket } from "node:dgram";
import { capture, type WirePacket } from "./wire.ts";

export interface SetUpOptions {
  readonly exchange: { readonly address: string; readonly port: number };
  /** Where calls come from, an address of the trunk. */
  readonly carrierAddress: string;
  /** Port of the phone; registered there before. */
  readonly phonePort: number;
  readonly did: string;
  readonly calls: number;
  readonly perSecond: number;
}

function header(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`^${name}:[^\\r\\n]*`, "gim"))].map(([line]) => line);
}

function answer(text: string, status: string, tag: string): string {
  const to = header(text, "To").map((line) => (/;tag=/i.test(line) ? line : `${line};tag=${tag}`));
  const lines = [
    `SIP/2.0 ${status}`,
    ...header(text, "Via"),
    ...header(text, "From"),
    ...to,
    ...header(text, "Call-ID"),
    ...header(text, "CSeq"),
    "Content-Length: 0",
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

const CALLER = /(1399\d{7})/;

function callerOf(text: string): string {
  return CALLER.exec(header(text, "From")[0] ?? "")?.[1] ?? "";
}

/** From each caller's first INVITE towards `exchange` to the first one towards `phone` (ports), ms. */
export function setUpsOf(packets: readonly WirePacket[], exchange: number, phone: number): number[] {
  const sent = new Map<string, number>();
  const times = new Map<string, number>();
  for (const { at, port, payload } of packets) {
    const text = payload.toString("latin1");
    if (!text.startsWith("INVITE ")) continue;
    const caller = callerOf(text);
    const started = sent.get(caller);
    if (port === exchange && started === undefined) sent.set(caller, at);
    else if (port === phone && started !== undefined && !times.has(caller)) times.set(caller, at - started);
  }
  return [...times.values()];
}

async function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, resolve);
  });
  return socket;
}

/** Times in ms; calls that never reached the phone are counted as `lost`. */
export async function setUpTimes(
  options: SetUpOptions,
): Promise<{ readonly times: number[]; readonly lost: number }> {
  const { exchange, did } = options;
  const carrier = await bound(options.carrierAddress, 0);
  const phone = await bound(exchange.address, options.phonePort);
  const waiting = new Set<string>();
  const { port } = carrier.address();
  const wire = await capture(`dst port ${exchange.port} or dst port ${options.phonePort}`);
  const to = (socket: Socket, text: string) => socket.send(text, exchange.port, exchange.address);
  phone.on("message", (bytes) => {
    const text = bytes.toString();
    if (text.startsWith("INVITE")) {
      waiting.delete(callerOf(text));
      to(phone, answer(text, "486 Busy Here", "busy"));
    } else if (!text.startsWith("ACK") && !text.startsWith("SIP/2.0"))
      to(phone, answer(text, "200 OK", "busy"));
  });
  const callIdOf = (text: string) => header(text, "Call-ID")[0]?.replace(/^[^:]*:\s*/, "") ?? "";
  const request = (method: string, callId: string, number: string, toTag: string, body: string) =>
    [
      `${method} sip:${did}@${exchange.address}:${exchange.port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${options.carrierAddress}:${port};branch=z9hG4bK${method === "BYE" ? "b" : "i"}${callId}`,
      "Max-Forwards: 70",
      `From: <sip:${number}@${options.carrierAddress}:${port}>;tag=c${number}`,
      `To: <sip:${did}@${exchange.address}:${exchange.port}>${toTag}`,
      `Call-ID: ${callId}`,
      `CSeq: ${method === "BYE" ? 2 : 1} ${method}`,
      `Contact: <sip:carrier@${options.carrierAddress}:${port}>`,
      ...(body ? ["Content-Type: application/sdp"] : []),
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n");
  carrier.on("message", (bytes) => {
    const text = bytes.toString();
    const status = Number(/^SIP\/2\.0 (\d+)/.exec(text)?.[1] ?? 0);
    if (status === 0 && !text.startsWith("ACK")) to(carrier, answer(text, "200 OK", "c"));
    if (status < 200 || !/CSeq: *1 INVITE/i.test(text)) return;
    const callId = callIdOf(text);
    const number = callId.slice(-11);
    const tag = /;tag=[^;\s]+/i.exec(header(text, "To")[0] ?? "")?.[0] ?? "";
    to(carrier, request("ACK", callId, number, tag, ""));
    if (status < 300) to(carrier, request("BYE", callId, number, tag, ""));
  });
  const sdp = `v=0\r\no=c 1 1 IN IP4 ${options.carrierAddress}\r\ns=-\r\nc=IN IP4 ${options.carrierAddress}\r\nt=0 0\r\nm=audio 44990 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;
  const run = `${process.pid}-${Date.now()}-`;
  for (let n = 0; n < options.calls; n++) {
    const number = `1399${String(n).padStart(7, "0")}`;
    waiting.add(number);
    to(carrier, request("INVITE", `${run}${number}`, number, "", sdp));
    await Bun.sleep(1000 / options.perSecond);
  }
  const deadline = performance.now() + 3000;
  while (waiting.size > 0 && performance.now() < deadline) await Bun.sleep(20);
  // What still runs is answered before the sockets go.
  await Bun.sleep(500);
  carrier.close();
  phone.close();
  const times = setUpsOf(await wire.stop(), exchange.port, options.phonePort);
  return { times, lost: options.calls - times.length };
}
