/** Numbers and names in requests: who calls, what was dialled, how we show a caller (RFC 3325, 3323, 5806, 3261 §20.20). */

import type { TrunkConfig } from "../directory.ts";
import { type Address, parseAddress, parseAddressList } from "../engine/message/address.ts";
import { quote } from "../engine/message/tokens.ts";
import { decodeUser, escapeUser, parseUri } from "../engine/message/uri.ts";
import type { ForwardedCaller } from "../legs/model.ts";
import { formatNumber } from "./number.ts";

interface Headers {
  readonly uri: string;
  header(name: string): string | undefined;
}

function userOf(uri: string | undefined): string {
  const parsed = uri === undefined ? undefined : parseUri(uri);
  // Parameters inside a user part ("+861234;npdi") are not dialled; nor are line ends and the like, written as escapes:
  // records, exports and logs are made of lines.
  return parsed === undefined ? "" : (decodeUser(parsed).split(/[;\p{Cc}]/u)[0] ?? "");
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

/** The caller wants not to be known: carriers tell us all the same who it is (RFC 3323 §4.2, RFC 3325 §7). */
function withheld(request: Headers): boolean {
  const wanted = (request.header("Privacy") ?? "").toLowerCase().split(/[\s;,]+/);
  if (wanted.some((kind) => kind === "id" || kind === "user" || kind === "header")) return true;
  const privacy = firstAddress(request.header("Remote-Party-ID"))?.params.get("privacy");
  return request.header("P-Asserted-Identity") === undefined && /^(?:full|uri)/i.test(privacy ?? "");
}

/** Number and name of the caller: P-Asserted-Identity (trusted peers only), then From; both "" when they are withheld. */
export function callerIdentity(request: Headers, trusted: boolean): { number: string; name: string } {
  if (trusted && withheld(request)) return { number: "", name: "" };
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

/** What identity headers are made of. */
export type IdentityTrunk = Pick<
  TrunkConfig,
  | "username"
  | "fromDomain"
  | "host"
  | "identityHeader"
  | "fromUser"
  | "fromText"
  | "callerFormat"
  | "country"
  | "areaCode"
  | "diversion"
  | "hideNumber"
>;

export interface TrunkCaller {
  readonly number: string;
  readonly name?: string;
  /** The call is forwarded: who called in the first place. */
  readonly forwardedFor?: ForwardedCaller;
}

/** From, identity, privacy and diversion headers of a call through a trunk (RFC 3323, 3325, 5806). */
export function trunkCallerHeaders(trunk: IdentityTrunk, caller: TrunkCaller): Record<string, string> {
  const domain = hostOnly(trunk.fromDomain !== "" ? trunk.fromDomain : trunk.host);
  const write = (number: string) => formatNumber(number, trunk.callerFormat, trunk);
  const uriOf = (user: string) => `sip:${escapeUser(user)}@${domain}`;
  const forwarded = trunk.diversion ? caller.forwardedFor : undefined;
  const shownCaller = forwarded !== undefined && forwarded.number !== "" ? forwarded : caller;
  const number = write(shownCaller.number);
  const hidden = trunk.hideNumber || number === "";
  const headers: Record<string, string> = {
    From: fromHeader(trunk, uriOf, shownCaller.name, number, hidden),
  };
  if (hidden) headers.Privacy = "id";
  if (forwarded !== undefined && caller.number !== "")
    headers.Diversion = `<${uriOf(write(caller.number))}>;reason=${forwarded.reason ?? "unconditional"};counter=1${hidden ? ";privacy=full" : ""}`;
  if (number === "") return headers;
  const identity = shown(shownCaller.name, uriOf(number));
  if (trunk.identityHeader === "pai") headers["P-Asserted-Identity"] = identity;
  if (trunk.identityHeader === "ppi") headers["P-Preferred-Identity"] = identity;
  if (trunk.identityHeader === "rpid") {
    headers["Remote-Party-ID"] = `${identity};party=calling;screen=yes;privacy=${hidden ? "full" : "off"}`;
  }
  return headers;
}

function fromHeader(
  trunk: IdentityTrunk,
  uriOf: (user: string) => string,
  name: string | undefined,
  number: string,
  hidden: boolean,
): string {
  if (hidden) return '"Anonymous" <sip:anonymous@anonymous.invalid>';
  if (trunk.fromUser === "fixed" && trunk.fromText !== "") return shown(name, uriOf(trunk.fromText));
  // Registered accounts are mostly checked by From; the caller's number then stands in the identity header.
  if (trunk.fromUser === "account" && trunk.username !== "") return shown(name, uriOf(trunk.username));
  return shown(name, uriOf(number));
}

/** The user part of our Contact at a carrier; undefined: none. */
export function contactUserOf(
  trunk: Pick<
    TrunkConfig,
    "username" | "contactUser" | "contactText" | "callerFormat" | "country" | "areaCode"
  >,
  callerNumber: string,
): string | undefined {
  const number = trunk.contactUser === "caller" ? formatNumber(callerNumber, trunk.callerFormat, trunk) : "";
  const user = trunk.contactUser === "fixed" ? trunk.contactText : number !== "" ? number : trunk.username;
  return user === "" ? undefined : user;
}

/** IPv6 hosts in brackets. */
function hostOnly(host: string): string {
  return host.includes(":") && !host.startsWith("[") && host.split(":").length > 2 ? `[${host}]` : host;
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
  const port = trunk.port > 0 ? `:${trunk.port}` : "";
  const transport = trunk.transport === "udp" ? "" : `;transport=${trunk.transport}`;
  return `sip:${number === "" ? "" : `${escapeUser(number)}@`}${hostOnly(trunk.host)}${port}${transport}`;
}

/** The outbound proxy as a loose route, if one is set: "host", "host:port" or a URI. */
export function trunkProxy(trunk: Pick<TrunkConfig, "outboundProxy" | "transport">): string | undefined {
  const text = trunk.outboundProxy.trim().replace(/^<|>$/g, "");
  if (text === "") return undefined;
  const uri = /^sips?:/i.test(text) ? text : `sip:${hostOnly(text)}`;
  const transport =
    trunk.transport === "udp" || /;transport=/i.test(uri) || /^sips:/i.test(uri)
      ? ""
      : `;transport=${trunk.transport}`;
  return `${uri}${transport}${/;lr\b/i.test(uri) ? "" : ";lr"}`;
}
