/** INVITE with Replaces (RFC 3891 §3): a phone takes the place of a party in a call of ours. */
import type { LegId, LegSource } from "./model.ts";
import { parseReplaces, type ReplacesTarget } from "./transfer.ts";

export type Replacement =
  | { readonly kind: "none" }
  | { readonly kind: "take"; readonly leg: LegId }
  | { readonly kind: "refuse"; readonly status: 400 | 481 | 486 | 603; readonly reason: string };

/**
 * What the Replaces header of an INVITE from `source` asks. Only extensions that have proven themselves may take a
 * call over: the dialog is of this office, and its tags are known to nobody but its parties. `find` gives the answered
 * leg with that dialog.
 */
export function decideReplaces(
  header: string | undefined,
  source: LegSource["kind"],
  find: (target: ReplacesTarget) => LegId | undefined,
): Replacement {
  if (header === undefined) return { kind: "none" };
  const target = parseReplaces(header);
  if (target === undefined || header.includes(","))
    return { kind: "refuse", status: 400, reason: "Bad Replaces" };
  if (source !== "extension") return { kind: "refuse", status: 603, reason: "Not For Others" };
  const leg = find(target);
  if (leg === undefined) return { kind: "refuse", status: 481, reason: "Call/Transaction Does Not Exist" };
  // "early-only" wants a call that still rings; those we know by their dialog have been answered.
  if (/;\s*early-only\b/i.test(header)) return { kind: "refuse", status: 486, reason: "Busy Here" };
  return { kind: "take", leg };
}
