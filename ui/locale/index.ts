/**
 * All words a person reads, in Chinese (default) and English. A catalogue a part of the pages; the English one is
 * typed by the Chinese keys, so a missing key fails the type check.
 */
import { alarmsEn, alarmsZh } from "./alarms.ts";
import { certificatesEn, certificatesZh } from "./certificates.ts";
import { commonEn, commonZh } from "./common.ts";
import { errorsEn, errorsZh } from "./errors.ts";
import { liveEn, liveZh } from "./live.ts";
import { officeEn, officeZh } from "./office.ts";
import { peopleEn, peopleZh } from "./people.ts";
import { queuesEn, queuesZh } from "./queues.ts";
import { routingEn, routingZh } from "./routing.ts";
import { securityEn, securityZh } from "./security.ts";
import { systemEn, systemZh } from "./system.ts";
import { timelineEn, timelineZh } from "./timeline.ts";
import { traceEn, traceZh } from "./trace.ts";
import { trunksEn, trunksZh } from "./trunks.ts";

export type Language = "zh-CN" | "en";

const zh = {
  ...alarmsZh,
  ...certificatesZh,
  ...commonZh,
  ...errorsZh,
  ...liveZh,
  ...officeZh,
  ...peopleZh,
  ...queuesZh,
  ...routingZh,
  ...securityZh,
  ...systemZh,
  ...timelineZh,
  ...traceZh,
  ...trunksZh,
} as const;
export type Key = keyof typeof zh;
const en: Record<Key, string> = {
  ...alarmsEn,
  ...certificatesEn,
  ...commonEn,
  ...errorsEn,
  ...liveEn,
  ...officeEn,
  ...peopleEn,
  ...queuesEn,
  ...routingEn,
  ...securityEn,
  ...systemEn,
  ...timelineEn,
  ...traceEn,
  ...trunksEn,
};

export type Params = Readonly<Record<string, string | number>>;

export interface Translate {
  (key: Key, params?: Params): string;
  readonly lang: Language;
  /** For codes that come from the use cases ("error.in-use"); an unknown code is shown as it is. */
  code(code: string, params?: Params): string;
  has(code: string): code is Key;
}

function fill(text: string, params: Params | undefined): string {
  return params ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole)) : text;
}

function make(lang: Language, words: Readonly<Record<string, string>>): Translate {
  const code = (key: string, params?: Params): string => fill(words[key] ?? key, params);
  return Object.assign((key: Key, params?: Params) => code(key, params), {
    lang,
    code,
    has: (key: string): key is Key => Object.hasOwn(words, key),
  });
}

const MADE: Readonly<Record<Language, Translate>> = { "zh-CN": make("zh-CN", zh), en: make("en", en) };

/** The words of a language. */
export function t(lang: Language): Translate {
  return MADE[lang];
}

/** The language a browser asks for, for pages before sign-in. */
export function preferredLanguage(acceptLanguage: string | null): Language {
  const first = (acceptLanguage ?? "").split(",")[0]?.trim().toLowerCase() ?? "";
  return first.startsWith("en") ? "en" : "zh-CN";
}
