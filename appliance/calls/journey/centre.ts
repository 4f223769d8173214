/**
 * All journeys: takes events of legs and media to the journey they belong to, starts new ones, and compares every
 * second what it believes with what the SIP side has.
 */
import type { LegEvent, LegId, MediaEvent } from "../../../sip/index.ts";
import { UseCaseError } from "../../kernel.ts";
import { agentAtExtension, decideDialled, decideInbound, displayedNumber } from "../../routing/index.ts";
import type { LiveCall } from "../live.ts";
import { FeatureStage } from "./feature-stage.ts";
import { Journey, type JourneyStart } from "./journey.ts";
import { type CallServices, type Ending, newParty, type Party } from "./model.ts";
import { replaceParty } from "./replace.ts";
import { flowOf } from "./route.ts";

type Incoming = Extract<LegEvent, { type: "incoming" }>;

/** A leg must be unknown to the SIP side for this long before it counts as lost, ms. */
const LOST_AFTER_MS = 1500;
/** Where the calls of strangers come from. */
const NO_TRUNK = { trunkId: null, name: "" };

export class CallCentre {
  readonly #services: CallServices;
  readonly #journeys = new Map<string, Journey>();
  /** Legs of all journeys that have not ended. */
  readonly #legs = new Map<LegId, Journey>();
  readonly #flow = flowOf((leg) => this.#legs.get(leg));
  readonly #onChange: () => void;
  readonly #missing = new Map<LegId, number>();
  #accepting = true;

  constructor(services: CallServices, onChange: () => void) {
    this.#services = services;
    this.#onChange = onChange;
  }

  live(): LiveCall[] {
    return [...this.#journeys.values()].map((journey) => journey.live());
  }

  get size(): number {
    return this.#journeys.size;
  }

  onLeg(event: LegEvent): void {
    if (event.type === "incoming") return this.#incoming(event);
    const journey = this.#legs.get(event.leg);
    if (journey) this.#step(journey, () => journey.onLeg(event));
    else if (event.type !== "ended") this.#services.legs.hangup(event.leg, "error");
  }

  onMedia(event: MediaEvent): void {
    switch (event.type) {
      case "digit":
      case "media-restored":
      case "silent":
        // Keys come with the legs' events.
        return;
      case "media-lost":
        this.#services.alarm("media-lost", "rtpengine", `${event.legs.length} legs`);
        for (const leg of event.legs) {
          const journey = this.#legs.get(leg);
          if (journey) this.#step(journey, () => journey.end({ cause: "media-failure", by: "system" }));
        }
        return;
      case "play-finished": {
        const journey = this.#legs.get(event.leg);
        if (journey) this.#step(journey, () => journey.onMedia(event));
        return;
      }
      default: {
        // A recording's id is its journey's with a number behind.
        const { recording } = event;
        const journey = this.#journeys.get(recording.slice(0, recording.lastIndexOf("-")));
        if (journey) this.#step(journey, () => journey.onMedia(event));
      }
    }
  }

  #step(journey: Journey, work: () => void): void {
    journey.step(work);
    this.#services.queues.dispatch();
  }

