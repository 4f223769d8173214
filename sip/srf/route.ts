/** Routes that peers give us to use: Service-Route (RFC 3608) and Path (RFC 3327). */
import { parseAddressList } from "../engine/message/address.ts";
import { parseUri } from "../engine/message/uri.ts";

const MAX_ROUTES = 8;
const MAX_ROUTE_CHARS = 500;

/**
 * The values of a Service-Route (RFC 3608), Path (RFC 3327) or Route header that can be used as a route: SIP URIs with
 * `lr`, few and short. Undefined when the header is there but not usable as a whole.
 */
export function routeValues(header: string | undefined): readonly string[] | undefined {
  if (header === undefined || header.trim() === "") return [];
  const addresses = parseAddressList(header);
  if (addresses === undefined || addresses.length > MAX_ROUTES) return undefined;
  const values: string[] = [];
  for (const { uri } of addresses) {
    const parsed = parseUri(uri);
    if (parsed?.kind !== "sip" || !parsed.params.has("lr") || uri.length > MAX_ROUTE_CHARS) return undefined;
    values.push(`<${uri}>`);
  }
  return values;
}
