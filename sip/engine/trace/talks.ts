/** A ladder told apart into talks: one a Call-ID, with the questions that the rules ask of it. */
import { isIP } from "node:net";
import type { Ladder, LadderStep } from "./ladder.ts";

/** Who stands behind a Call-ID, as the log of the call knows it. */
export interface TraceParty {
  readonly callId: string;
  /** The leg's id, to find its media. */
  readonly leg: string;
  /** Number shown to people. */
  readonly name: string;
  readonly trunk: boolean;
  /** UTC ms. */
  readonly answeredAt: number | null;
  readonly endedAt: number | null;
}

/** Voice packets of a leg, counted by the media side; RTP only. */
export interface LegMedia {
  readonly leg: string;
  /** From the party to us. */
  readonly packetsIn: number;
}

export interface TraceFacts {
  readonly ladder: Ladder;
  readonly parties: readonly TraceParty[];
  readonly media: readonly LegMedia[];
  /** When the picture was taken, UTC ms. */
  readonly now: number;
}

export interface Talk {
  readonly callId: string;
  readonly party: TraceParty | undefined;
  readonly who: string;
  readonly host: string;
  /** We placed this call. */
  readonly ours: boolean;
  readonly steps: readonly LadderStep[];
  readonly facts: TraceFacts;
}

/** The talks of a ladder, in the order of their first word. */
export function talksOf(facts: TraceFacts): Talk[] {
  const { ladder } = facts;
  const ids = [...new Set(ladder.columns.map((column) => column.callId))];
  return ids.map((callId) => {
    const steps = ladder.steps.filter((step) => ladder.columns[step.column]?.callId === callId);
    const host = ladder.columns.find((column) => column.callId === callId)?.host ?? "";
    const party = facts.parties.find((one) => one.callId === callId);
    const first = steps.find((step) => step.status === undefined);
    const ours = first?.direction === "out";
    return { callId, party, who: party?.name || first?.user || host || "?", host, ours, steps, facts };
  });
}

export function isRequest(step: LadderStep, method: string): boolean {
  return step.status === undefined && step.method === method;
}

/** Requests that open something: the first INVITE or a REGISTER, with its repetitions after a challenge. */
export function openings(talk: Talk): LadderStep[] {
  const wanted = talk.ours ? "out" : "in";
  return talk.steps.filter(
    (step) =>
      step.direction === wanted &&
      !step.inDialog &&
      (isRequest(step, "INVITE") || isRequest(step, "REGISTER")),
  );
}

/** The answers to a request, provisional ones too. */
export function answersTo(talk: Talk, request: LadderStep): LadderStep[] {
  return talk.steps.filter(
    (step) =>
      step.status !== undefined &&
      step.direction !== request.direction &&
      step.method === request.method &&
      step.cseq === request.cseq &&
      step.at >= request.at,
  );
}

export function finalTo(talk: Talk, request: LadderStep): LadderStep | undefined {
  return answersTo(talk, request).find((step) => (step.status ?? 0) >= 200);
}

/** The last opening with its final answer. */
export function lastTry(talk: Talk): { request: LadderStep; final: LadderStep | undefined } | undefined {
  const request = openings(talk).at(-1);
  return request && { request, final: finalTo(talk, request) };
}

export function isChallenge(step: LadderStep | undefined): boolean {
  return step?.status === 401 || step?.status === 407;
}

/** The last thing heard or said in this talk, UTC ms; the present while the call is on. */
export function endOf(talk: Talk): number {
  if (talk.party && talk.party.endedAt === null) return talk.facts.now;
  const last = Math.max(...talk.steps.map((step) => step.lastAt));
  return Math.max(last, talk.party?.endedAt ?? 0);
}

/** Whole seconds between two times. */
export function secondsFrom(from: number, to: number): number {
  return Math.max(0, Math.round((to - from) / 1000));
}

const PRIVATE =
  /^(?:10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd]|fe[89ab]|::1$)/i;

/** An address that only its own network reaches (RFC 1918, 6598, 4193, 3927). */
export function isPrivate(address: string): boolean {
  return isIP(address) !== 0 && PRIVATE.test(address);
}

export function isPublic(address: string): boolean {
  return isIP(address) !== 0 && !PRIVATE.test(address) && address !== "0.0.0.0";
}
