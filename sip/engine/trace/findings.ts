/**
 * "Why did this fail, why was there no audio": rules over a traced call. Each looks at one talk and names what it
 * finds by a code with parameters; the words stand in the catalogues of the pages.
 */

import { type Finding, finding, type Rule } from "./finding.ts";
import type { LadderStep } from "./ladder.ts";
import { detailOf, ownRefusalOf, reasonWords, refusalOf } from "./refusals.ts";
import { MEDIA_RULES } from "./sound.ts";
import {
  answersTo,
  endOf,
  finalTo,
  isChallenge,
  isRequest,
  lastTry,
  openings,
  secondsFrom,
  type Talk,
  type TraceFacts,
  talksOf,
} from "./talks.ts";

/** Retransmissions after which silence is no longer a single lost packet. */
const SILENT_TRIES = 3;
const SILENT_MS = 4_000;
/** A UDP message longer than this is cut on its way (RFC 3261 §18.1.1). */
const SAFE_BYTES = 1_300;
/** Timer H (RFC 3261 §17.2.1): 64 × 500 ms without an ACK. */
const TIMER_H_MS = 32_000;

const passwords: Rule = (talk) => {
  const tried = lastTry(talk);
  if (!tried?.final || !isChallenge(tried.final)) {
    const refused = tried?.final?.status === 403 && tried.request.credentials;
    if (!refused || talk.ours || !tried?.final || wasLetIn(talk, tried.request)) return undefined;
    return finding(talk, "wrong-password", tried.final, { detail: detailOf(tried.final) });
  }
  const { request, final } = tried;
  const detail = { detail: detailOf(final) };
  if (request.credentials) return finding(talk, talk.ours ? "our-password" : "wrong-password", final, detail);
  return finding(talk, talk.ours ? "our-password-missing" : "no-password", final, detail);
};

/** The call became one of the office's, so its password was right: a later 403 hands on what somebody else said. */
function wasLetIn(talk: Talk, request: LadderStep): boolean {
  if (request.method !== "INVITE") return false;
  return talk.party !== undefined || answersTo(talk, request).some((step) => ringing(step.status));
}

function ringing(status = 0): boolean {
  return status > 100 && status < 200;
}

const refusal: Rule = (talk) => {
  const found = refusalOf(talk);
  if (!found) return undefined;
  const params = { detail: detailOf(found.step), codecs: found.offered };
  return finding(talk, found.code, found.step, params);
};

const ownRefusal: Rule = (talk) => {
  const found = ownRefusalOf(talk);
  if (!found) return undefined;
  const last = openings(talk).at(-1);
  // Then it was the password, see there.
  if (found.step.status === 403 && last?.credentials && !wasLetIn(talk, last)) return undefined;
  return finding(talk, found.code, found.step, { detail: detailOf(found.step), codecs: found.offered });
};

const silence: Rule = (talk) => {
  const request = talk.ours ? openings(talk).at(-1) : undefined;
  if (!request || answersTo(talk, request).length > 0) return undefined;
  const waited = endOf(talk) - request.at;
  if (request.times < SILENT_TRIES && waited < SILENT_MS) return undefined;
  const udp = talk.facts.ladder.columns[request.column]?.remote.startsWith("udp:") ?? false;
  const code = udp && request.bytes > SAFE_BYTES ? "no-response-large" : "no-response";
  const params = {
    times: request.times,
    seconds: secondsFrom(request.at, endOf(talk)),
    bytes: request.bytes,
  };
  return finding(talk, code, request, { ...params, address: talk.host });
};

const lostAck: Rule = (talk) => {
  const ok = talk.steps.find(
    (step) =>
      step.direction === "out" && step.method === "INVITE" && is2xx(step) && step.times >= SILENT_TRIES,
  );
  if (!ok) return undefined;
  const acked = talk.steps.some(
    (step) => step.direction === "in" && isRequest(step, "ACK") && step.cseq === ok.cseq && step.at >= ok.at,
  );
  if (acked) return undefined;
  const bye = talk.steps.find((step) => step.direction === "out" && isRequest(step, "BYE"));
  const seconds = secondsFrom(ok.at, bye?.at ?? ok.lastAt);
  return finding(talk, "ack-missing", ok, { times: ok.times, seconds });
};

const ourAckLost: Rule = (talk) => {
  const ok = talk.steps.find(
    (step) =>
      step.direction === "in" && step.method === "INVITE" && is2xx(step) && step.times >= SILENT_TRIES,
  );
  return ok && finding(talk, "our-ack-lost", ok, { times: ok.times });
};

const byeAfterTimerH: Rule = (talk) => {
  const bye = talk.steps.find((step) => step.direction === "in" && isRequest(step, "BYE"));
  const ok = talk.steps.find((step) => step.direction === "in" && step.method === "INVITE" && is2xx(step));
  if (!bye || !ok || Math.abs(bye.at - ok.at - TIMER_H_MS) > 1_500) return undefined;
  return finding(talk, "bye-after-32s", bye, { seconds: secondsFrom(ok.at, bye.at) });
};

