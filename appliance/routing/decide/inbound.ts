/** Where a call from a trunk goes: blacklist > DID disabled > DID's own destination > routes in order > default (W-3.6.1). */
import type { Destination } from "../model.ts";
import type { Why } from "../why.ts";
import type { DidConfig, InboundRouteConfig, Office } from "./office.ts";

export interface InboundCall {
  /** Number dialled, as the carrier sent it. */
  readonly dialled: string;
  readonly callerNumber: string;
  readonly callerName: string;
  readonly trunkId: number;
  readonly region?: string;
}

export type InboundDecision =
  | {
      readonly action: "route";
      readonly by: "did" | "inbound-route" | "default";
      readonly routeId?: number;
      readonly did: DidConfig | null;
      readonly destination: Destination;
      readonly callerNumber: string;
      readonly callerName: string;
      readonly lastAgentFirst: boolean;
      readonly why: Why;
    }
  | {
      readonly action: "reject";
      readonly reason: "blacklist" | "did-disabled" | "unknown-number";
      readonly did: DidConfig | null;
      readonly status: 403 | 404 | 480 | 603;
      readonly why: Why;
    };

/** Decides; pure. A DID row may list several numbers separated by spaces or commas (W-3.5.1.8). */
export function decideInbound(office: Office, call: InboundCall): InboundDecision {
  const did = findDid(office, call);
  if (office.blacklist.has(bare(call.callerNumber)) || office.blacklist.has(call.callerNumber))
    return {
      action: "reject",
      reason: "blacklist",
      did,
      status: 603,
      why: { code: "blacklisted", params: { number: call.callerNumber } },
    };
  if (did && !did.enabled)
    return {
      action: "reject",
      reason: "did-disabled",
      did,
      status: 480,
      why: { code: "did-disabled", params: { number: did.number } },
    };

  const prefixed = (did?.callerNumberPrefix ?? "") + call.callerNumber;
  const callerName = (did?.callerNamePrefix ?? "") + call.callerName;
  const base = { action: "route", did, callerName } as const;
  if (did?.destination)
    return {
      ...base,
      by: "did",
      destination: did.destination,
      callerNumber: prefixed,
      lastAgentFirst: false,
      why: { code: "did-destination", params: { number: did.number } },
    };
  for (const route of office.inboundRoutes) {
    if (!matches(route, call, did)) continue;
    return {
      ...base,
      by: "inbound-route",
      routeId: route.id,
      destination: route.destination,
      callerNumber: route.addCallerPrefix + strip(prefixed, route.removeCallerPrefix),
      lastAgentFirst: route.lastAgentFirst,
      why: { code: "inbound-route", params: { name: route.name } },
    };
  }
  if (did && office.defaultRoute)
    return {
      ...base,
      by: "default",
      destination: office.defaultRoute,
      callerNumber: prefixed,
      lastAgentFirst: false,
      why: { code: "default-route" },
    };
  return {
    action: "reject",
    reason: "unknown-number",
    did,
    status: 404,
    why: did
      ? { code: "no-route", params: { number: did.number } }
      : { code: "not-ours", params: { number: call.dialled } },
  };
}

/** Whether a number is one of the office's own that is switched on: what strangers may call, if anything. */
export function isPublicNumber(office: Office, dialled: string): boolean {
  return findDid(office, { dialled, trunkId: -1 })?.enabled === true;
}

function findDid(office: Office, call: Pick<InboundCall, "dialled" | "trunkId">): DidConfig | null {
  const dialled = bare(call.dialled);
  let other: DidConfig | null = null;
  for (const did of office.dids) {
    const hit = did.number.split(/[\s,]+/).some((number) => number !== "" && bare(number) === dialled);
    if (!hit) continue;
    if (did.trunkId === null || did.trunkId === call.trunkId) return did;
    other ??= did;
  }
  return other;
}

function matches(route: InboundRouteConfig, call: InboundCall, did: DidConfig | null): boolean {
  // A route never makes a foreign number ours: without a DID only routes that look at the number itself may match.
  if (!did && (route.subject === "caller" || route.value === "")) return false;
  if (route.value === "") return true;
  const subject = route.subject === "caller" ? call.callerNumber : call.dialled;
  switch (route.method) {
    case "prefix":
      return subject.startsWith(route.value);
    case "pattern":
      return route.subject === "caller" ? subject.includes(route.value) : test(route.value, subject);
    case "group":
      return did !== null && did.groupLabel === route.value;
    case "region":
      return call.region !== undefined && call.region === route.value;
  }
}

function test(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern).test(text.slice(0, 64));
  } catch {
    return false;
  }
}

function strip(number: string, prefix: string): string {
  return prefix !== "" && number.startsWith(prefix) ? number.slice(prefix.length) : number;
}

function bare(number: string): string {
  return number.replace(/^\+/, "");
}
