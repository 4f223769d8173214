/** Trunks for the tests of routing: usual values, and what a test changes. */
import type { TrunkInput } from "./model.ts";

/** A carrier that wants a registration as "acct" with the password "pw". */
export function trunkInput(over: Partial<TrunkInput> = {}): TrunkInput {
  return {
    name: "Carrier",
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
    registerExpiresS: 300,
    optionsPingS: 30,
    codecs: ["PCMA"],
    identityHeader: "pai",
    ...over,
  };
}
