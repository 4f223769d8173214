/** INVITE with Replaces (RFC 3891 §3): a phone takes the place of a party in a call of ours. */
import type { FoundLeg } from "./leg.ts";
import type { LegId, LegSource } from "./model.ts";
import { parseReplaces, type ReplacesTarget } from "./transfer.ts";

export type Replacement =
  | { readonly kind: "none" }
  | { readonly kind: "take"; readonly leg: LegId }
  | { readonly kind: "refuse"; readonly status: 400 | 481 | 486 | 603; readonly reason: string };

/**
 * What the Replaces header of an INVITE from `source` asks. Only extensions that have proven themselves may take a
 * call over: the dialog is of this office, and its tags are known to nobody but its parties. `find` gives the leg with
 * that dialog; of calls that still ring only those that we placed (§3).
 */
export function decideReplaces(
  header: string | undefined,
  source: LegSource["kind"],
  find: (target: ReplacesTarget) => FoundLeg | undefined,
): Replacement {
  if (header === undefined) return { kind: "none" };
  const target = parseReplaces(header);
  if (target === undefined || header.includes(","))
    return { kind: "refuse", status: 400, reason: "Bad Replaces" };
  if (source !== "extension") return { kind: "refuse", status: 603, reason: "Not For Others" };
  const found = find(target);
  if (found === undefined) return { kind: "refuse", status: 481, reason: "Call/Transaction Does Not Exist" };
  if (target.earlyOnly === true && !found.early) return { kind: "refuse", status: 486, reason: "Busy Here" };
  return { kind: "take", leg: found.leg };
}
