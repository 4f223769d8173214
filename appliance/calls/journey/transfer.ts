/**
 * Transfers by the phones' REFER (RFC 3515, RFC 5589): without consultation to a number of ours or outside, and with
 * consultation (Replaces, RFC 3891). Whoever is transferred is never dropped: a transfer that fails goes back
 * (W-3.15.1.4.3–5). The phone hears of the outcome when it is known.
 */
import type { LegEndCause, LegEvent } from "../../../sip/index.ts";
import { decideDialled, type Group, internalDestination } from "../../routing/index.ts";
import { unansweredEnding } from "./causes.ts";
import type { Journey } from "./journey.ts";
import type { Party, RingingParty, RingTarget, WaitingPlace } from "./model.ts";

export interface TransferParties {
  /** Who transfers. */
  readonly by: Party;
  readonly stays: Party;
  /** Both, as they talked. */
  readonly pair: { readonly caller: Party; readonly other: Party };
  /** The group whose call it is: its policy of recording and after-call work goes on. */
  readonly group: Group | null;
}

type Request = Extract<LegEvent, { type: "transfer-requested" }>;
type Target =
  | RingTarget
  | { readonly kind: "destination"; readonly type: "group" | "flow"; readonly id: number };

/** Carries out a REFER; called by the stage in which the two talk. */
export function transfer(journey: Journey, request: Request, parties: TransferParties): void {
  noteRequest(journey, parties.by, request);
  if (request.replaces === undefined) blind(journey, request.to, parties);
  else attended(journey, request, parties);
}

function noteRequest(journey: Journey, by: Party, request: Request): void {
  journey.fact("transfer.requested", by.leg, {
    kind: request.replaces === undefined ? "blind" : "attended",
    to: request.to,
    ...(by.agentId === null ? {} : { byAgentId: by.agentId }),
  });
}

function fail(
  journey: Journey,
  by: Party,
  to: string,
  cause: LegEndCause,
  status: number,
  reason: string,
): void {
  journey.fact("transfer.failed", by.leg, { to, cause });
  journey.services.legs.transferResult(by.leg, { status, reason });
}

function succeed(journey: Journey, by: Party, to: string): void {
  journey.fact("transfer.completed", by.leg, { to });
  journey.services.legs.transferResult(by.leg, { status: 200, reason: "OK" });
}

function blind(journey: Journey, to: string, parties: TransferParties): void {
  const { by, stays } = parties;
  const { services, flow } = journey;
  const target = targetOf(journey, by, to);
  if (!target) return fail(journey, by, to, "not-found", 404, "Not Found");
  if (target.kind === "extension") {
    if (services.office().extensions.get(target.extensionId)?.dnd)
      return fail(journey, by, to, "busy", 486, "Busy Here");
    if (!services.extensionOnline(target.extensionId))
      return fail(journey, by, to, "unreachable", 480, "Temporarily Unavailable");
  }
  // The bridge is left while both are still known; then the one who stays is whom the others ring for.
  journey.stage?.leave();
  journey.caller = stays;
  if (target.kind === "destination") {
    succeed(journey, by, to);
    journey.release(by);
    return flow.goTo(journey, { type: target.type, id: target.id });
  }
  ring(journey, to, target, parties);
}

/** Rings for the one who stays; who transferred hears of the outcome, and gets the call back when nobody answers. */
function ring(
  journey: Journey,
  to: string,
  target: RingTarget,
  parties: TransferParties,
  taken?: RingingParty,
): void {
  const { by, pair, group } = parties;
  const { services, flow } = journey;
  flow.ring(journey, target, {
    timeoutMs: services.transfers().ringS * 1000,
    diverted: "unknown",
    group,
    ...(taken === undefined ? {} : { taken }),
    onAnswered: () => {
      succeed(journey, by, to);
      journey.release(by);
    },
    onGivenUp: () => fail(journey, by, to, "cancelled", 487, "Request Terminated"),
    onFailed: (event) => {
      fail(
        journey,
        by,
        to,
        event.cause,
        event.sipStatus ?? 480,
        event.sipReason ?? "Temporarily Unavailable",
      );
      if (!by.ended) {
        journey.caller = pair.caller;
        flow.talk(journey, pair.other, { group });
      } else if (!recall(journey, parties)) journey.end(unansweredEnding(event));
    },
  });
}

/** Rings who transferred and has hung up since (W-3.15.1.4.4); false when that cannot be. */
function recall(journey: Journey, { by, group }: TransferParties): boolean {
  const { services, flow } = journey;
  const { callBack, callBackPrefix } = services.transfers();
  if (!callBack || by.extensionId === null || !services.extensionOnline(by.extensionId)) return false;
  journey.fact("transfer.recalled", by.leg, {
    to: by.number,
    ...(by.agentId === null ? {} : { byAgentId: by.agentId }),
  });
  const { extensionId, number, name, agentId } = by;
  flow.ring(
    journey,
    { kind: "extension", extensionId, number, name, agentId },
    { namePrefix: callBackPrefix, group },
  );
  return true;
}

