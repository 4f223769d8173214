/** Why a call did not come about, by the final answer to its INVITE (RFC 3261 §21) and its Reason and Warning. */
import type { FindingCode } from "./finding.ts";
import type { LadderStep } from "./ladder.ts";
import { isChallenge, lastTry, type Talk } from "./talks.ts";

const BY_STATUS: Readonly<Record<number, FindingCode>> = {
  300: "redirected",
  301: "redirected",
  302: "redirected",
  305: "redirected",
  380: "redirected",
  400: "bad-request",
  403: "forbidden",
  404: "unknown-number",
  408: "timed-out",
  410: "unknown-number",
  413: "too-large",
  415: "no-codec",
  420: "extension-required",
  421: "extension-required",
  480: "unavailable",
  482: "loop",
  483: "loop",
  484: "unknown-number",
  486: "busy",
  488: "no-codec",
  494: "extension-required",
  500: "server-error",
  501: "server-error",
  502: "carrier-network",
  503: "overloaded",
  504: "carrier-network",
  513: "too-large",
  580: "server-error",
  600: "busy",
  603: "declined",
  604: "unknown-number",
  606: "no-codec",
  607: "declined",
  608: "declined",
};
/** Our own refusals have sentences of their own; other statuses share one. */
const OURS: Readonly<Record<number, FindingCode>> = {
  403: "we-forbidden",
  404: "we-unknown-number",
  480: "we-unavailable",
  486: "we-busy",
  488: "we-no-codec",
  503: "we-overloaded",
  603: "we-declined",
};
const NOTHING_MEANT = new Set([487, 491]);

/** What the other side's refusal of our call means; undefined when it did not refuse. */
export function refusalOf(talk: Talk): { code: FindingCode; step: LadderStep; offered: string } | undefined {
  const tried = talk.ours ? lastTry(talk) : undefined;
  const { final, request } = tried ?? {};
  const status = final?.status ?? 0;
  if (!final || !request || status < 300 || isChallenge(final) || NOTHING_MEANT.has(status)) return undefined;
  const audio = request.sdp?.media.find((media) => media.kind === "audio");
  let code: FindingCode = BY_STATUS[status] ?? (status >= 500 && status < 600 ? "server-error" : "refused");
  if (code === "forbidden" && talk.party?.trunk === true) code = "carrier-forbidden";
  if (code === "no-codec" && aboutSrtp(final, audio?.security ?? "none")) code = "srtp";
  return { code, step: final, offered: audio?.codecs.join(", ") ?? "" };
}

/** Our refusal of their call. */
export function ownRefusalOf(
  talk: Talk,
): { code: FindingCode; step: LadderStep; offered: string } | undefined {
  const tried = talk.ours ? undefined : lastTry(talk);
  const { final, request } = tried ?? {};
  const status = final?.status ?? 0;
  if (!final || !request || status < 300 || isChallenge(final) || NOTHING_MEANT.has(status)) return undefined;
  const audio = request.sdp?.media.find((media) => media.kind === "audio");
  return { code: OURS[status] ?? "we-refused", step: final, offered: audio?.codecs.join(", ") ?? "" };
}

/** "486 Busy Here · Q.850 17: User busy · Warning 304 …": what the answer itself tells. */
export function detailOf(step: LadderStep): string {
  return [step.label, reasonWords(step.reason), step.warning].filter((part) => part).join(" · ");
}

/** `Q.850;cause=17;text="User busy"` as "Q.850 17: User busy" (RFC 3326). */
export function reasonWords(reason: string | undefined): string {
  if (reason === undefined) return "";
  const protocol = /^([\w.]+)/.exec(reason)?.[1] ?? "";
  const cause = /cause=(\d+)/i.exec(reason)?.[1] ?? "";
  const text = /text="([^"]*)"/i.exec(reason)?.[1] ?? "";
  return `${protocol} ${cause}${text === "" ? "" : `: ${text}`}`.trim();
}

/** A refusal of media that is about encryption: our offer was encrypted, or the answer says so. */
function aboutSrtp(final: LadderStep, security: "none" | "sdes" | "dtls"): boolean {
  return (
    security !== "none" ||
    /srtp|savp|crypt|encrypt|secure/i.test(`${final.warning} ${final.reason} ${final.label}`)
  );
}
