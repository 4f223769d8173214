/** A call or a REGISTER through a trunk as request options: URI, route, headers (RFC 3261 §8.1.1, RFC 3608). */
import type { TrunkConfig } from "../directory.ts";
import { escapeUser, parseUri } from "../engine/message/uri.ts";
import type { SipHeaders } from "../srf/model.ts";
import { contactUserOf, type TrunkCaller, trunkCallerHeaders, trunkProxy, trunkTarget } from "./identity.ts";
import { calledNumber } from "./number.ts";

export interface TrunkRequest {
  readonly uri: string;
  /** Next hop, a loose route. */
  readonly proxy?: string;
  readonly headers: SipHeaders;
}

/** The way to the carrier: outbound proxy, then what its registrar asked for. */
export function trunkRoute(trunk: TrunkConfig, serviceRoute: readonly string[]): readonly string[] {
  const proxy = trunkProxy(trunk);
  if (proxy === undefined) return serviceRoute;
  const first = serviceRoute[0];
  // Many registrars name the proxy itself first.
  if (first !== undefined && hostPort(first) === hostPort(proxy)) return serviceRoute;
  return [`<${proxy}>`, ...serviceRoute];
}

function hostPort(route: string): string {
  const uri = parseUri(route.replace(/^<|>$/g, ""));
  return uri?.kind === "sip" ? `${uri.host.toLowerCase()}:${uri.port ?? 5060}` : route;
}

/** Route as a header and, for engines that take only one next hop, as that. */
function routed(route: readonly string[]): { proxy?: string; headers: Record<string, readonly string[]> } {
  const first = route[0];
  if (first === undefined) return { headers: {} };
  const proxy = first.slice(1, -1);
  return route.length === 1 ? { proxy, headers: {} } : { proxy, headers: { Route: route } };
}

function contactOf(trunk: TrunkConfig, user: string): string {
  const transport = trunk.transport === "udp" ? "" : `;transport=${trunk.transport}`;
  return `<sip:${escapeUser(user)}@localhost${transport}>`;
}

/** An INVITE for `number` as dialled. */
export function trunkInvite(
  trunk: TrunkConfig,
  serviceRoute: readonly string[],
  number: string,
  caller: TrunkCaller,
): TrunkRequest {
  const { proxy, headers } = routed(trunkRoute(trunk, serviceRoute));
  const contact = contactUserOf(trunk, caller.number);
  const uri = trunkTarget(trunk, calledNumber(number, trunk));
  return {
    uri,
    ...(proxy === undefined ? {} : { proxy }),
    headers: {
      // Said outright: a device of ours that registers the carrier's address as its Contact is not meant.
      To: `<${uri}>`,
      ...headers,
      ...trunkCallerHeaders(trunk, caller),
      ...(contact === undefined ? {} : { Contact: contactOf(trunk, contact) }),
    },
  };
}

/** The user part our registration is known by. */
export function registeredUser(trunk: TrunkConfig): string {
  return trunk.contactUser === "fixed" && trunk.contactText !== "" ? trunk.contactText : trunk.username;
}

/** What all REGISTERs of one registration share, and the number of this one (RFC 3261 §10.2). */
export interface RegisterName {
  readonly callId: string;
  readonly cseq: number;
}

/** REGISTER for so many seconds; 0 takes our contact back. */
export function trunkRegister(
  trunk: TrunkConfig,
  expiresS: number,
  { callId, cseq }: RegisterName,
): TrunkRequest {
  const domain = trunk.fromDomain !== "" ? trunk.fromDomain : trunk.host;
  const account = `<sip:${escapeUser(trunk.username)}@${domain}>`;
  const { proxy } = routed(trunkRoute(trunk, []));
  return {
    uri: trunkTarget(trunk, ""),
    ...(proxy === undefined ? {} : { proxy }),
    headers: {
      From: account,
      To: account,
      "Call-ID": callId,
      CSeq: `${cseq} REGISTER`,
      Contact: contactOf(trunk, registeredUser(trunk)),
      Expires: String(expiresS),
      Supported: "path",
    },
  };
}

/** OPTIONS that asks whether the carrier is there. */
export function trunkOptions(trunk: TrunkConfig): TrunkRequest {
  const { proxy } = routed(trunkRoute(trunk, []));
  const domain = trunk.fromDomain !== "" ? trunk.fromDomain : trunk.host;
  return {
    uri: trunkTarget(trunk, ""),
    ...(proxy === undefined ? {} : { proxy }),
    headers: { From: `<sip:${escapeUser(trunk.username || "ping")}@${domain}>` },
  };
}