  #open(start: JourneyStart): Journey {
    const journey = new Journey(this.#services, this.#flow, start, {
      onParty: (leg, owner) => this.#legs.set(leg, owner),
      onEnd: (ended) => {
        this.#journeys.delete(ended.id);
        for (const leg of ended.parties.keys()) this.#legs.delete(leg);
        this.#services.queues.leave(ended.id);
        this.#onChange();
      },
      onChange: this.#onChange,
    });
    this.#journeys.set(journey.id, journey);
    return journey;
  }

  #incoming(event: Incoming): void {
    if (!this.#accepting) return this.#services.legs.refuse(event.leg, { status: 503 });
    const owner = event.replaces === undefined ? undefined : this.#legs.get(event.replaces);
    if (owner) this.#step(owner, () => replaceParty(owner, event));
    else if (event.replaces !== undefined) this.#services.legs.refuse(event.leg, { status: 481 });
    else if (event.source.kind === "extension") this.#fromExtension(event);
    else this.#fromOutside(event);
  }

  #fromOutside(event: Incoming): void {
    if (event.source.kind === "extension") return;
    const { trunkId, name } = event.source.kind === "trunk" ? event.source : NO_TRUNK;
    const office = this.#services.office();
    const decided = decideInbound(office, {
      dialled: event.dialled,
      callerNumber: event.callerNumber,
      callerName: event.callerName,
      trunkId: trunkId ?? -1,
    });
    const didNumber = decided.did ? event.dialled : null;
    const journey = this.#open({
      direction: "inbound",
      caller: event.callerNumber,
      callerName: event.callerName,
      callee: event.dialled,
      didNumber,
    });
    this.#step(journey, () => {
      journey.fact("journey.started", event.leg, {
        direction: "inbound",
        callerRaw: event.callerNumber,
        caller: event.callerNumber,
        callerName: event.callerName,
        calleeRaw: event.dialled,
        callee: event.dialled,
        ...(trunkId === null ? {} : { trunkId }),
        sipCallId: event.sipCallId,
        ...(decided.did ? { didId: decided.did.id, didNumber: event.dialled } : {}),
      });
      journey.caller = party(event.leg, "caller", event.callerNumber, event.callerName, { trunkId });
      journey.addParty(journey.caller);
      if (decided.action === "reject") {
        const ending: Ending = {
          cause: decided.reason === "blacklist" ? "blacklist" : "call-failed",
          by: "system",
          sipStatus: decided.status,
        };
        if (decided.reason === "unknown-number")
          this.#services.alarm("unknown-did", event.dialled, name === "" ? "" : `trunk ${name}`);
        return journey.end(ending);
      }
      const limit = office.settings.maxInboundCalls;
      if (
        limit > 0 &&
        [...this.#journeys.values()].filter((j) => j.start.direction === "inbound").length > limit
      )
        return journey.end({ cause: "call-count-limit", by: "system", sipStatus: 503 });
      journey.shownNumber = decided.callerNumber;
      journey.shownName = decided.callerName;
      journey.fact("route.decided", event.leg, {
        by: decided.by,
        destination: decided.destination,
        why: decided.why,
        ...(decided.routeId === undefined ? {} : { routeId: decided.routeId }),
      });
      const last = decided.lastAgentFirst ? this.#services.lastAgentOf(event.callerNumber) : null;
      if (last !== null && this.#services.board.state(last).state === "idle")
        return this.#flow.goTo(journey, { type: "agent", id: last });
      this.#flow.goTo(journey, decided.destination);
    });
  }

  #fromExtension(event: Incoming): void {
    if (event.source.kind !== "extension") return;
    const { extensionId, number } = event.source;
    const office = this.#services.office();
    const extension = office.extensions.get(extensionId);
    const agent = agentAtExtension(office, extensionId);
    const name = agent?.name ?? extension?.name ?? "";
    const decided = decideDialled(office, extension, event.dialled);
    const outbound = decided.action === "outbound";
    const journey = this.#open({
      direction: outbound ? "outbound" : "internal",
      caller: number,
      callerName: name,
      callee: event.dialled,
      didNumber: null,
    });
    this.#step(journey, () => {
      journey.fact("journey.started", event.leg, {
        direction: outbound ? "outbound" : "internal",
        callerRaw: number,
        caller: number,
        callerName: name,
        calleeRaw: event.dialled,
        callee: outbound ? decided.number : event.dialled,
        extensionId,
        sipCallId: event.sipCallId,
        ...(outbound ? { trunkId: decided.trunkId, displayedNumber: decided.displayedNumber } : {}),
      });
      journey.caller = party(event.leg, agent ? "agent" : "extension", number, name, {
        extensionId,
        agentId: agent?.id ?? null,
      });
      journey.addParty(journey.caller);
      if (agent)
        this.#services.board.leg(agent.id, {
          phase: "ringing",
          journey: journey.id,
          groupId: null,
          viaOffer: false,
        });
      switch (decided.action) {
        case "reject":
          return journey.end({ cause: "call-failed", by: "system", sipStatus: decided.status });
        case "feature":
          journey.fact("route.decided", event.leg, {
            by: "feature-code",
            destination: { type: "hangup" },
            why: { code: "feature-code", params: { number: decided.code, feature: decided.feature } },
          });
          return journey.enter(new FeatureStage(journey, decided));
        case "internal":
          journey.fact("route.decided", event.leg, {
            by: "internal",
            destination: decided.destination,
            why: decided.why,
          });
          return this.#flow.goTo(journey, decided.destination);
        case "outbound":
          return this.#outside(journey, event.leg, decided);
      }
    });
  }

  #outside(
    journey: Journey,
    leg: LegId,
    decided: Extract<ReturnType<typeof decideDialled>, { action: "outbound" }>,
  ): void {
    journey.fact("route.decided", leg, {
      by: decided.by,
      destination: { type: "external", number: decided.number },
      why: decided.why,
      ...(decided.ruleId === undefined ? {} : { routeId: decided.ruleId }),
    });
    const { trunkId, number, displayedNumber: shown } = decided;
    this.#flow.ring(journey, { kind: "trunk", trunkId, number, shown });
  }

  /**
   * Rings the agent's own phone first, then the number (W-3.1.3.15). Returns the journey.
   * @throws UseCaseError error.not-found | error.agent-disabled | error.offline | error.number-refused
   */
  clickToCall(agentId: number, number: string): string {
    const office = this.#services.office();
    const agent = office.agents.get(agentId);
    const extension = agent && office.extensions.get(agent.extensionId);
    if (!agent || !extension) throw new UseCaseError("error.not-found", { what: "agent", id: agentId });
    if (!agent.enabled) throw new UseCaseError("error.agent-disabled", { number: agent.number });
    if (!this.#services.extensionOnline(extension.id))
      throw new UseCaseError("error.offline", { number: agent.number });
    const decided = decideDialled(office, extension, number, { viaClick: true });
    if (decided.action !== "outbound" && decided.action !== "internal")
      throw new UseCaseError("error.number-refused", { number });
    const outbound = decided.action === "outbound";
    const journey = this.#open({
      direction: outbound ? "outbound" : "internal",
      caller: agent.number,
      callerName: agent.name,
      callee: number,
      didNumber: null,
    });
    this.#step(journey, () => {
      journey.fact("journey.started", null, {
        direction: outbound ? "outbound" : "internal",
        callerRaw: agent.number,
        caller: agent.number,
        callerName: agent.name,
        calleeRaw: number,
        callee: outbound ? decided.number : number,
        extensionId: extension.id,
        ...(outbound
          ? { trunkId: decided.trunkId, displayedNumber: displayedNumber(office, extension, agent) }
          : {}),
      });
      this.#services.board.leg(agentId, {
        phase: "ringing",
        journey: journey.id,
        groupId: null,
        viaOffer: false,
      });
      const own = journey.dial(
        {
          role: "agent",
          number: agent.number,
          name: agent.name,
          agentId,
          extensionId: extension.id,
          trunkId: null,
        },
        { kind: "extension", extensionId: extension.id, number: agent.number },
        {
          callerNumber: number,
          callerName: "",
          timeoutMs: office.settings.extensionRingS * 1000,
          autoAnswer: true,
        },
      );
      journey.caller = own;
      journey.enter({
        name: "ringing",
        at: agent.number,
        agentId,
        enter: () => {},
        leave: () => {},
        onMedia: () => {},
        onLeg: (event) => {
          if (event.leg !== own.leg) return;
          if (event.type === "ended")
            journey.end({ cause: "no-answer", by: event.by === "remote" ? "caller" : "system" });
          else if (event.type === "answered") {
            if (decided.action === "outbound") this.#outside(journey, own.leg, decided);
            else {
              journey.fact("route.decided", own.leg, {
                by: "internal",
                destination: decided.destination,
                why: decided.why,
              });
              this.#flow.goTo(journey, decided.destination);
            }
          }
        },
      });
    });
    return journey.id;
  }

  /** Ends a journey by hand; false when there is none of that id. */
  hangup(journeyId: string): boolean {
    const journey = this.#journeys.get(journeyId);
    if (!journey) return false;
    this.#step(journey, () => journey.end({ cause: "normal", by: "system" }));
    return true;
  }

  /** Once a second: legs nobody has any more are noted as lost, legs nobody owns are hung up. */
  reconcile(): void {
    const { legs, now, board } = this.#services;
    const alive = new Set(legs.alive().map(({ leg }) => leg));
    const at = now();
    const believed = new Set<LegId>();
    for (const journey of [...this.#journeys.values()])
      for (const member of [...journey.parties.values()]) {
        if (member.ended) continue;
        believed.add(member.leg);
        if (alive.has(member.leg)) {
          this.#missing.delete(member.leg);
          continue;
        }
        const since = this.#missing.get(member.leg) ?? at;
        this.#missing.set(member.leg, since);
        if (at - since < LOST_AFTER_MS) continue;
        this.#missing.delete(member.leg);
        this.#step(journey, () => journey.lost(member));
      }
    for (const leg of alive) if (!believed.has(leg)) this.#orphan(leg, at);
    for (const leg of this.#missing.keys())
      if (!believed.has(leg) && !alive.has(leg)) this.#missing.delete(leg);
    for (const { agentId, journey } of board.busyWith())
      if (!this.#journeys.has(journey)) board.legGone(agentId, journey);
    this.#services.queues.checkEmpty();
  }

  #orphan(leg: LegId, at: number): void {
    const since = this.#missing.get(leg) ?? at;
    this.#missing.set(leg, since);
    if (at - since >= LOST_AFTER_MS) this.#services.legs.hangup(leg, "error");
  }

  /** No new calls; the ones in progress are ended truthfully. */
  shutdown(): void {
    this.#accepting = false;
    for (const journey of [...this.#journeys.values()])
      journey.step(() => journey.end({ cause: "normal", by: "system" }));
  }
}

function party(
  leg: LegId,
  role: Party["role"],
  number: string,
  name: string,
  ids: Partial<Pick<Party, "extensionId" | "agentId" | "trunkId">>,
): Party {
  return newParty(leg, { role, number, name, agentId: null, extensionId: null, trunkId: null, ...ids });
}