const reofferRefused: Rule = (talk) => {
  for (const request of talk.steps) {
    if (!request.inDialog || !(isRequest(request, "INVITE") || isRequest(request, "UPDATE"))) continue;
    const final = finalTo(talk, request);
    const status = final?.status ?? 0;
    if (!final || status < 300 || isChallenge(final) || status === 491 || status === 408 || status === 481)
      continue;
    // Refused once and accepted at the next try is no trouble.
    const later = talk.steps.some(
      (step) => is2xx(step) && step.method === request.method && step.at > final.at,
    );
    if (!later)
      return finding(talk, "reoffer-refused", final, {
        detail: detailOf(final),
        by: final.direction === "in" ? "remote" : "us",
      });
  }
  return undefined;
};

const sessionExpired: Rule = (talk) => {
  const bye = talk.steps.find(
    (step) => isRequest(step, "BYE") && /session.{0,10}(timer|expire)/i.test(step.reason ?? ""),
  );
  if (bye) return finding(talk, "session-expired", bye);
  const refresh = talk.steps.find(
    (step) =>
      step.method !== "BYE" &&
      step.inDialog &&
      step.direction === "out" &&
      (isRequest(step, "INVITE") || isRequest(step, "UPDATE")) &&
      finalTo(talk, step)?.status === 408,
  );
  return refresh && finding(talk, "session-expired", refresh);
};

const goneInCall: Rule = (talk) => {
  const request = talk.steps.find(
    (step) =>
      step.direction === "out" &&
      step.status === undefined &&
      step.inDialog &&
      step.method !== "ACK" &&
      step.times >= SILENT_TRIES &&
      answersTo(talk, step).length === 0,
  );
  return request && finding(talk, "gone-in-call", request, { method: request.method, times: request.times });
};

const callerCancelled: Rule = (talk) => {
  const cancel = talk.steps.find((step) => step.direction === "in" && isRequest(step, "CANCEL"));
  const invite = openings(talk).at(-1);
  if (!cancel || !invite || talk.ours) return undefined;
  return finding(talk, "caller-cancelled", cancel, {
    seconds: secondsFrom(invite.at, cancel.at),
    detail: reasonWords(cancel.reason),
  });
};

const rangInVain: Rule = (talk) => {
  const cancel = talk.steps.find((step) => step.direction === "out" && isRequest(step, "CANCEL"));
  const ring = talk.steps.find((step) => step.direction === "in" && step.status === 180);
  if (!cancel || !ring || /elsewhere/i.test(cancel.reason ?? "")) return undefined;
  return finding(talk, "rang-no-answer", cancel, { seconds: secondsFrom(ring.at, cancel.at) });
};

/** Q.850 causes of an ordinary end. */
const ORDINARY = /^(?:Q\.850 (?:16|31)\b|SIP 200\b)/i;

const byeReason: Rule = (talk) => {
  const bye = talk.steps.find((step) => step.direction === "in" && isRequest(step, "BYE"));
  const words = reasonWords(bye?.reason);
  if (!bye || words === "" || ORDINARY.test(words)) return undefined;
  return finding(talk, "bye-reason", bye, { detail: words }, "hint");
};

function wasAnswered(talk: Talk): boolean {
  return talk.steps.some((step) => step.method === "INVITE" && is2xx(step));
}

function is2xx(step: LadderStep): boolean {
  return step.status !== undefined && step.status >= 200 && step.status < 300;
}

const RULES: readonly Rule[] = [
  passwords,
  silence,
  refusal,
  lostAck,
  ourAckLost,
  byeAfterTimerH,
  reofferRefused,
  sessionExpired,
  goneInCall,
  callerCancelled,
  rangInVain,
  ...MEDIA_RULES,
  byeReason,
];

/** What went wrong, causes first, each once a party. An empty list: nothing was found. */
export function explainTrace(facts: TraceFacts): Finding[] {
  const talks = talksOf(facts);
  const reached = talks.some((talk) => talk.ours && wasAnswered(talk));
  const said = talks.map((talk) => {
    const own = RULES.flatMap((rule) => rule(talk) ?? []);
    // One of several that were rung: another took the call.
    const spared = reached && talk.ours && !wasAnswered(talk);
    return { talk, own: spared ? own.map((one): Finding => ({ ...one, weight: "hint" })) : own };
  });
  const found = said.flatMap(({ own }) => own);
  const caused = said.filter(({ own }) => own.some((one) => one.weight === "cause")).map(({ talk }) => talk);
  // Our own refusal only hands on what a party did whom we called.
  const unexplained = talks.filter((talk) => !caused.some((other) => other.ours || other === talk));
  found.push(...unexplained.flatMap((talk) => ownRefusal(talk) ?? []));
  // A caller who leaves is why nobody answered.
  const left = found.some((one) => one.weight === "cause" && one.code === "caller-cancelled");
  // A phone that takes the call neither plain nor encrypted is not in want of encryption.
  const codecless = new Set(found.filter((one) => one.code === "no-codec").map((one) => one.params["who"]));
  const kept = found.filter(
    (one) =>
      !(left && one.code === "rang-no-answer") && !(one.code === "srtp" && codecless.has(one.params["who"])),
  );
  return kept.sort((a, b) => Number(a.weight === "hint") - Number(b.weight === "hint"));
}
