/** The trunk tried after one that could not take a call. */
import type { LegEndCause } from "../../../sip/index.ts";
import type { Office } from "./office.ts";

/** How a call through a trunk failed. */
export interface TrunkFailure {
  readonly cause: LegEndCause;
  readonly sipStatus?: number;
  /** The called party was alerted, or the network already played something. */
  readonly rang: boolean;
}

/**
 * Whether the line failed, not the called party: full, silent, out of order (5xx) or our account is refused. Busy,
 * declined, unknown and whatever else tells about the number called is final on every line.
 */
export function lineFailed(failure: TrunkFailure): boolean {
  if (failure.rang) return false;
  const status = failure.sipStatus;
  switch (failure.cause) {
    case "congestion":
    case "timeout":
      return true;
    case "unreachable":
    case "error":
      return status === undefined || status === 408 || (status >= 500 && status < 600);
    case "forbidden":
      return status === 401 || status === 407;
    default:
      return false;
  }
}

/**
 * The next trunk in the order set, of those not tried; null when there is none. Emergency calls go on to every trunk
 * that is switched on.
 */
export function followingTrunk(office: Office, tried: readonly number[], emergency: boolean): number | null {
  const usable = (id: number) => office.trunks.get(id)?.enabled === true && !tried.includes(id);
  const seen = new Set<number>();
  for (let at = tried[0]; at !== undefined && !seen.has(at); ) {
    seen.add(at);
    const next = office.trunks.get(at)?.nextTrunkId ?? undefined;
    if (next !== undefined && usable(next)) return next;
    at = next;
  }
  if (!emergency) return null;
  return [...office.trunks.keys()].find(usable) ?? null;
}
