/**
 * A phone takes a party's place in a call by INVITE with Replaces (RFC 3891): it is answered at once, talks with the
 * one who stays, and the party replaced is hung up. A phone that we ring has its call picked up that way. Callers in
 * menus, in queues and of calls that ring have no place to take.
 */
import type { LegEvent } from "../../../sip/index.ts";
import { agentAtExtension } from "../../routing/index.ts";
import type { Journey } from "./journey.ts";
import { newParty, type Party } from "./model.ts";

type Incoming = Extract<LegEvent, { type: "incoming" }>;

/** Carries the replacement out in `journey`, the owner of the leg replaced. Runs as a step of it. */
export function replaceParty(journey: Journey, event: Incoming): void {
  const { services, flow } = journey;
  const replaced = journey.parties.get(event.replaces ?? "");
  const talking = replaced === undefined ? null : (journey.stage?.partner?.(replaced.leg) ?? null);
  const rings = journey.stage?.rings?.(event.replaces ?? "") === true;
  if (event.source.kind !== "extension" || !replaced || replaced.released || journey.ending)
    return services.legs.refuse(event.leg, { status: 481 });
  if (!talking && !rings) return services.legs.refuse(event.leg, { status: 481 });
  const { extensionId, number } = event.source;
  const office = services.office();
  const agent = agentAtExtension(office, extensionId);
  const comes = newParty(event.leg, {
    role: agent ? "agent" : "extension",
    number,
    name: agent?.name ?? office.extensions.get(extensionId)?.name ?? "",
    agentId: agent?.id ?? null,
    extensionId,
    trunkId: null,
  });
  journey.addParty(comes);
  if (rings) return pickUp(journey, replaced, comes);
  journey.fact("transfer.requested", replaced.leg, { kind: "attended", to: number });
  services.legs.answer(comes.leg).then(
    () =>
      journey.step(() => {
        const now = journey.stage?.partner?.(replaced.leg);
        // Somebody hung up or transferred in the meantime: there is no call left to take.
        if (!now || comes.ended || journey.ending) {
          journey.fact("transfer.failed", replaced.leg, { to: number, cause: "lost" });
          return journey.release(comes);
        }
        journey.stage?.leave();
        journey.fact("transfer.completed", replaced.leg, { to: number });
        journey.caller = now.party;
        flow.talk(journey, comes, { group: now.group });
        journey.release(replaced);
      }),
    // The leg's own end says why it could not be answered.
    () => journey.step(() => journey.fact("transfer.failed", replaced.leg, { to: number, cause: "media" })),
  );
}

function pickUp(journey: Journey, rings: Party, by: Party): void {
  const { legs } = journey.services;
  legs.answer(by.leg).then(
    () =>
      journey.step(() => {
        // Answered, refused or given up in the meantime: there is nothing left to pick up.
        if (by.ended || journey.ending || journey.stage?.pickUp?.(rings.leg, by) !== true)
          journey.release(by);
      }),
    // The leg's own end says why it could not be answered; the phone rings on.
    () => {},
  );
}
