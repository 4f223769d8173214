/** "What would happen to a call to `did` from `caller` at `at`", with the same deciders the calls use. Pure. */
import { checkCondition, decideInbound, type Office } from "./decide/index.ts";
import type { Destination, ExplainStep } from "./model.ts";

const MOST_STEPS = 20;

/** Steps in order; `text` names the objects as they are called in the office, `why` gives the reason. */
export function explain(office: Office, did: string, caller: string, at: number): readonly ExplainStep[] {
  const steps: ExplainStep[] = [{ what: "call", text: `${caller} → ${did}`, destination: null }];
  const line = office.dids.find((d) => d.number.split(/[\s,]+/).includes(did));
  const decision = decideInbound(office, {
    dialled: did,
    callerNumber: caller,
    callerName: "",
    trunkId: line?.trunkId ?? 0,
  });
  if (decision.did)
    steps.push({
      what: "did",
      text: `${decision.did.number} ${decision.did.name}`.trim(),
      destination: decision.did.destination,
    });
  if (decision.action === "reject") {
    steps.push({ what: "reject", text: "", why: decision.why, destination: null });
    return steps;
  }
  steps.push({ what: "route", text: "", why: decision.why, destination: decision.destination });
  let to: Destination = decision.destination;
  for (let i = 0; to.type === "condition" && i < MOST_STEPS; i++) {
    const condition = office.conditions.get(to.id);
    if (!condition) {
      steps.push({
        what: "reject",
        text: "",
        why: { code: "condition-missing", params: { id: to.id } },
        destination: null,
      });
      return steps;
    }
    const verdict = checkCondition(condition.rule, at, office.settings.timeZone);
    to = verdict.matched ? condition.match : condition.noMatch;
    steps.push({
      what: "condition",
      text: `${condition.name}: ${verdict.officeTime} ${verdict.matched ? "✓" : "✗"}`,
      destination: to,
    });
  }
  steps.push({ what: "destination", text: nameOf(office, to), destination: to });
  return steps;
}

function nameOf(office: Office, to: Destination): string {
  switch (to.type) {
    case "flow":
      return office.flows.get(to.id)?.name ?? "";
    case "condition":
      return office.conditions.get(to.id)?.name ?? "";
    case "group":
      return office.groups.get(to.id)?.name ?? "";
    case "agent":
      return office.agents.get(to.id)?.name ?? "";
    case "extension":
      return office.extensions.get(to.id)?.number ?? "";
    case "external":
      return to.number;
    default:
      return "";
  }
}
