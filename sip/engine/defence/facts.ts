/** Reads out of a request what the defence judges it by. */
import { getHeader } from "../message/headers.ts";
import type { SipRequest } from "../message/model.ts";
import { tagOf } from "../transaction/index.ts";
import type { RequestFacts } from "./model.ts";

/** Names of attack tools in User-Agent. A hint only: it can be left out, or borrowed by an honest tester. */
const TOOLS =
  /friendly-scanner|sipvicious|sipcli|pplsip|sip-?scan|sundayddr|vaxsipuseragent|\bvicidial-scan|smap\b|sivus|friendly-request|gulp\b|masscan|zgrab|nmap|nuclei|sipptk/i;

const BETWEEN = new Set(["ACK", "BYE", "CANCEL", "PRACK", "UPDATE"]);

/** Length of what is looked at of any header: an attacker chooses it. */
const MOST = 300;

export function isTool(agent: string): boolean {
  return TOOLS.test(agent.slice(0, MOST));
}

function userOf(address: string): string {
  return /sips?:([^@;>\s]*)@/i.exec(address.slice(0, MOST))?.[1] ?? "";
}

export function factsOf(request: SipRequest): RequestFacts {
  const credentials = getHeader(request, "Authorization") ?? getHeader(request, "Proxy-Authorization");
  const to = getHeader(request, "To") ?? "";
  return {
    method: request.method,
    user:
      credentials === undefined ? undefined : (/username\s*=\s*"([^"]{0,100})/i.exec(credentials)?.[1] ?? ""),
    name: `${userOf(to)} ${userOf(getHeader(request, "From") ?? "")}`.slice(0, 128),
    fresh: !BETWEEN.has(request.method) && tagOf(to) === undefined,
    tool: isTool(getHeader(request, "User-Agent") ?? ""),
  };
}
