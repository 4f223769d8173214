/** SipMessage to bytes (RFC 3261 §7). */
import type { SipMessage } from "./model.ts";
import { reasonPhrase } from "./names.ts";

/**
 * The message on the wire. Content-Length is always computed from the body, in bytes, and stands once, at the place
 * of an existing one or last. A line break inside a value cannot leave as one: it becomes a space.
 */
export function serializeMessage(message: SipMessage): Buffer {
  const head = serializeHead(message);
  const size = message.body.length;
  if (size === 0) return Buffer.from(head, "utf8");
  const headSize = Buffer.byteLength(head, "utf8");
  const bytes = Buffer.allocUnsafe(headSize + size);
  bytes.write(head, 0, headSize, "utf8");
  bytes.set(message.body, headSize);
  return bytes;
}

function serializeHead(message: SipMessage): string {
  let text =
    message.kind === "request"
      ? `${clean(message.method)} ${clean(message.uri)} SIP/2.0\r\n`
      : `SIP/2.0 ${message.status} ${clean(message.reason || reasonPhrase(message.status))}\r\n`;
  let lengthDone = false;
  for (const { name, value } of message.headers) {
    if (name === "Content-Length") {
      if (!lengthDone) text += `Content-Length: ${message.body.length}\r\n`;
      lengthDone = true;
    } else text += `${name}: ${clean(value)}\r\n`;
  }
  if (!lengthDone) text += `Content-Length: ${message.body.length}\r\n`;
  return `${text}\r\n`;
}

function clean(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replace(/[ \t]*[\r\n]+[ \t]*/g, " ").trim() : text;
}
