/** SIP as bare bytes: what no phone would send, and the answers to it. */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { waitFor } from "./wait.ts";

export interface RawOptions {
  readonly server: { readonly address: string; readonly port: number };
  /** Own address; the port is any free one. */
  readonly address?: string;
}

/** A UDP socket that keeps every datagram it gets. */
export class RawUdp {
  readonly received: string[] = [];
  readonly #socket = createSocket("udp4");
  readonly #server: RawOptions["server"];

  private constructor(options: RawOptions) {
    this.#server = options.server;
    this.#socket.on("message", (bytes) => this.received.push(bytes.toString("latin1")));
    this.#socket.on("error", () => {});
  }

  static async open(options: RawOptions): Promise<RawUdp> {
    const raw = new RawUdp(options);
    await new Promise<void>((resolve) => raw.#socket.bind(0, options.address ?? "127.0.0.1", resolve));
    return raw;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get address(): string {
    return this.#socket.address().address;
  }

  send(bytes: Uint8Array | string): void {
    this.#socket.send(bytes, this.#server.port, this.#server.address);
  }

  /** The status of the final response to `callId`. */
  async status(callId: string, timeoutMs = 3000): Promise<number> {
    const response = await waitFor(
      () => this.received.find((text) => text.includes(callId) && /^SIP\/2\.0 [2-6]\d\d/.test(text)),
      `an answer to ${callId}`,
      timeoutMs,
    );
    return Number(response.slice(8, 11));
  }

  close(): void {
    this.#socket.close();
  }
}

/** The answer to a request, with what must be copied from it (RFC 3261 §8.2.6). */
export function answerTo(text: string, status: string, headers: readonly string[] = []): string {
  const lines = text.split("\r\n");
  const copied = lines.filter((line) => /^(?:Via|From|Call-ID|CSeq):/i.test(line));
  const to = lines.find((line) => /^To:/i.test(line)) ?? "";
  const tagged = status.startsWith("100") || /;tag=/.test(to) ? to : `${to};tag=peer`;
  return [`SIP/2.0 ${status}`, ...copied, tagged, ...headers, "Content-Length: 0", "", ""].join("\r\n");
}

/** Sends `bytes` over a new TCP connection; gives what came back until the peer closed or `timeoutMs` passed. */
export function sendTcp(
  server: RawOptions["server"],
  bytes: Uint8Array | string,
  options: { readonly until?: RegExp; readonly timeoutMs?: number; readonly halfClose?: boolean } = {},
): Promise<{ readonly text: string; readonly closed: boolean }> {
  return new Promise((resolve) => {
    let text = "";
    const done = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed });
    };
    const timer = setTimeout(() => done(false), options.timeoutMs ?? 2000);
    const socket = connect(server.port, server.address, () => {
      socket.write(bytes);
      if (options.halfClose === true) socket.end();
    });
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (options.until?.test(text)) done(false);
    });
    socket.on("error", () => done(true));
    socket.on("close", () => done(true));
  });
}

export interface RequestOptions {
  readonly via: "UDP" | "TCP";
  readonly address: string;
  readonly port: number;
  readonly uri: string;
  readonly callId: string;
  readonly from?: string;
  readonly to?: string;
  readonly cseq?: number;
  readonly contact?: boolean;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Default: the real length of the body. */
  readonly contentLength?: number;
}

/** A request as text. */
export function request(method: string, o: RequestOptions): string {
  const body = o.body ?? "";
  return [
    `${method} ${o.uri} SIP/2.0`,
    `Via: SIP/2.0/${o.via} ${o.address}:${o.port};branch=z9hG4bK${o.callId}${o.cseq ?? 1}`,
    `From: <sip:${o.from ?? "tester"}@${o.address}>;tag=t${o.callId}`,
    `To: <${o.to ?? o.uri}>`,
    `Call-ID: ${o.callId}`,
    `CSeq: ${o.cseq ?? 1} ${method}`,
    "Max-Forwards: 70",
    ...(o.contact === false ? [] : [`Contact: <sip:${o.from ?? "tester"}@${o.address}:${o.port}>`]),
    ...(o.headers ?? []),
    ...(body === "" ? [] : ["Content-Type: application/sdp"]),
    `Content-Length: ${o.contentLength ?? body.length}`,
    "",
    body,
  ].join("\r\n");
}
