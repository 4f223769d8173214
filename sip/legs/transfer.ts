/** REFER as phones send it (RFC 3515, RFC 3891 §4, RFC 5589). */
import { parseAddress } from "../engine/message/address.ts";
import { decodeUser, parseUri, unescapeUri } from "../engine/message/uri.ts";
import type { DialogName } from "../srf/model.ts";

export interface ReplacesTarget {
  readonly callId: string;
  readonly toTag: string;
  readonly fromTag: string;
  /** Only while the call still rings (RFC 3891 §6.1). */
  readonly earlyOnly?: boolean;
}

export interface ReferTarget {
  /** Number or user to transfer to. */
  readonly to: string;
  /** Attended transfer: the dialog to take over. */
  readonly replaces?: ReplacesTarget;
}

/** Parses "callid;to-tag=a;from-tag=b" (RFC 3891 §6.1). */
export function parseReplaces(text: string): ReplacesTarget | undefined {
  const [callId = "", ...params] = text.split(";").map((part) => part.trim());
  const get = (name: string): string | undefined =>
    params.find((param) => param.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
  const toTag = get("to-tag");
  const fromTag = get("from-tag");
  if (callId === "" || toTag === undefined || fromTag === undefined) return undefined;
  const earlyOnly = params.some((param) => /^early-only(?:$|=)/i.test(param));
  return { callId, toTag, fromTag, ...(earlyOnly ? { earlyOnly } : {}) };
}

/** Whether `dialog` is the one a Replaces names; phones disagree on whose tag is whose. */
export function isNamed(target: ReplacesTarget, dialog: DialogName): boolean {
  const { callId, localTag, remoteTag } = dialog;
  if (callId !== target.callId) return false;
  return (
    (localTag === target.toTag && remoteTag === target.fromTag) ||
    (localTag === target.fromTag && remoteTag === target.toTag)
  );
}

/** The target of a Refer-To value; undefined when it names nothing that can be dialled. */
export function parseReferTo(value: string | undefined): ReferTarget | undefined {
  const address = parseAddress(value ?? "");
  const uri = address === undefined ? undefined : parseUri(address.uri);
  if (uri === undefined || uri.kind === "other") return undefined;
  const to = decodeUser(uri);
  const raw = uri.kind === "sip" ? (uri.headers ?? "") : "";
  const pair = raw.split("&").find((part) => /^replaces=/i.test(part));
  const replaces =
    pair === undefined ? undefined : parseReplaces(unescapeUri(pair.slice("replaces=".length)));
  if (to === "" && replaces === undefined) return undefined;
  return replaces === undefined ? { to } : { to, replaces };
}

/** Headers and body of a NOTIFY about the transfer's progress (RFC 3515 §2.4.4–2.4.5). */
export function referNotify(
  status: number,
  reason: string,
): { headers: Record<string, string>; body: string } {
  const text = reason.replace(/[\r\n]/g, " ");
  return {
    headers: {
      Event: "refer",
      "Subscription-State": status >= 200 ? "terminated;reason=noresource" : "active;expires=60",
      "Content-Type": "message/sipfrag;version=2.0",
    },
    body: `SIP/2.0 ${status} ${text}\r\n`,
  };
}
