/**
 * Several REGISTERs decided together, so that one commit makes all of them durable (RFC 3261 §10.3): each sees what
 * those before it changed, and only the outcome of all is written.
 */
import type { RegistrationChanges, RegistrationRow } from "../directory.ts";
import {
  decideRegister,
  type RegisterDecision,
  type RegisterLimits,
  type RegisterRequest,
} from "./bindings.ts";

export interface BatchOutcome {
  /** One a request, in order. */
  readonly decisions: readonly RegisterDecision[];
  /** The bindings of each extension that changed, as they are afterwards. */
  readonly bindings: ReadonlyMap<number, readonly RegistrationRow[]>;
  readonly changes: RegistrationChanges;
}

/** Decides the requests in order. `bindingsOf` gives the live bindings of an extension before the batch. */
export function decideBatch(
  requests: readonly RegisterRequest[],
  bindingsOf: (extensionId: number) => readonly RegistrationRow[],
  limits: RegisterLimits,
  now: number,
): BatchOutcome {
  const bindings = new Map<number, readonly RegistrationRow[]>();
  /** The last word on each binding: a row to keep, or the one that went. */
  const last = new Map<string, { readonly row: RegistrationRow; readonly kept: boolean }>();
  const decisions = requests.map((request) => {
    const { extensionId } = request;
    const current = bindings.get(extensionId) ?? bindingsOf(extensionId);
    const decision = decideRegister(current, request, limits, now);
    if (decision.kind === "ok" && decision.saved.length + decision.removed.length > 0) {
      bindings.set(extensionId, decision.bindings);
      for (const row of decision.removed) last.set(`${extensionId} ${row.contact}`, { row, kept: false });
      for (const row of decision.saved) last.set(`${extensionId} ${row.contact}`, { row, kept: true });
    }
    return decision;
  });
  const saved: RegistrationRow[] = [];
  const removed: RegistrationRow[] = [];
  for (const { row, kept } of last.values()) (kept ? saved : removed).push(row);
  return { decisions, bindings, changes: { saved, removed } };
}
