/** received and rport in the top Via of a request (RFC 3261 §18.2.1, RFC 3581 §4). */
import { type SipRequest, sameHost, setTopVia, topVia } from "../message/index.ts";

/** Notes the source in the top Via; false when there is no readable Via. */
export function markReceived(request: SipRequest, address: string, port: number): boolean {
  const via = topVia(request);
  if (!via) return false;
  // What the sender claims about itself is never believed.
  const claimed = via.params.has("received") || via.params.get("rport") !== undefined;
  const wantsPort = via.params.has("rport");
  const differs = !sameHost(via.host, address);
  if (!wantsPort && !differs && !claimed) return true;
  const params = new Map(via.params);
  params.delete("received");
  if (wantsPort) params.set("rport", String(port));
  if (wantsPort || differs) params.set("received", address);
  setTopVia(request, { ...via, params });
  return true;
}
