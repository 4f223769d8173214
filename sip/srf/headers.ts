/** Header values on their way to the engine: no line breaks from outside, one line a value. */
import type { SipHeaders } from "./model.ts";

/** What the real drachtio-server takes in one frame is 12,228 bytes; the rest is left for what it adds. */
export const MAX_FRAME_BYTES = 11_500;

/** The methods we take. Without spaces: what does not fit a datagram with all its credentials needs TCP. */
export const ALLOW = "INVITE,ACK,CANCEL,BYE,OPTIONS,REGISTER,INFO,REFER,NOTIFY,UPDATE,PRACK";
/** What an INVITE and its 2xx should say (RFC 3261 §13.2.1, §13.3.1.4; RFC 3891 §6.2; RFC 4028 §7.1). */
export const ABILITIES = { Allow: ALLOW, Supported: "replaces,timer" };

function clean(value: string): string {
  return value.replace(/[\r\n\0]+/g, " ").trim();
}

/**
 * The header map drachtio-srf wants. Several values of one name become several lines: drachtio-srf writes values
 * as they are, so the further lines ride in the first value.
 */
export function wireHeaders(
  headers: SipHeaders | undefined,
  body: string | undefined,
): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (!/^[A-Za-z0-9!%*_+`'~.-]+$/.test(name)) continue;
    const values = typeof value === "string" ? [value] : value;
    if (values.length > 0) out[name] = values.map(clean).join(`\r\n${name}: `);
  }
  const typed = Object.keys(out).some((name) => name.toLowerCase() === "content-type");
  if (body !== undefined && body !== "" && !typed && body.startsWith("v=0"))
    out["Content-Type"] = "application/sdp";
  return out;
}

/** Bytes a frame with these headers and this body takes, about (start line and lengths included). */
export function frameBytes(headers: Readonly<Record<string, string>>, body: string | undefined): number {
  let bytes = 300 + Buffer.byteLength(body ?? "");
  for (const [name, value] of Object.entries(headers)) bytes += name.length + Buffer.byteLength(value) + 4;
  return bytes;
}

/** The text of a Reason header (RFC 3326), or the header itself. */
export function reasonText(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  return /text="((?:[^"\\]|\\.)*)"/i.exec(header)?.[1] ?? header;
}
