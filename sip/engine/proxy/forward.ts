/** The request a proxy passes on (RFC 3261 §16.6), and the marks by which it knows its own routes again. */

import { createHmac } from "node:crypto";
import { localAuthority, namesUs, newBranch } from "../dialog/build.ts";
import type { CoreContext } from "../dialog/context.ts";
import type { Hop } from "../dialog/model.ts";
import { getHeader, getList, setHeader, shiftHeader } from "../message/headers.ts";
import type { SipHeader, SipRequest } from "../message/model.ts";
import { callIdOf, type Destination, tagOf, uriOf, uriParameter } from "../transaction/index.ts";
import type { ListenPoint } from "../transport/model.ts";

/** Headers an app cannot add to a proxied request. */
const BARRED = new Set([
  "Via",
  "From",
  "To",
  "Call-ID",
  "CSeq",
  "Max-Forwards",
  "Content-Length",
  "Route",
  "Record-Route",
]);

const DIALOG_MAKERS = new Set(["INVITE", "SUBSCRIBE", "REFER"]);

/** Stands for the Call-ID in a Path, which serves many calls. */
const PATH = "path";

/** Valid for the life of the engine, so that nobody can make it a relay by writing a Route. */
function mark({ chance }: CoreContext, callId: string, flow: string): string {
  return createHmac("sha256", chance.secret).update(`${callId} ${flow}`).digest("hex").slice(0, 16);
}

/** A Record-Route or Path element for one side; `flow` is the connection that side must be reached by. */
function routeFor(context: CoreContext, local: ListenPoint, callId: string, flow: string): string {
  const transport = local.protocol === "udp" ? "" : `;transport=${local.protocol}`;
  const by = flow === "" ? "" : `;fl=${flow.replaceAll("/", "_")}`;
  return `<sip:${localAuthority(local)}${transport};lr;zj=${mark(context, callId, flow)}${by}>`;
}

/** What the routes of ours on top of a request say. */
export interface OwnRoutes {
  readonly count: number;
  /** Connection to the next hop, where it was marked. */
  readonly flow?: string;
}

/** Our marked routes on top of the Route set. */
export function ownRoutes(context: CoreContext, request: SipRequest): OwnRoutes {
  let count = 0;
  let flow = "";
  for (const value of getList(request, "Route")) {
    const uri = uriOf(value);
    const given = uriParameter(uri, "zj");
    if (given === undefined || !namesUs(context.transport.listening, uri)) break;
    const by = (uriParameter(uri, "fl") ?? "").replaceAll("_", "/");
    if (given !== mark(context, callIdOf(request), by) && given !== mark(context, PATH, by)) break;
    count++;
    flow = by;
  }
  return flow === "" ? { count } : { count, flow };
}

/** Hash of what decides the way of a request: equal in one of our own Vias means a loop (RFC 3261 §16.3 step 4). */
export function loopHash(request: SipRequest, uri = request.uri): string {
  const parts = [
    uri,
    tagOf(getHeader(request, "From")) ?? "",
    tagOf(getHeader(request, "To")) ?? "",
    callIdOf(request),
    (getHeader(request, "CSeq") ?? "").split(/\s/)[0],
    ...getList(request, "Route"),
    getHeader(request, "Proxy-Authorization") ?? "",
  ];
  return Bun.hash(parts.join("\n")).toString(36);
}

/** Whether the request has been here before with nothing changed. */
export function isLoop(request: SipRequest): boolean {
  const ending = `.${loopHash(request)}`;
  return getList(request, "Via").some((via) => {
    const branch = /;\s*branch=([^;,\s]+)/i.exec(via)?.[1];
    return branch?.startsWith("z9hG4bK") === true && branch.endsWith(ending);
  });
}

export interface Forwarded {
  readonly request: SipRequest;
  readonly branch: string;
}

/**
 * The copy of a request for one hop.
 * @param uri the new Request-URI. @param from how the original arrived, for the route of that side.
 * @returns undefined when no listener speaks the hop's protocol.
 */
export function forward(
  context: CoreContext,
  original: SipRequest,
  uri: string,
  hop: Hop,
  options: {
    readonly record: boolean;
    readonly headers: readonly SipHeader[];
    readonly from: Destination & { readonly flow: string };
    /** Routes of ours to take off. */
    readonly ownRoutes: number;
  },
): Forwarded | undefined {
  const local = context.local(hop.destination.protocol, hop.destination.address);
  if (!local) return undefined;
  const request: SipRequest = {
    ...original,
    uri,
    headers: original.headers.map((entry) => ({ ...entry })),
  };
  for (let left = options.ownRoutes; left > 0; left--) shiftHeader(request, "Route");
  const hops = Number(getHeader(request, "Max-Forwards") ?? 71);
  setHeader(request, "Max-Forwards", String(hops - 1));
  for (const entry of options.headers) {
    if (!BARRED.has(entry.name)) setHeader(request, entry.name, entry.value);
  }
  if (options.record) addRoutes(context, request, local, hop, options.from);
  const branch = `${newBranch(context.chance)}.${loopHash(original)}`;
  const via = `SIP/2.0/${local.protocol.toUpperCase()} ${localAuthority(local)};branch=${branch};rport`;
  request.headers.unshift({ name: "Via", value: via });
  return { request, branch };
}

/** Two elements when the sides differ (RFC 5658), so that each side finds an address it can reach. */
function addRoutes(
  context: CoreContext,
  request: SipRequest,
  local: ListenPoint,
  hop: Hop,
  from: Destination & { readonly flow: string },
): void {
  const callId = callIdOf(request);
  const inner = context.local(from.protocol, from.address) ?? local;
  const outFlow = hop.target.by === "flow" ? hop.target.flow : "";
  const inFlow = from.protocol === "udp" ? "" : from.flow;
  const elements = [routeFor(context, local, callId, outFlow)];
  // A wildcard listener has one port and an address for each network.
  const sides = [inner, local].map((side) => `${side.protocol} ${localAuthority(side)}`);
  if (sides[0] !== sides[1] || outFlow !== "" || inFlow !== "") {
    elements.push(routeFor(context, inner, callId, inFlow));
  }
  if (request.method === "REGISTER") {
    // The registrar reaches the device through us: only the device's side matters (RFC 3327).
    request.headers.unshift({ name: "Path", value: routeFor(context, local, PATH, inFlow) });
    request.headers.push({ name: "Require", value: "path" });
  } else if (DIALOG_MAKERS.has(request.method)) {
    request.headers.unshift({ name: "Record-Route", value: elements.join(", ") });
  }
}

/** The response for the side it is passed on to: without our Via. */
export function withoutTopVia<T extends { headers: SipHeader[] }>(message: T): T {
  const copy = { ...message, headers: message.headers.map((entry) => ({ ...entry })) };
  shiftHeader(copy, "Via");
  return copy;
}