function targetOf(journey: Journey, by: Party, to: string): Target | null {
  const office = journey.services.office();
  const destination = internalDestination(office, to);
  if (destination?.type === "group" || destination?.type === "flow")
    return { kind: "destination", type: destination.type, id: destination.id };
  if (destination?.type === "agent" || destination?.type === "extension") {
    const agent = destination.type === "agent" ? office.agents.get(destination.id) : undefined;
    const extension = office.extensions.get(agent?.extensionId ?? destination.id);
    if (!extension?.enabled) return null;
    return {
      kind: "extension",
      extensionId: extension.id,
      number: extension.number,
      name: agent?.name ?? extension.name,
      agentId: agent?.id ?? null,
    };
  }
  const from = by.extensionId === null ? undefined : office.extensions.get(by.extensionId);
  const decided = decideDialled(office, from, to);
  if (decided.action !== "outbound") return null;
  const { trunkId, number, displayedNumber: shown } = decided;
  return { kind: "trunk", trunkId, number, shown };
}

function takeRinging(
  journey: Journey,
  there: Journey,
  taken: RingingParty,
  to: string,
  parties: TransferParties,
): void {
  there.step(() => {
    there.handOver(taken.party, journey.id);
    there.end({ cause: "caller-hung-up-early", by: "caller" });
  });
  journey.stage?.leave();
  journey.caller = parties.stays;
  journey.takeOver(taken.party);
  if (taken.rang) journey.fact("leg.ringing", taken.party.leg, { earlyMedia: taken.earlyMedia });
  ring(journey, to, taken.target, parties, taken);
}

/**
 * The one who stays takes the place in which `there` waits, with its turn, the time waited and the phones that ring
 * for it; the call that waited ends.
 */
function takeWaiting(
  journey: Journey,
  there: Journey,
  place: WaitingPlace,
  { by, stays }: Pick<TransferParties, "by" | "stays">,
): void {
  there.step(() => {
    for (const { party } of place.offers) there.handOver(party, journey.id);
  });
  journey.stage?.leave();
  journey.caller = stays;
  journey.flow.takePlace(journey, place);
  journey.release(by);
  there.step(() => there.end({ cause: "normal", by: "caller" }));
}

/** Who waits in a queue and talks with somebody on another line puts that one into the own place. */
export function transferIntoPlace(there: Journey, request: Request, waits: Party): void {
  noteRequest(there, waits, request);
  const journey = request.replaces === undefined ? undefined : there.flow.journeyOf(request.replaces);
  const by = journey?.parties.get(request.replaces ?? "");
  const stays = by && journey?.stage?.partner?.(by.leg)?.party;
  const possible = journey && by && stays && journey !== there && !journey.ending && !by.ended;
  const place = possible ? there.stage?.giveWaiting?.(waits.leg) : null;
  if (!possible || !place)
    return fail(there, waits, request.to, "not-found", 481, "Call/Transaction Does Not Exist");
  succeed(there, waits, request.to);
  journey.step(() => {
    noteRequest(journey, by, request);
    journey.fact("transfer.completed", by.leg, { to: place.group.number });
    takeWaiting(journey, there, place, { by, stays });
  });
}

/** After a consultation: the two others talk in the older journey, with its one recording. */
function attended(journey: Journey, request: Request, parties: TransferParties): void {
  const { by, stays, group } = parties;
  const there = request.replaces === undefined ? undefined : journey.flow.journeyOf(request.replaces);
  const own = there?.parties.get(request.replaces ?? "");
  if (!there || !own || there === journey || there.ending || own.ended)
    return fail(journey, by, request.to, "not-found", 481, "Call/Transaction Does Not Exist");
  const partner = there.stage?.partner?.(own.leg);
  if (!partner) {
    // Nobody has answered the consultation yet. A phone that rings rings on, now for the one who stays.
    const taken = there.stage?.giveRinging?.(own.leg);
    if (taken) return takeRinging(journey, there, taken, request.to, parties);
    const place = there.stage?.giveWaiting?.(own.leg);
    if (place) {
      succeed(journey, by, request.to);
      return takeWaiting(journey, there, place, parties);
    }
    // A menu, or a transfer under way: its number is called again.
    const number = there.start.callee;
    there.step(() => there.end({ cause: "caller-hung-up-early", by: "caller" }));
    return blind(journey, number, parties);
  }
  const here = { journey, by, party: stays, group };
  const consult = { journey: there, by: own, party: partner.party, group: partner.group };
  const [keep, give] = journey.startedAt <= there.startedAt ? [here, consult] : [consult, here];
  journey.stage?.leave();
  journey.services.legs.transferResult(by.leg, { status: 200, reason: "OK" });
  give.journey.step(() => {
    if (give.journey !== journey) noteRequest(give.journey, give.by, request);
    give.journey.handOver(give.party, keep.journey.id);
    give.journey.fact("transfer.completed", give.by.leg, { to: request.to });
  });
  keep.journey.step(() => {
    keep.journey.stage?.leave();
    if (keep.journey !== journey) noteRequest(keep.journey, keep.by, request);
    keep.journey.fact("transfer.completed", keep.by.leg, { to: give.party.number });
    keep.journey.takeOver(give.party);
    keep.journey.caller = keep.party;
    keep.journey.flow.talk(keep.journey, give.party, { group: keep.group });
    keep.journey.release(keep.by);
  });
  const side = give.by === give.journey.caller ? "caller" : "callee";
  give.journey.step(() => give.journey.end({ cause: "normal", by: side }));
}
