/** Numbers and names in requests: who calls, what was dialled, how we show a caller (RFC 3325, RFC 3261 §20.20). */

import type { TrunkConfig } from "../directory.ts";
import { type Address, parseAddress, parseAddressList } from "../engine/message/address.ts";
import { quote } from "../engine/message/tokens.ts";
import { decodeUser, escapeUser, parseUri } from "../engine/message/uri.ts";

interface Headers {
  readonly uri: string;
  header(name: string): string | undefined;
}

function userOf(uri: string | undefined): string {
  const parsed = uri === undefined ? undefined : parseUri(uri);
  // Parameters inside a user part ("+861234;npdi") are not dialled.
  return parsed === undefined ? "" : (decodeUser(parsed).split(";")[0] ?? "");
}

function firstAddress(value: string | undefined): Address | undefined {
  return value === undefined ? undefined : (parseAddressList(value)?.[0] ?? parseAddress(value));
}

/** User part of the Request-URI; the To's where the carrier calls our registration instead of the number. */
export function dialledNumber(request: Headers, contactUser?: string): string {
  const user = userOf(request.uri);
  if (contactUser === undefined || (user !== contactUser && user !== "")) return user;
  const to = userOf(parseAddress(request.header("To") ?? "")?.uri);
  return to === "" ? user : to;
}

/** Number and name of the caller: P-Asserted-Identity (trusted peers only), then From. */
export function callerIdentity(request: Headers, trusted: boolean): { number: string; name: string } {
  const from = firstAddress(request.header("From"));
  if (trusted) {
    const asserted =
      firstAddress(request.header("P-Asserted-Identity")) ?? firstAddress(request.header("Remote-Party-ID"));
    const number = userOf(asserted?.uri);
    if (number !== "") return { number, name: asserted?.display ?? from?.display ?? "" };
  }
  const number = userOf(from?.uri);
  return { number: number.toLowerCase() === "anonymous" ? "" : number, name: from?.display ?? "" };
}

function shown(name: string | undefined, uri: string): string {
  const text = (name ?? "").replace(/[\r\n]/g, " ").slice(0, 80);
  return text === "" ? `<${uri}>` : `${quote(text)} <${uri}>`;
}

/** From and identity headers of a call through a trunk. */
export function trunkCallerHeaders(
  trunk: Pick<TrunkConfig, "kind" | "username" | "fromDomain" | "host" | "identityHeader">,
  caller: { readonly number: string; readonly name?: string },
): Record<string, string> {
  const domain = trunk.fromDomain !== "" ? trunk.fromDomain : trunk.host;
  const number = caller.number;
  const uri = `sip:${escapeUser(number === "" ? "anonymous" : number)}@${domain}`;
  // Registered accounts are mostly checked by From; the caller's number then goes into the identity header.
  const account = trunk.kind === "registration" && trunk.identityHeader !== "none" && trunk.username !== "";
  const fromUri = account ? `sip:${escapeUser(trunk.username)}@${domain}` : uri;
  const headers: Record<string, string> = { From: shown(caller.name, fromUri) };
  if (number === "") return headers;
  if (trunk.identityHeader === "pai") headers["P-Asserted-Identity"] = shown(caller.name, uri);
  if (trunk.identityHeader === "ppi") headers["P-Preferred-Identity"] = shown(caller.name, uri);
  if (trunk.identityHeader === "rpid") {
    headers["Remote-Party-ID"] = `${shown(caller.name, uri)};party=calling;screen=yes;privacy=off`;
  }
  return headers;
}

/** From of a call to one of our phones. */
export function extensionFrom(
  caller: { readonly number: string; readonly name?: string },
  domain: string,
): string {
  const user = caller.number === "" ? "anonymous" : escapeUser(caller.number);
  return shown(caller.name, `sip:${user}@${domain}`);
}

/** Request-URI for a number through a trunk. */
export function trunkTarget(trunk: Pick<TrunkConfig, "host" | "port" | "transport">, number: string): string {
  const host = trunk.host.includes(":") && !trunk.host.startsWith("[") ? `[${trunk.host}]` : trunk.host;
  const port = trunk.port > 0 ? `:${trunk.port}` : "";
  const transport = trunk.transport === "udp" ? "" : `;transport=${trunk.transport}`;
  return `sip:${number === "" ? "" : `${escapeUser(number)}@`}${host}${port}${transport}`;
}

/** The outbound proxy as a next hop, if one is set: "host", "host:port" or a URI. */
export function trunkProxy(trunk: Pick<TrunkConfig, "outboundProxy" | "transport">): string | undefined {
  const text = trunk.outboundProxy.trim();
  if (text === "") return undefined;
  if (/^sips?:/i.test(text)) return text;
  return `sip:${text}${trunk.transport === "udp" ? "" : `;transport=${trunk.transport}`}`;
}
