/** Events of a journey in words: the template of its kind, filled with what the event tells. */
import type { CallEvent } from "../../../appliance/calls/index.ts";
import type { Translate } from "../../locale/index.ts";

/** Catalogues in which a value of a field is looked up. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  direction: ["direction"],
  reason: ["reason"],
  cause: ["cause", "reason"],
  by: ["by"],
  outcome: ["reason"],
};

/** Milliseconds shown as seconds with one decimal at most. */
export function seconds(ms: number): string {
  return String(Math.round(ms / 100) / 10);
}

/** "3:07", "1:02:03"; "" for 0. */
export function duration(ms: number): string {
  if (ms <= 0) return "";
  const all = Math.round(ms / 1000);
  const two = (part: number) => String(part).padStart(2, "0");
  const minutes = Math.floor(all / 60);
  return minutes < 60
    ? `${minutes}:${two(all % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(all % 60)}`;
}

/** One line for a person; `agents` gives the number of an agent's id. */
export function eventWords(t: Translate, event: CallEvent, agents: ReadonlyMap<number, string>): string {
  const params: Record<string, string | number> = {};
  for (const [name, item] of Object.entries(event.data as Record<string, unknown>)) {
    if (typeof item === "boolean") params[name] = t(item ? "yes" : "no");
    else if (typeof item !== "string" && typeof item !== "number") continue;
    else if (name === "agentId") params[name] = agents.get(Number(item)) ?? item;
    else if (/[mM]s$/.test(name)) params[name] = seconds(Number(item));
    else {
      const key = NAMES[name]?.map((catalogue) => `${catalogue}.${item}`).find((word) => t.has(word));
      params[name] = key ? t.code(key) : item;
    }
  }
  return t.code(`event.${event.kind}`, params);
}
