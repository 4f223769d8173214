/**
 * The configuration as a graph of destinations, checked as a whole: objects that are missing, loops a caller cannot get
 * out of, numbers that clash, prompts that are not there. Pure.
 */
import type { Office } from "./decide/index.ts";
import type { Destination, GraphFault } from "./model.ts";

interface Edge {
  readonly field: string;
  readonly to: Destination;
}

interface Node {
  readonly subject: string;
  readonly id: number | null;
  readonly name: string;
  readonly edges: readonly Edge[];
}

/** All faults; empty = sound. */
export function checkOffice(office: Office): readonly GraphFault[] {
  const nodes = nodesOf(office);
  return [...missing(office, nodes), ...missingMedia(office), ...loops(nodes), ...clashes(office)];
}

const some = (field: string, to: Destination | null): Edge[] => (to === null ? [] : [{ field, to }]);

function nodesOf(office: Office): readonly Node[] {
  return [
    { subject: "settings", id: null, name: "", edges: some("defaultRoute", office.defaultRoute) },
    ...office.dids.map((d) => ({
      subject: "did",
      id: d.id,
      name: d.name || d.number,
      edges: some("destination", d.destination),
    })),
    ...office.inboundRoutes.map((r) => ({
      subject: "inbound-route",
      id: r.id,
      name: r.name,
      edges: some("destination", r.destination),
    })),
    ...[...office.conditions.values()].map((c) => ({
      subject: "condition",
      id: c.id,
      name: c.name,
      edges: [...some("match", c.match), ...some("noMatch", c.noMatch)],
    })),
    ...[...office.flows.values()].map((f) => ({
      subject: "flow",
      id: f.id,
      name: f.name,
      edges: [
        ...some("timeoutDestination", f.timeoutDestination),
        ...some("noMatchDestination", f.noMatchDestination),
        ...f.keys.map((k, i) => ({ field: `keys.${i}`, to: k.destination })),
      ],
    })),
    ...[...office.groups.values()].map((g) => ({
      subject: "group",
      id: g.id,
      name: g.name,
      edges: some("overflow", g.overflow),
    })),
  ];
}

