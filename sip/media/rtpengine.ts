/**
 * Commands to rtpengine over its ng protocol (UDP on loopback). The only importer of `rtpengine-client`, whose faults
 * are mended here: no retransmission, strings instead of errors, requests that never settle after `close`, and an
 * 'error' event (thrown without listener) plus console output for a reply that comes late.
 */
import { Client } from "rtpengine-client";
import { RtpengineRefusedError, RtpengineTimeoutError } from "./errors.ts";

/** A bencode value as rtpengine takes and gives it. */
export type NgValue = string | number | readonly NgValue[] | { readonly [key: string]: NgValue };
export type NgDictionary = { readonly [key: string]: NgValue };

type NgCommand = "ping" | "offer" | "answer" | "delete" | "list" | "query" | "statistics";

const COOKIE_BYTES = 36;
/** After these times (ms) the same bytes are sent again: rtpengine answers a known cookie without acting twice. */
const RESEND_AFTER = [150, 400, 800];
const TIMEOUT_MS = 2000;

function cookieOf(message: Uint8Array): string {
  return String.fromCharCode(...message.subarray(0, COOKIE_BYTES));
}

export interface RtpengineClient {
  /**
   * Sends one command and gives the reply.
   * @throws RtpengineTimeoutError, RtpengineRefusedError
   */
  command(name: NgCommand, dict?: NgDictionary): Promise<NgDictionary>;
  /** Lets requests under way fail with RtpengineTimeoutError. */
  close(): void;
}

/** A client of the rtpengine at `host`:`port`. `timeoutMs` is for each command, retransmissions included. */
export function createRtpengineClient(host: string, port: number, timeoutMs = TIMEOUT_MS): RtpengineClient {
  const client = new Client({ timeout: timeoutMs, localAddress: host, rejectOnError: false });
  client.on("error", () => {});
  const underWay = new Set<(error: Error) => void>();
  /** Cookies without a reply yet; the library's own map keeps them until its next turn. */
  const unanswered = new Set<string>();
  let sent: Uint8Array = new Uint8Array();
  let closed = false;

  const send = client.socket.send.bind(client.socket);
  client.socket.send = (message, toPort, toHost, done) => {
    // What was queued before the socket was bound comes again here, wrapped in a list.
    if (message instanceof Uint8Array) {
      sent = message;
      unanswered.add(cookieOf(message));
    }
    send(message, toPort, toHost, done);
  };
  client.socket.removeAllListeners("message");
  client.socket.on("message", (message) => {
    // A reply that is late or doubled has no request any more; the library would print and throw.
    if (unanswered.delete(cookieOf(message))) client._onMessage(message);
  });

  async function command(name: NgCommand, dict: NgDictionary = {}): Promise<NgDictionary> {
    if (closed) throw new RtpengineTimeoutError("the connection to rtpengine is closed");
    const reply = client[name](port, host, dict);
    // The library sends before it returns.
    const bytes = sent;
    const again = RESEND_AFTER.filter((ms) => ms < timeoutMs).map((ms) =>
      setTimeout(() => send(bytes, port, host, () => {}), ms),
    );
    let giveUp: (error: Error) => void = () => {};
    const abandoned = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    underWay.add(giveUp);
    try {
      const answer = await Promise.race([
        abandoned,
        reply.catch((error: unknown) => {
          throw new RtpengineTimeoutError(`rtpengine does not answer (${name}): ${String(error)}`);
        }),
      ]);
      if (answer.result === "error")
        throw new RtpengineRefusedError(String(answer["error-reason"] ?? "unknown reason"));
      return answer;
    } finally {
      underWay.delete(giveUp);
      unanswered.delete(cookieOf(bytes));
      for (const timer of again) clearTimeout(timer);
    }
  }

  return {
    command,
    close() {
      if (closed) return;
      closed = true;
      for (const timer of client.timers.values()) clearTimeout(timer);
      for (const fail of underWay) fail(new RtpengineTimeoutError("the connection to rtpengine is closed"));
      client.close();
    },
  };
}
