/** Rules about the voice of a call: where it was wanted, how, and whether it came. */
import { type Finding, finding, type Rule } from "./finding.ts";
import type { LadderStep } from "./ladder.ts";
import type { SdpMedia } from "./sdp.ts";
import { isPrivate, isPublic, type Talk } from "./talks.ts";

/** Voice is missed when nothing came for this long after the answer, ms. */
const DEAF_MS = 2_000;

const privateAddress: Rule = (talk) => {
  if (!isPublic(talk.host)) return undefined;
  const step = talk.steps.find((one) => one.direction === "in" && isPrivate(one.sdp?.address ?? ""));
  // A browser's own address says nothing: ICE finds the way.
  if (!step?.sdp || step.sdp.media.some((media) => media.ice)) return undefined;
  return finding(
    talk,
    "private-media-address",
    step,
    { address: step.sdp.address, source: talk.host },
    weightOf(talk),
  );
};

const noAddress: Rule = (talk) => {
  const step = lastSdp(talk, "in");
  if (step?.sdp?.address !== "0.0.0.0" && step?.sdp?.address !== "::") return undefined;
  if (audioOf(step)?.ice) return undefined;
  return finding(talk, "no-media-address", step, { address: step.sdp?.address ?? "" });
};

/** How it stood at the end: a hold that was taken back is none. */
const held: Rule = (talk) => {
  const step = lastSdp(talk, "in");
  const direction = audioOf(step)?.direction;
  if (direction === "sendonly" || direction === "inactive")
    return finding(talk, "on-hold", step, { direction }, "hint");
  return direction === "recvonly" ? finding(talk, "only-listens", step, { direction }) : undefined;
};

const audioRefused: Rule = (talk) => {
  const step = talk.steps.find((one) => answers(one) && audioOf(one)?.port === 0);
  return step && finding(talk, "audio-refused", step, { codecs: audioOf(step)?.codecs.join(", ") ?? "" });
};

const oneSideEncrypted: Rule = (talk) => {
  for (const answer of talk.steps.filter((step) => answers(step) && audioOf(step))) {
    const offer = talk.steps.find(
      (step) =>
        step.status === undefined &&
        step.method === answer.method &&
        step.cseq === answer.cseq &&
        step.direction !== answer.direction &&
        step.sdp,
    );
    const [asked, given] = [audioOf(offer)?.security, audioOf(answer)?.security];
    if (asked === undefined || given === undefined || audioOf(answer)?.port === 0) continue;
    if ((asked === "none") !== (given === "none"))
      return finding(talk, "srtp-one-side", answer, { offer: asked, answer: given });
  }
  return undefined;
};

const noVoice: Rule = (talk) => {
  const { party, facts } = talk;
  if (!party || party.answeredAt === null) return undefined;
  const media = facts.media.find((one) => one.leg === party.leg);
  const ms = (party.endedAt ?? facts.now) - party.answeredAt;
  if (!media || media.packetsIn > 0 || ms < DEAF_MS) return undefined;
  const step = lastSdp(talk, "in");
  const direction = audioOf(step)?.direction;
  // Who is on hold or only listens sends nothing, and that is told already.
  if (direction === "inactive" || direction === "recvonly") return undefined;
  return finding(talk, "no-rtp", step, {
    seconds: Math.round(ms / 1000),
    address: step?.sdp?.address ?? "",
    port: audioOf(step)?.port ?? 0,
  });
};

export const MEDIA_RULES: readonly Rule[] = [
  privateAddress,
  noAddress,
  noVoice,
  audioRefused,
  oneSideEncrypted,
  held,
];

function answers(step: LadderStep): boolean {
  return step.status !== undefined && step.status >= 180 && step.status < 300 && step.sdp !== undefined;
}

function audioOf(step: LadderStep | undefined): SdpMedia | undefined {
  return step?.sdp?.media.find((media) => media.kind === "audio");
}

function lastSdp(talk: Talk, direction: "in" | "out"): LadderStep | undefined {
  return talk.steps.findLast((step) => step.direction === direction && step.sdp !== undefined);
}

/** A private address is only a worry when voice did come all the same. */
function weightOf(talk: Talk): Finding["weight"] {
  const media = talk.facts.media.find((one) => one.leg === talk.party?.leg);
  return media && media.packetsIn > 0 ? "hint" : "cause";
}
