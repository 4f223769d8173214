/** Trunks and extensions of the tests: usual values, and what a test changes. */
import { type EndpointCredentials, TRUNK_DEFAULTS, type TrunkConfig } from "./directory.ts";
import { makeHa1 } from "./srf/digest.ts";

/** A carrier that wants a registration as "acct" with the password "pw". */
export function trunkConfig(over: Partial<TrunkConfig> = {}): TrunkConfig {
  return {
    id: 1,
    name: "carrier",
    enabled: true,
    kind: "registration",
    host: "sip.carrier.cn",
    port: 0,
    transport: "udp",
    username: "acct",
    authUsername: "",
    password: "pw",
    fromDomain: "",
    outboundProxy: "",
    allowedAddresses: [],
    maxCalls: 0,
    registerExpiresS: 600,
    optionsPingS: 0,
    codecs: [],
    ...TRUNK_DEFAULTS,
    identityHeader: "none",
    ...over,
  };
}

/** Extension 1001 of the realm "zongji" with the password "pw", or another with its own. */
export function extension(
  over: Partial<EndpointCredentials> = {},
  password = "pw",
  realm = "zongji",
): EndpointCredentials {
  const { number = "1001" } = over;
  return {
    extensionId: 1,
    number,
    name: "Li",
    ha1Md5: makeHa1("MD5", number, realm, password),
    ha1Sha256: makeHa1("SHA-256", number, realm, password),
    enabled: true,
    allowRemote: false,
    ...over,
  };
}
