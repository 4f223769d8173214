/** Pure construction of requests and of the header rules between app and network. */
import { getHeader, setHeader } from "../message/headers.ts";
import type { SipHeader, SipRequest, TransportProtocol } from "../message/model.ts";
import { fitsRequestLine, hostPortOf, uriHost, uriOf, uriParameter } from "../transaction/index.ts";
import { listensAt } from "../transport/local.ts";
import type { ListenPoint } from "../transport/model.ts";
import type { Chance } from "./chance.ts";
import type { Dialog } from "./model.ts";

/** Headers the engine owns in requests, whatever the app says. */
const OWN_REQUEST = new Set(["Via", "Content-Length", "Call-ID", "CSeq", "From", "To"]);
const OWN_IN_DIALOG = new Set([...OWN_REQUEST, "Route", "Record-Route", "Max-Forwards"]);
const OWN_RESPONSE = new Set([
  "Via",
  "Route",
  "Record-Route",
  "RSeq",
  "Content-Length",
  "From",
  "To",
  "Call-ID",
  "CSeq",
]);
const LOCALHOST = new Set(["From", "To", "Contact", "P-Asserted-Identity"]);

/** Headers of an app response that go on the wire. */
export function responseHeaders(app: readonly SipHeader[], local: ListenPoint): SipHeader[] {
  return app.filter((entry) => !OWN_RESPONSE.has(entry.name)).map((entry) => localised(entry, local));
}

/** Headers of an app request that go on the wire, without those the engine writes itself. */
export function requestHeaders(
  app: readonly SipHeader[],
  local: ListenPoint,
  inDialog: boolean,
): SipHeader[] {
  const own = inDialog ? OWN_IN_DIALOG : OWN_REQUEST;
  return app.filter((entry) => !own.has(entry.name)).map((entry) => localised(entry, local));
}

/** `@localhost` in address headers means the chosen transport. */
export function localised(entry: SipHeader, local: ListenPoint): SipHeader {
  if (!LOCALHOST.has(entry.name)) return { name: entry.name, value: entry.value };
  const value = withLocal(entry.value, local);
  if (entry.name !== "Contact" || value === entry.value) return { name: entry.name, value };
  return { name: entry.name, value: withTransport(value, local) };
}

/** A Contact of ours must say by which transport we are reached, or the peer answers by UDP. */
function withTransport(value: string, local: ListenPoint): string {
  if (local.protocol === "udp" || /;\s*transport=/i.test(value)) return value;
  const authority = `@${localAuthority(local)}`;
  const at = value.indexOf(authority) + authority.length;
  const transport = `;transport=${local.protocol}`;
  if (value.includes("<")) return `${value.slice(0, at)}${transport}${value.slice(at)}`;
  return `<${value.slice(0, at).trim()}${transport}>${value.slice(at)}`;
}

export function withLocal(value: string, local: ListenPoint): string {
  return value.replace(/@localhost(?![\w.:-])/g, () => `@${localAuthority(local)}`);
}

/** `host:port` of a listen point as others shall see it. */
export function localAuthority(local: ListenPoint): string {
  return `${uriHost(local.externalAddress ?? local.address)}:${local.port}`;
}

/** Our Contact for a transport. */
export function contactFor(local: ListenPoint, user = ""): string {
  const transport = local.protocol === "udp" ? "" : `;transport=${local.protocol}`;
  return `<sip:${user === "" ? "" : `${user}@`}${localAuthority(local)}${transport}>`;
}

export function viaFor(local: ListenPoint, branch: string): string {
  return `SIP/2.0/${local.protocol.toUpperCase()} ${localAuthority(local)};branch=${branch};rport`;
}

export function newBranch(chance: Chance): string {
  return `z9hG4bK${chance.id().replaceAll("-", "")}`;
}

export function newTag(chance: Chance): string {
  return chance.id().slice(0, 13).replace("-", "");
}

