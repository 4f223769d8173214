/** The rules of REGISTER (RFC 3261 §10.3, RFC 5626 §6), decided without clock and without I/O. */

import type { RegistrationRow } from "../directory.ts";
import { parseAddressList } from "../engine/message/address.ts";
import { parseUri, sameUri } from "../engine/message/uri.ts";

export interface RegisterLimits {
  readonly minExpiresS: number;
  readonly maxExpiresS: number;
  readonly defaultExpiresS: number;
  /** Most devices an extension; the oldest gives way. */
  readonly maxDevices: number;
}

export const DEFAULT_LIMITS: RegisterLimits = {
  minExpiresS: 60,
  maxExpiresS: 3600,
  defaultExpiresS: 3600,
  maxDevices: 10,
};

/** A REGISTER whose sender is proven. */
export interface RegisterRequest {
  readonly extensionId: number;
  readonly number: string;
  readonly callId: string;
  readonly cseq: number;
  /** Contact header; undefined in a query. */
  readonly contact: string | undefined;
  /** Expires header. */
  readonly expires: string | undefined;
  readonly source: string;
  readonly userAgent: string;
  /** Route values of the Path header, in order. */
  readonly path?: readonly string[];
}

export type RegisterDecision =
  | {
      readonly kind: "ok";
      /** All bindings of the extension afterwards. */
      readonly bindings: readonly RegistrationRow[];
      readonly saved: readonly RegistrationRow[];
      readonly removed: readonly RegistrationRow[];
    }
  | { readonly kind: "refused"; readonly status: 400 | 423 | 500; readonly reason: string };

const MAX_CONTACTS = 10;

function refused(status: 400 | 423 | 500, reason: string): RegisterDecision {
  return { kind: "refused", status, reason };
}

function seconds(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text.trim())) return undefined;
  return Math.min(Number(text.trim()), 0xffffffff);
}

/** Contact URIs that mean the same device address (RFC 3261 §19.1.4). */
export function sameContact(left: string, right: string): boolean {
  if (left === right) return true;
  const a = parseUri(left);
  const b = parseUri(right);
  return a !== undefined && b !== undefined && sameUri(a, b);
}

/** Applies a REGISTER to the live bindings of its extension. `now` in UTC ms. */
export function decideRegister(
  current: readonly RegistrationRow[],
  request: RegisterRequest,
  limits: RegisterLimits,
  now: number,
): RegisterDecision {
  const live = current.filter((row) => row.expiresAt > now);
  const contact = request.contact?.trim();
  if (contact === undefined || contact === "") return { kind: "ok", bindings: live, saved: [], removed: [] };
  if (contact === "*") return removeAll(live, request);

  const addresses = parseAddressList(contact);
  if (addresses === undefined) return refused(400, "Malformed Contact");
  if (addresses.length > MAX_CONTACTS) return refused(400, "Too Many Contacts");
  let bindings = [...live];
  const saved: RegistrationRow[] = [];
  const removed: RegistrationRow[] = [];
  for (const address of addresses) {
    if (address.uri === "*") return refused(400, "Wildcard With Other Contacts");
    if (parseUri(address.uri)?.kind !== "sip") return refused(400, "Contact Is Not a SIP URI");
    const asked =
      seconds(address.params.get("expires")) ?? seconds(request.expires) ?? limits.defaultExpiresS;
    if (asked !== 0 && asked < limits.minExpiresS) return refused(423, "Interval Too Brief");
    const instance = (address.params.get("+sip.instance") ?? "").replace(/^"|"$/g, "");
    const same = bindings.filter((row) => replaces(row, address.uri, instance, request, addresses.length));
    if (same.some((row) => row.callId === request.callId && row.cseq > request.cseq)) {
      return refused(500, "CSeq Out of Order");
    }
    bindings = bindings.filter((row) => !same.includes(row));
    removed.push(...same.filter((row) => asked === 0 || row.contact !== address.uri));
    if (asked === 0) continue;
    const row: RegistrationRow = {
      extensionId: request.extensionId,
      number: request.number,
      contact: address.uri,
      source: request.source,
      userAgent: request.userAgent,
      callId: request.callId,
      cseq: request.cseq,
      instance,
      ...(request.path === undefined || request.path.length === 0 ? {} : { path: request.path }),
      registeredAt: same[0]?.registeredAt ?? now,
      expiresAt: now + Math.min(asked, limits.maxExpiresS) * 1000,
    };
    bindings.push(row);
    saved.push(row);
  }
  while (bindings.length > limits.maxDevices) {
    const oldest = bindings.shift();
    if (oldest !== undefined) removed.push(oldest);
  }
  return { kind: "ok", bindings, saved: saved.filter((row) => bindings.includes(row)), removed };
}

/** Whether a new contact takes the place of an older binding. */
function replaces(
  row: RegistrationRow,
  uri: string,
  instance: string,
  request: RegisterRequest,
  contacts: number,
): boolean {
  if (sameContact(row.contact, uri)) return true;
  if (instance !== "" && row.instance === instance) return true;
  // A device keeps its Call-ID over refreshes; with another Contact now, its address has changed (NAT, DHCP).
  return contacts === 1 && row.callId === request.callId && row.cseq < request.cseq;
}

function removeAll(live: readonly RegistrationRow[], request: RegisterRequest): RegisterDecision {
  if (seconds(request.expires) !== 0) return refused(400, "Wildcard Needs Expires 0");
  if (live.some((row) => row.callId === request.callId && row.cseq > request.cseq)) {
    return refused(500, "CSeq Out of Order");
  }
  return { kind: "ok", bindings: [], saved: [], removed: live };
}

/** Contact lines of the 200: every live binding with the seconds it has left. */
export function contactLines(bindings: readonly RegistrationRow[], now: number): string[] {
  return bindings.map((row) => {
    const left = Math.max(0, Math.ceil((row.expiresAt - now) / 1000));
    return `<${row.contact}>;expires=${left}${row.instance === "" ? "" : `;+sip.instance="${row.instance}"`}`;
  });
}
