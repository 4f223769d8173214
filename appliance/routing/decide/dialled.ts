/** What a number dialled on an extension means, and by which trunk and under which number it goes out. */
import type { Destination } from "../model.ts";
import type { Why } from "../why.ts";
import type { AgentConfig, ExtensionConfig, Feature, Office } from "./office.ts";
import { agentAtExtension, agentByNumber, extensionByNumber } from "./office.ts";

export type DialledDecision =
  | { readonly action: "internal"; readonly destination: Destination; readonly why: Why }
  | {
      readonly action: "feature";
      readonly feature: Feature;
      readonly code: string;
      readonly argument: string;
    }
  | {
      readonly action: "outbound";
      readonly by: "outbound-profile" | "emergency";
      readonly ruleId?: number;
      readonly trunkId: number;
      /** Number sent to the carrier. */
      readonly number: string;
      readonly displayedNumber: string;
      readonly why: Why;
    }
  | {
      readonly action: "reject";
      readonly reason: "unknown" | "forbidden";
      readonly status: 403 | 404;
      readonly why: Why;
    };

/** A number inside the office: agent, extension, group or menu; null when it is none of these. */
export function internalDestination(office: Office, number: string): Destination | null {
  const extension = extensionByNumber(office, number);
  const agent = agentByNumber(office, number);
  if (agent?.enabled) return { type: "agent", id: agent.id };
  if (extension?.enabled) return { type: "extension", id: extension.id };
  for (const group of office.groups.values())
    if (group.number === number) return { type: "group", id: group.id };
  for (const flow of office.flows.values())
    if (flow.internalNumber !== null && flow.internalNumber !== "" && flow.internalNumber === number)
      return { type: "flow", id: flow.id };
  return null;
}

/**
 * Decides what `dialled` means on this extension. Emergency numbers win over everything and are never refused;
 * then feature codes, numbers of the office, outbound rules in order.
 * `viaClick`: dialled by click-to-call, so the click-to-call-only ban (W-3.1.2.15) does not apply.
 */
export function decideDialled(
  office: Office,
  caller: ExtensionConfig | undefined,
  dialled: string,
  options: { readonly viaClick?: boolean } = {},
): DialledDecision {
  const number = dialled.replace(/[^\d*#+]/g, "");
  const agent = caller ? agentAtExtension(office, caller.id) : undefined;
  if (office.settings.emergencyNumbers.includes(number)) return emergency(office, caller, agent, number);
  if (agent && !agent.enabled)
    return {
      action: "reject",
      reason: "forbidden",
      status: 403,
      why: { code: "agent-disabled", params: { number: agent.number } },
    };

  const feature = featureOf(office, number);
  if (feature) return feature;
  const internal = internalDestination(office, number);
  if (internal)
    return { action: "internal", destination: internal, why: { code: "office-number", params: { number } } };
  if (agent?.clickToCallOnly && !options.viaClick)
    return { action: "reject", reason: "forbidden", status: 403, why: { code: "click-to-call-only" } };
  return decideOutbound(office, caller, agent, number);
}

/** The first enabled outbound rule that fits, on an enabled trunk; rewriting: replace > remove then add (W-3.6.1.17). */
export function decideOutbound(
  office: Office,
  caller: ExtensionConfig | undefined,
  agent: AgentConfig | undefined,
  number: string,
): DialledDecision {
  if (!/^\+?[\d*#]{1,32}$/.test(number))
    return { action: "reject", reason: "unknown", status: 404, why: { code: "not-a-number" } };
  for (const rule of office.outboundRules) {
    if (!rule.enabled || !office.trunks.get(rule.trunkId)?.enabled) continue;
    if (!number.startsWith(rule.prefix)) continue;
    if (rule.minLength > 0 && number.length < rule.minLength) continue;
    if (rule.maxLength > 0 && number.length > rule.maxLength) continue;
    const stripped =
      rule.removePrefix !== "" && number.startsWith(rule.removePrefix)
        ? number.slice(rule.removePrefix.length)
        : number;
    const out = rule.replaceNumber !== "" ? rule.replaceNumber : rule.addPrefix + stripped;
    if (out === "") continue;
    return {
      action: "outbound",
      by: "outbound-profile",
      ruleId: rule.id,
      trunkId: rule.trunkId,
      number: out,
      displayedNumber: displayedNumber(office, caller, agent),
      why: { code: "outbound-rule", params: { name: rule.name } },
    };
  }
  return { action: "reject", reason: "unknown", status: 404, why: { code: "no-outbound-rule" } };
}

/** Number shown outside: agent's > extension's > system's > the agent's or extension's own number (W-3.1.2.17). */
export function displayedNumber(
  office: Office,
  caller: ExtensionConfig | undefined,
  agent: AgentConfig | undefined,
): string {
  for (const id of [
    agent?.displayedNumberId,
    caller?.displayedNumberId,
    office.settings.systemDisplayedNumberId,
  ]) {
    const found = id === null || id === undefined ? undefined : office.displayedNumbers.get(id);
    if (found) return found.number;
  }
  return agent?.number ?? caller?.number ?? "";
}

function emergency(
  office: Office,
  caller: ExtensionConfig | undefined,
  agent: AgentConfig | undefined,
  number: string,
): DialledDecision {
  const ruled = decideOutbound(office, caller, agent, number);
  const shown = displayedNumber(office, caller, agent);
  // The number itself must reach the carrier unchanged unless a rule made for it says otherwise.
  const ruledTrunk = ruled.action === "outbound" ? ruled.trunkId : undefined;
  const trunk = ruledTrunk ?? [...office.trunks.values()].find((t) => t.enabled)?.id;
  if (trunk === undefined)
    return {
      action: "reject",
      reason: "unknown",
      status: 404,
      why: { code: "emergency-no-trunk" },
    };
  return {
    action: "outbound",
    by: "emergency",
    trunkId: trunk,
    number,
    displayedNumber: shown,
    why: { code: "emergency", params: { number } },
  };
}

function featureOf(office: Office, number: string): DialledDecision | null {
  const exact = office.featureCodes.get(number);
  if (exact) return { action: "feature", feature: exact, code: number, argument: "" };
  for (const [code, feature] of office.featureCodes) {
    // Codes with an argument: pause + reason position ("*832"), sign-in + agent number.
    if (feature !== "pause" || !number.startsWith(code) || !/^[*#]/.test(code)) continue;
    const argument = number.slice(code.length);
    if (/^\*?\d{1,6}$/.test(argument))
      return { action: "feature", feature, code, argument: argument.replace("*", "") };
  }
  return null;
}
