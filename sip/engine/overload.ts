/**
 * What happens when the application lags: new work is answered 503 with Retry-After before it is queued for it
 * (RFC 3261 §21.5.4, RFC 6357), so that an overload costs neither memory nor the calls that are up.
 */
import { getHeader } from "./message/headers.ts";
import type { SipRequest, SipResponse } from "./message/model.ts";
import { statelessResponse } from "./message/validate.ts";
import { retryAfter, tagOf } from "./transaction/index.ts";

export interface OverloadBounds {
  /** Requests the application has not answered yet: beyond this many only calls are taken. */
  readonly pending: number;
  /** And beyond this many not even calls. */
  readonly pendingCalls: number;
  /** Bytes for the application that its socket does not take. */
  readonly backlogBytes: number;
}

export const OVERLOAD_BOUNDS: OverloadBounds = {
  pending: 2_000,
  pendingCalls: 6_000,
  backlogBytes: 4 * 1_048_576,
};

/** How far behind the application is. */
export interface Lag {
  readonly pending: number;
  readonly backlogBytes: number;
}

/** The 503 for a new request, or undefined when there is room. Requests in dialogs always pass: they end work. */
export function refuseWhenBusy(
  request: SipRequest,
  lag: Lag,
  bounds: OverloadBounds = OVERLOAD_BOUNDS,
): SipResponse | undefined {
  const { method } = request;
  const most = method === "INVITE" ? bounds.pendingCalls : bounds.pending;
  if (lag.pending < most && lag.backlogBytes < bounds.backlogBytes) return undefined;
  if (method === "ACK" || method === "CANCEL" || method === "BYE") return undefined;
  if (tagOf(getHeader(request, "To")) !== undefined) return undefined;
  const response = statelessResponse(request, 503);
  response.headers.push({ name: "Retry-After", value: retryAfter() });
  return response;
}
