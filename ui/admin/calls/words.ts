/** Events of a journey in words: the template of its kind, filled with what the event tells. */
import type { CallEvent } from "../../../appliance/calls/index.ts";
import type { Why } from "../../../appliance/routing/index.ts";
import type { Translate } from "../../locale/index.ts";

/** Catalogues in which a value of a field is looked up. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  direction: ["direction"],
  reason: ["reason"],
  cause: ["cause", "reason"],
  by: ["by"],
  outcome: ["reason"],
  what: ["announced"],
  feature: ["feature"],
  result: ["used"],
};

/** Names of what events know by its id; what is unknown (removed since) stands as its id. */
export interface EventNames {
  /** Numbers of agents. */
  readonly agents: ReadonlyMap<number, string>;
  readonly media: ReadonlyMap<number, string>;
}

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

/** A reason in words. */
export function whyWords(t: Translate, why: Why): string {
  const params: Record<string, string | number> = {};
  for (const [name, item] of Object.entries(why.params ?? {})) params[name] = named(t, name, item);
  return t.code(`because.${why.code}`, params);
}

/** One line for a person. */
export function eventWords(t: Translate, event: CallEvent, names: EventNames): string {
  const params: Record<string, string | number> = {};
  for (const [name, item] of Object.entries(event.data as Record<string, unknown>)) {
    if (typeof item === "boolean") params[name] = t(item ? "yes" : "no");
    // Events of earlier versions have a sentence.
    else if (name === "why") params[name] = typeof item === "string" ? item : whyWords(t, item as Why);
    else if (typeof item !== "string" && typeof item !== "number") continue;
    else if (name === "agentId" || name === "byAgentId")
      params[name] = names.agents.get(Number(item)) ?? item;
    else if (name === "media") params[name] = names.media.get(Number(item)) ?? item;
    else if (/(?:^ms|Ms)$/.test(name)) params[name] = seconds(Number(item));
    else params[name] = named(t, name, item);
  }
  const kinds = [`event.${event.kind}.${params["kind"] ?? ""}`, `event.${event.kind}`];
  const words = t.code(kinds.find((key) => t.has(key)) ?? event.kind, params);
  return "byAgentId" in params ? `${words}${t("event.by-agent", params)}` : words;
}

function named(t: Translate, name: string, item: string | number): string | number {
  const code = String(item).replaceAll(" ", "-").toLowerCase();
  const key = NAMES[name]?.map((catalogue) => `${catalogue}.${code}`).find((word) => t.has(word));
  return key ? t.code(key) : item;
}
