/** Which part of the live picture a person may see: the role's data scope, applied before anything is drawn. */
import type { LivePicture } from "../../appliance/calls/live.ts";
import type { Actor } from "../../appliance/kernel.ts";

/**
 * "all" sees everything; "groups" and "department" the groups of the person's own agent and the agents in them (a
 * person without an agent sees none); "own" only the own agent and its call.
 */
export function visibleTo(actor: Pick<Actor, "scope" | "agentId">, picture: LivePicture): LivePicture {
  if (actor.scope === "all") return picture;
  const own = picture.agents.find((agent) => agent.agentId === actor.agentId);
  if (!own) return { ...picture, calls: [], agents: [], groups: [] };
  if (actor.scope === "own")
    return {
      ...picture,
      calls: picture.calls.filter((call) => call.agentId === own.agentId || call.journey === own.journey),
      agents: [own],
      groups: picture.groups.filter((group) => own.groups.includes(group.groupId)),
    };
  const groups = new Set(own.groups);
  const agents = picture.agents.filter(
    (agent) => agent.agentId === own.agentId || agent.groups.some((id) => groups.has(id)),
  );
  const ids = new Set(agents.map((agent) => agent.agentId));
  return {
    ...picture,
    agents,
    groups: picture.groups.filter((group) => groups.has(group.groupId)),
    calls: picture.calls.filter(
      (call) =>
        (call.groupId !== null && groups.has(call.groupId)) ||
        (call.agentId !== null && ids.has(call.agentId)),
    ),
  };
}
