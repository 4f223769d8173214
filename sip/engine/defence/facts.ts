/** Reads out of a request what the defence judges it by. */
import { parseAuth } from "../message/auth.ts";
import { getHeader } from "../message/headers.ts";
import type { SipRequest } from "../message/model.ts";
import { splitList } from "../message/tokens.ts";
import { tagOf } from "../transaction/index.ts";
import { MOST_USER, type RequestFacts } from "./model.ts";

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

/**
 * The user of the credentials as the app will read it, undefined without credentials. A line of the usual form is read
 * at a glance; whatever is unusual is parsed, for a second name in it must not hide the one that is tried. Several names
 * are no phone's doing: they count as one, "".
 */
function credentialsUser(request: SipRequest): string | undefined {
  let first: string | undefined;
  let more = false;
  for (const { name, value } of request.headers) {
    if (name !== "Authorization" && name !== "Proxy-Authorization") continue;
    more ||= first !== undefined;
    first = first === undefined ? value : `${first}, ${value}`;
  }
  if (first === undefined) return undefined;
  const found = first.match(/username/gi)?.length ?? 0;
  const usual = /^Digest[ \t]+(?:[^"]*[ \t,])?username="([^"\\]*)"/i.exec(first)?.[1];
  if (!more && found === 1 && usual !== undefined) return usual.slice(0, MOST_USER);
  const users = new Set(splitCredentials(first).map((text) => parseAuth(text)?.params.get("username")));
  users.delete(undefined);
  const [only = ""] = users;
  return users.size === 1 ? only.slice(0, MOST_USER) : "";
}

/** Credentials joined by commas, apart: one begins where a scheme stands before a parameter. */
function splitCredentials(value: string): string[] {
  const out: string[] = [];
  for (const part of splitList(value)) {
    const last = out.at(-1);
    if (last === undefined || /^[A-Za-z][\w-]*[ \t]+[\w-]+[ \t]*=/.test(part)) out.push(part);
    else out[out.length - 1] = `${last}, ${part}`;
  }
  return out;
}

export function factsOf(request: SipRequest): RequestFacts {
  const to = getHeader(request, "To") ?? "";
  return {
    method: request.method,
    user: credentialsUser(request),
    name: `${userOf(to)} ${userOf(getHeader(request, "From") ?? "")}`.slice(0, 128),
    fresh: !BETWEEN.has(request.method) && tagOf(to) === undefined,
    tool: isTool(getHeader(request, "User-Agent") ?? ""),
  };
}