function exists(office: Office, to: Destination): boolean {
  switch (to.type) {
    case "flow":
      return office.flows.has(to.id);
    case "condition":
      return office.conditions.has(to.id);
    case "group":
      return office.groups.has(to.id);
    case "agent":
      return office.agents.has(to.id);
    case "extension":
      return office.extensions.has(to.id);
    case "external":
      return /^\+?[\d*#]{2,32}$/.test(to.number);
    case "hangup":
      return true;
    // Not there yet: nothing can be meant by them.
    case "ring-group":
    case "playlist":
      return false;
  }
}

function fault(node: Node, field: string, code: string, params: GraphFault["params"] = {}): GraphFault {
  return { subject: node.subject, id: node.id, name: node.name, field, code, params };
}

function missing(office: Office, nodes: readonly Node[]): GraphFault[] {
  return nodes.flatMap((node) =>
    node.edges
      .filter((edge) => !exists(office, edge.to))
      .map((edge) =>
        edge.to.type === "external"
          ? fault(node, edge.field, "error.external-number")
          : fault(node, edge.field, "error.missing-destination", { type: edge.to.type }),
      ),
  );
}

function missingMedia(office: Office): GraphFault[] {
  const faults: GraphFault[] = [];
  const need = (
    subject: string,
    row: { id: number; name: string } | null,
    field: string,
    id: number | null,
  ) => {
    if (id !== null && !office.media.has(id))
      faults.push({
        subject,
        id: row?.id ?? null,
        name: row?.name ?? "",
        field,
        code: "error.missing-media",
        params: { id },
      });
  };
  for (const f of office.flows.values()) {
    for (const [i, prompt] of f.prompts.entries()) need("flow", f, `prompts.${i}`, prompt.mediaId);
    need("flow", f, "timeoutPromptId", f.timeoutPromptId);
    need("flow", f, "noMatchPromptId", f.noMatchPromptId);
  }
  for (const g of office.groups.values()) {
    need("group", g, "holdMusicId", g.holdMusicId);
    need("group", g, "waitingMusicId", g.waitingMusicId);
    need("group", g, "beforeNumberPromptId", g.beforeNumberPromptId);
    need("group", g, "afterNumberPromptId", g.afterNumberPromptId);
    need("group", g, "queueAnnouncementId", g.queueAnnouncementId);
    need("group", g, "agentAnnouncementId", g.agentAnnouncementId);
    need("group", g, "periodicPromptId", g.periodicPromptId);
  }
  need("settings", null, "holdMusicId", office.settings.holdMusicId);
  need("settings", null, "waitingMusicId", office.settings.waitingMusicId);
  const shown = office.settings.systemDisplayedNumberId;
  if (shown !== null && !office.displayedNumbers.has(shown))
    faults.push({
      subject: "settings",
      id: null,
      name: "",
      field: "systemDisplayedNumberId",
      code: "error.unknown-choice",
      params: {},
    });
  return faults;
}

/**
 * A caller who presses nothing must come to an end: a hang-up, an agent, an extension, a group, an outside number.
 * Both ways of a condition are followed, for it stays as it is for hours. A menu without a destination for time-outs
 * hangs up there.
 */
function loops(nodes: readonly Node[]): GraphFault[] {
  const key = (to: Destination) => ("id" in to ? `${to.type}:${to.id}` : to.type);
  const passing = new Map(
    nodes
      .filter((n) => n.subject === "condition" || n.subject === "flow")
      .map((n) => [`${n.subject}:${n.id}`, n]),
  );
  const ends = new Set<string>();
  const endsAt = (to: Destination) => !passing.has(key(to)) || ends.has(key(to));
  for (let changed = true; changed; ) {
    changed = false;
    for (const [name, node] of passing) {
      if (ends.has(name)) continue;
      const hangsUp = node.subject === "flow" && !node.edges.some((e) => e.field === "timeoutDestination");
      const out =
        node.subject === "flow" ? silentWay(node).some(endsAt) : node.edges.every((e) => endsAt(e.to));
      if (hangsUp || out) {
        ends.add(name);
        changed = true;
      }
    }
  }
  return [...passing]
    .filter(([name]) => !ends.has(name))
    .map(([, node]) => fault(node, node.edges[0]?.field ?? "name", "error.loop"));
}

/** Where a caller who presses nothing goes: only this way is sure to be taken. */
function silentWay(node: Node): Destination[] {
  return node.edges.filter((e) => e.field === "timeoutDestination").map((e) => e.to);
}

interface Owned {
  readonly number: string;
  readonly subject: string;
  readonly id: number | null;
  readonly name: string;
  readonly field: string;
}

/** Two owners of one number, or a feature code or emergency number that swallows one. */
function clashes(office: Office): GraphFault[] {
  const numbers: Owned[] = [
    ...[...office.extensions.values()].map((e) => ({
      number: e.number,
      subject: "extension",
      id: e.id,
      name: e.name || e.number,
      field: "number",
    })),
    ...[...office.groups.values()].map((g) => ({
      number: g.number,
      subject: "group",
      id: g.id,
      name: g.name,
      field: "number",
    })),
    ...[...office.flows.values()].flatMap((f) =>
      f.internalNumber
        ? [{ number: f.internalNumber, subject: "flow", id: f.id, name: f.name, field: "internalNumber" }]
        : [],
    ),
    // An agent works at its extension under one number: only a different number is a second claim.
    ...[...office.agents.values()]
      .filter((a) => office.extensions.get(a.extensionId)?.number !== a.number)
      .map((a) => ({ number: a.number, subject: "agent", id: a.id, name: a.name, field: "number" })),
  ];
  const faults: GraphFault[] = [];
  const tell = (owner: Owned, by: Owned) =>
    faults.push({
      subject: owner.subject,
      id: owner.id,
      name: owner.name,
      field: owner.field,
      code: "error.number-taken",
      params: { number: owner.number, by: by.subject, name: by.name },
    });
  for (const same of Map.groupBy(numbers, (n) => n.number).values())
    for (const owner of same) for (const by of same) if (owner !== by) tell(owner, by);
  for (const emergency of office.settings.emergencyNumbers) {
    const by: Owned = {
      number: emergency,
      subject: "settings",
      id: null,
      name: emergency,
      field: "emergencyNumbers",
    };
    for (const owner of numbers) {
      if (owner.number !== emergency) continue;
      tell(owner, by);
      tell(by, owner);
    }
  }
  const codes = [...office.featureCodes.keys()];
  for (const code of codes) {
    const own: Owned = { number: code, subject: "feature-code", id: null, name: code, field: code };
    for (const other of codes)
      if (other !== code && other.startsWith(code))
        tell(own, { number: other, subject: "feature-code", id: null, name: other, field: other });
    for (const owner of numbers)
      if (owner.number === code || (/^\d/.test(code) && owner.number.startsWith(code))) {
        tell(own, owner);
        tell(owner, own);
      }
  }
  return faults;
}

/** Same fault, whatever the order. */
export function faultKey(f: GraphFault): string {
  return JSON.stringify([f.subject, f.id, f.field, f.code, f.params]);
}
