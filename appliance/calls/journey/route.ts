/** Follows a destination until something happens with the caller: menu, queue, ringing, the outside, the end. */
import type { DiversionReason } from "../../../sip/index.ts";
import {
  agentAtExtension,
  checkCondition,
  type Destination,
  decideOutbound,
  displayedNumber,
} from "../../routing/index.ts";
import type { Journey } from "./journey.ts";
import { MenuStage } from "./menu-stage.ts";
import type { Ending, Flow, RingTarget } from "./model.ts";
import { QueueStage } from "./queue-stage.ts";
import { RingStage } from "./ring-stage.ts";
import { TalkStage } from "./talk-stage.ts";

/** Chains of conditions longer than this are a configuration fault. */
const MAX_HOPS = 20;

/** The ways between the stages; `journeyOf` comes from whoever keeps all journeys. */
export function flowOf(journeyOf: Flow["journeyOf"]): Flow {
  return {
    goTo: (journey, destination, why) => goTo(journey, destination, why),
    ring: (journey, target, options) => journey.enter(new RingStage(journey, target, options)),
    talk: (journey, other, options) => journey.enter(new TalkStage(journey, other, options)),
    takePlace: (journey, place) => journey.enter(new QueueStage(journey, place.group, place)),
    journeyOf,
  };
}

/** Sends the caller to a destination. What cannot be reached ends the journey with the cause that says so. */
function goTo(journey: Journey, destination: Destination, why?: DiversionReason, hops = 0): void {
  const office = journey.services.office();
  const missing: Ending = { cause: "call-failed", by: "system", sipStatus: 404 };
  if (hops > MAX_HOPS) return journey.end(missing);
  switch (destination.type) {
    case "hangup":
      return journey.end({ cause: "normal", by: "system" });
    case "condition": {
      const condition = office.conditions.get(destination.id);
      if (!condition) return journey.end(missing);
      const { matched, officeTime } = checkCondition(
        condition.rule,
        journey.services.now(),
        office.settings.timeZone,
      );
      journey.fact("condition.checked", null, {
        conditionId: condition.id,
        name: condition.name,
        officeTime,
        matched,
      });
      return goTo(journey, matched ? condition.match : condition.noMatch, why, hops + 1);
    }
    case "flow": {
      const flow = office.flows.get(destination.id);
      return flow ? journey.enter(new MenuStage(journey, flow)) : journey.end(missing);
    }
    case "group": {
      const group = office.groups.get(destination.id);
      return group ? journey.enter(new QueueStage(journey, group)) : journey.end(missing);
    }
    case "agent": {
      const agent = office.agents.get(destination.id);
      return agent ? ringExtension(journey, agent.extensionId) : journey.end(missing);
    }
    case "extension":
      return ringExtension(journey, destination.id);
    case "external": {
      const { caller } = journey;
      const extension = caller?.extensionId ? office.extensions.get(caller.extensionId) : undefined;
      const agent = extension ? agentAtExtension(office, extension.id) : undefined;
      const decided = decideOutbound(office, extension, agent, destination.number);
      if (decided.action !== "outbound") return journey.end(missing);
      const shown =
        decided.displayedNumber || displayedNumber(office, undefined, undefined) || journey.start.callee;
      return journey.enter(
        new RingStage(
          journey,
          { kind: "trunk", trunkId: decided.trunkId, number: decided.number, shown },
          why === undefined ? {} : { diverted: why },
        ),
      );
    }
    case "ring-group":
    case "playlist":
      return journey.end(missing);
  }
}

function ringExtension(journey: Journey, extensionId: number): void {
  const office = journey.services.office();
  const extension = office.extensions.get(extensionId);
  if (!extension?.enabled) return journey.end({ cause: "call-failed", by: "system", sipStatus: 404 });
  const agent = agentAtExtension(office, extensionId);
  const target: RingTarget = {
    kind: "extension",
    extensionId,
    number: extension.number,
    name: agent?.name ?? extension.name,
    agentId: agent?.id ?? null,
  };
  if (extension.dnd) return journey.end({ cause: "callee-busy", by: "callee", sipStatus: 486 });
  journey.enter(new RingStage(journey, target, {}));
}
