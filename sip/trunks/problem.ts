/** Why a trunk does not work, from what came back: a code for the pages, English words for the log. */
import type { TrunkProblem } from "../directory.ts";

export interface FailedAnswer {
  readonly status: number;
  readonly reason: string;
  readonly origin: "network" | "local";
  /** What the system said about a failure of our own. */
  readonly warning?: string | undefined;
}

const MAX_DETAIL = 160;

/** The problem behind a final answer that is no success. */
export function problemOf(reply: FailedAnswer): TrunkProblem {
  const said = (reply.warning ?? "").slice(0, MAX_DETAIL);
  if (reply.origin === "local" && reply.status !== 408) {
    const text = `${reply.reason} ${said}`;
    if (/resolve destination|ENOTFOUND|invalid request-uri/i.test(text))
      return { code: "host-unknown", detail: "" };
    if (/protocol\/transport not available|no-listener|no UDP listener/i.test(text))
      return { code: "no-transport", detail: "" };
    if (/certificate|self.signed|CERT_|altname|hostname|issuer/i.test(text))
      return { code: "certificate", detail: said };
    if (/no answer/i.test(said)) return { code: "no-answer", detail: "" };
    if (/engine/i.test(reply.reason)) return { code: "engine", detail: reply.reason };
    return { code: "no-connection", detail: said };
  }
  const detail = `${reply.status} ${reply.reason}`.trim().slice(0, MAX_DETAIL);
  switch (reply.status) {
    case 408:
      return { code: "no-answer", detail: "" };
    case 401:
    case 407:
      return { code: "wrong-password", detail };
    case 403:
      return { code: "forbidden", detail };
    case 404:
      return { code: "user-unknown", detail };
    default:
      return { code: "rejected", detail };
  }
}

/** In English, for the log and the doctor; the pages have their own words for each code. */
export function problemWords({ code, detail }: TrunkProblem): string {
  switch (code) {
    case "not-checked":
      return "Not checked yet";
    case "untried":
      return "No answer to OPTIONS and no call so far";
    case "no-answer":
      return "No answer from the carrier";
    case "host-unknown":
      return "Host not found";
    case "no-connection":
      return `Carrier cannot be reached${detail === "" ? "" : ` (${detail})`}`;
    case "certificate":
      return `Certificate not trusted${detail === "" ? "" : ` (${detail})`}`;
    case "no-transport":
      return "The exchange does not speak this transport";
    case "engine":
      return "SIP engine not running";
    case "wrong-password":
      return `${detail}: wrong user name or password`;
    case "forbidden":
      return `${detail}: account or password not accepted`;
    case "user-unknown":
      return `${detail}: user unknown to the carrier`;
    case "rejected":
      return detail;
    case "ran-out":
      return "Registration ran out";
  }
}
