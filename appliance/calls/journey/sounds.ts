/** Sounds made of pieces: ringback and spoken numbers. */
import type { PlayItem } from "../../../sip/index.ts";

/** The Chinese ringback tone: 450 Hz, 1 s on, 4 s off (GF 002-9002). */
export function ringbackItems(): PlayItem[] {
  return [
    { kind: "tone", hz: [450], ms: 1000 },
    { kind: "silence", ms: 4000 },
  ];
}

type Prompts = ReadonlyMap<string, string>;

export function promptItems(prompts: Prompts, keys: readonly string[]): PlayItem[] {
  return keys.flatMap((key) => {
    const path = prompts.get(key);
    return path ? [{ kind: "file" as const, path }] : [];
  });
}

/** Digits one after the other, as extension numbers are read. */
export function spokenDigits(prompts: Prompts, digits: string): PlayItem[] {
  return promptItems(
    prompts,
    [...digits].map((digit) => `digit-${digit}`),
  );
}

/** "You are number N in the queue"; empty without the prompts. */
export function spokenPosition(prompts: Prompts, position: number): PlayItem[] {
  const number = prompts.has(`number-${position}`)
    ? promptItems(prompts, [`number-${position}`])
    : spokenDigits(prompts, String(position));
  if (number.length === 0 || !prompts.has("position-before")) return [];
  return [
    ...promptItems(prompts, ["position-before"]),
    ...number,
    ...promptItems(prompts, ["position-after"]),
  ];
}