/** A request inside a dialog with CSeq, route set and tags (RFC 3261 §12.2.1.1); the Via comes on sending. */
export function dialogRequest(
  dialog: Dialog,
  method: string,
  cseq: number,
  extra: readonly SipHeader[],
  body: Uint8Array,
): SipRequest {
  const lines: SipHeader[] = [];
  let uri = dialog.remoteTarget;
  let routes = dialog.routes;
  const first = routes[0];
  const strict = first !== undefined && uriParameter(uriOf(first), "lr") === undefined;
  if (strict && fitsRequestLine(uriOf(first))) {
    // Strict router: it becomes the Request-URI and the target goes last (RFC 3261 §12.2.1.1).
    routes = [...routes.slice(1), `<${uri}>`];
    uri = uriOf(first);
  }
  for (const route of routes) lines.push({ name: "Route", value: route });
  lines.push({ name: "Max-Forwards", value: "70" });
  lines.push({ name: "From", value: dialog.local });
  lines.push({ name: "To", value: dialog.remote });
  lines.push({ name: "Call-ID", value: dialog.callId });
  lines.push({ name: "CSeq", value: `${cseq} ${method}` });
  for (const entry of extra) lines.push(entry);
  return { kind: "request", method, uri, headers: lines, body };
}

/** Adds the Content-Type an app may leave out for SDP; false when it cannot be guessed. */
export function completeContentType(message: { headers: SipHeader[]; body: Uint8Array }): boolean {
  if (message.body.length === 0 || getHeader(message, "Content-Type") !== undefined) return true;
  if (message.body[0] !== 118 || message.body[1] !== 61 || message.body[2] !== 48) return false;
  setHeader(message, "Content-Type", "application/sdp");
  return true;
}

/**
 * What describes the body goes right before it. The order says nothing (RFC 3261 §7.3.1), but peers that hand a body on
 * with all that follows "Content-Type", as sipp's call control does, would hand on our Contact too.
 */
export function contentLast(message: { headers: SipHeader[] }): void {
  const content = message.headers.filter((entry) => entry.name.startsWith("Content-"));
  if (content.length === 0) return;
  message.headers = [...message.headers.filter((entry) => !entry.name.startsWith("Content-")), ...content];
}

const PROTOCOLS = new Set<string>(["udp", "tcp", "tls", "ws", "wss"]);

/** Transport a SIP URI asks for (RFC 3263 §4.1 without DNS). */
export function protocolOf(uri: string): TransportProtocol | undefined {
  const asked = (uriParameter(uri, "transport") ?? "").toLowerCase();
  const secure = /^sips:/i.test(uri);
  if (asked === "") return secure ? "tls" : "udp";
  if (!PROTOCOLS.has(asked)) return undefined;
  if (secure && asked === "tcp") return "tls";
  return asked as TransportProtocol;
}

const PRIVATE =
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe80:)/i;

/** Whether a Contact cannot be reached from here although the packet's source can (RFC 1918, RFC 6598). */
export function isPrivate(host: string): boolean {
  return PRIVATE.test(host);
}

/** Whether a Contact URI names exactly that address and port. */
export function namesAddress(uri: string, address: string, port: number): boolean {
  const place = hostPortOf(uri);
  return place !== undefined && place.host === address.toLowerCase() && (place.port ?? 5060) === port;
}

/** Whether a URI names one of our listeners, be it by its address outside. */
export function namesUs(listening: readonly ListenPoint[], uri: string): boolean {
  const place = hostPortOf(uri);
  if (!place) return false;
  return listening.some(
    (point) =>
      point.port === (place.port ?? (point.protocol === "tls" ? 5061 : 5060)) &&
      (listensAt(point.address, place.host) ||
        (point.externalAddress !== undefined && listensAt(point.externalAddress, place.host))),
  );
}

/** The CANCEL of an INVITE: same top Via, so that it meets its transaction (RFC 3261 §9.1). */
export function cancelOf(invite: SipRequest): SipRequest {
  const lines: SipHeader[] = [];
  for (const name of ["Via", "Route", "Max-Forwards", "From", "To", "Call-ID"]) {
    for (const entry of invite.headers) {
      if (entry.name !== name) continue;
      lines.push({ ...entry });
      if (name === "Via") break;
    }
  }
  lines.push({ name: "CSeq", value: `${(getHeader(invite, "CSeq") ?? "1").split(/\s/)[0]} CANCEL` });
  return { kind: "request", method: "CANCEL", uri: invite.uri, headers: lines, body: new Uint8Array(0) };
}
