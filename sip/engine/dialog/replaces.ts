/** INVITE with Replaces (RFC 3891): which dialog it names, and the refusals that need no app. */
import { getHeader, getHeaders } from "../message/headers.ts";
import type { SipRequest } from "../message/model.ts";
import { parameter } from "../transaction/index.ts";
import type { Dialog } from "./model.ts";
import type { DialogStore } from "./store.ts";

export interface ReplacesName {
  readonly callId: string;
  readonly toTag: string;
  readonly fromTag: string;
  readonly earlyOnly: boolean;
}

/** Reads a Replaces value; undefined without a Call-ID and both tags. */
export function parseReplaces(value: string): ReplacesName | undefined {
  const callId = (value.split(";")[0] ?? "").trim();
  const toTag = parameter(value, "to-tag");
  const fromTag = parameter(value, "from-tag");
  if (!/^[^\s,]+$/.test(callId) || !toTag || !fromTag) return undefined;
  return { callId, toTag, fromTag, earlyOnly: parameter(value, "early-only") !== undefined };
}

export type ReplacesVerdict =
  | { readonly kind: "none" }
  | { readonly kind: "refuse"; readonly status: 400 | 481 | 486 | 603 }
  /** It names a dialog of ours; the INVITE is for the app that has it. */
  | { readonly kind: "match"; readonly dialog: Dialog }
  /** Nothing of ours has that Call-ID. */
  | { readonly kind: "foreign" };

const NONE: ReplacesVerdict = { kind: "none" };

/** Judges a request by RFC 3891 §3. */
export function judgeReplaces(store: DialogStore, request: SipRequest): ReplacesVerdict {
  const value = getHeader(request, "Replaces");
  if (value === undefined) return NONE;
  const values = getHeaders(request, "Replaces");
  const name = parseReplaces(value);
  if (
    values.length > 1 ||
    value.includes(",") ||
    !name ||
    request.method !== "INVITE" ||
    getHeader(request, "Join") !== undefined
  ) {
    return { kind: "refuse", status: 400 };
  }
  const { callId, toTag, fromTag } = name;
  // Phones disagree on whose tag is whose; one order at most names a dialog.
  const dialog = store.find(callId, toTag, fromTag) ?? store.find(callId, fromTag, toTag);
  if (!dialog) {
    if (store.wasEnded(callId, toTag, fromTag)) return { kind: "refuse", status: 603 };
    return store.knows(callId) ? { kind: "refuse", status: 481 } : { kind: "foreign" };
  }
  if (dialog.kind !== "INVITE") return { kind: "refuse", status: 481 };
  if (dialog.state === "early") {
    // Only the side that called can be replaced while it rings.
    return dialog.role === "uac" ? { kind: "match", dialog } : { kind: "refuse", status: 481 };
  }
  return name.earlyOnly ? { kind: "refuse", status: 486 } : { kind: "match", dialog };
}
