/**
 * The office's configuration as the pure deciders see it: one immutable picture, replaced whole after each save.
 * Numbers are digits as dialled; ids are the rows' ids.
 */
import type { Condition, Destination, Group, MenuFlow } from "../model.ts";

export interface DidConfig {
  readonly id: number;
  readonly number: string;
  readonly name: string;
  readonly groupLabel: string;
  readonly trunkId: number | null;
  readonly destination: Destination | null;
  readonly callerNumberPrefix: string;
  readonly callerNamePrefix: string;
  readonly enabled: boolean;
}

export interface InboundRouteConfig {
  readonly id: number;
  readonly name: string;
  readonly subject: "caller" | "did";
  readonly method: "prefix" | "pattern" | "group" | "region";
  readonly value: string;
  readonly removeCallerPrefix: string;
  readonly addCallerPrefix: string;
  readonly lastAgentFirst: boolean;
  readonly destination: Destination;
}

export interface OutboundRuleConfig {
  readonly id: number;
  readonly name: string;
  readonly prefix: string;
  /** 0 = no limit. */
  readonly minLength: number;
  readonly maxLength: number;
  readonly removePrefix: string;
  readonly addPrefix: string;
  readonly replaceNumber: string;
  readonly trunkId: number;
  readonly enabled: boolean;
}

export interface TrunkInfo {
  readonly id: number;
  readonly name: string;
  readonly enabled: boolean;
  /** 0 = no limit. */
  readonly maxCalls: number;
  /** Tried when this one cannot take a call. */
  readonly nextTrunkId?: number | null;
}

export interface ExtensionConfig {
  readonly id: number;
  readonly number: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly dnd: boolean;
  readonly displayedNumberId: number | null;
}

export interface AgentConfig {
  readonly id: number;
  readonly number: string;
  readonly name: string;
  readonly extensionId: number;
  readonly enabled: boolean;
  readonly clickToCallOnly: boolean;
  readonly displayedNumberId: number | null;
  /** argon2id of the phone sign-in password; "" = none asked. */
  readonly phonePinHash: string;
  readonly workInBrowser: boolean;
  readonly browserTimeoutS: number;
}

/** Features reached by a code from a phone. */
export const FEATURES = ["sign-in", "sign-out", "idle", "pause", "announce-number", "echo"] as const;
export type Feature = (typeof FEATURES)[number];

export interface OfficeSettings {
  readonly language: "zh-CN" | "en";
  readonly timeZone: string;
  readonly emergencyNumbers: readonly string[];
  readonly systemDisplayedNumberId: number | null;
  readonly extensionRingS: number;
  readonly outboundRingS: number;
  readonly recordInbound: boolean;
  readonly recordOutbound: boolean;
  readonly recordInternal: boolean;
  readonly holdMusicId: number | null;
  readonly waitingMusicId: number | null;
  /** Journeys at once coming from trunks; 0 = no limit. */
  readonly maxInboundCalls: number;
}

export interface Office {
  readonly settings: OfficeSettings;
  readonly dids: readonly DidConfig[];
  readonly inboundRoutes: readonly InboundRouteConfig[];
  readonly defaultRoute: Destination | null;
  readonly conditions: ReadonlyMap<number, Condition>;
  readonly flows: ReadonlyMap<number, MenuFlow>;
  readonly groups: ReadonlyMap<number, Group>;
  readonly extensions: ReadonlyMap<number, ExtensionConfig>;
  readonly agents: ReadonlyMap<number, AgentConfig>;
  readonly trunks: ReadonlyMap<number, TrunkInfo>;
  readonly outboundRules: readonly OutboundRuleConfig[];
  readonly displayedNumbers: ReadonlyMap<
    number,
    { readonly number: string; readonly trunkId: number | null }
  >;
  /** Dialled code → feature. */
  readonly featureCodes: ReadonlyMap<string, Feature>;
  readonly blacklist: ReadonlySet<string>;
  readonly pauseReasons: ReadonlyMap<number, string>;
  /** Media file id → absolute path of the 8 kHz WAV. */
  readonly media: ReadonlyMap<number, string>;
  /** Built-in prompt key ("please-hold", "digit-3") → absolute path, in the office's language. */
  readonly prompts: ReadonlyMap<string, string>;
}

export const DEFAULT_SETTINGS: OfficeSettings = {
  language: "zh-CN",
  timeZone: "Asia/Shanghai",
  emergencyNumbers: ["110", "119", "120", "122"],
  systemDisplayedNumberId: null,
  extensionRingS: 30,
  outboundRingS: 60,
  recordInbound: true,
  recordOutbound: true,
  recordInternal: false,
  holdMusicId: null,
  waitingMusicId: null,
  maxInboundCalls: 0,
};

/** An office with nothing configured; tests and builders spread over it. */
export function emptyOffice(): Office {
  return {
    settings: DEFAULT_SETTINGS,
    dids: [],
    inboundRoutes: [],
    defaultRoute: null,
    conditions: new Map(),
    flows: new Map(),
    groups: new Map(),
    extensions: new Map(),
    agents: new Map(),
    trunks: new Map(),
    outboundRules: [],
    displayedNumbers: new Map(),
    featureCodes: new Map(),
    blacklist: new Set(),
    pauseReasons: new Map(),
    media: new Map(),
    prompts: new Map(),
  };
}

/** The agent working at an extension, if any. */
export function agentAtExtension(office: Office, extensionId: number): AgentConfig | undefined {
  for (const agent of office.agents.values()) if (agent.extensionId === extensionId) return agent;
  return undefined;
}

export function agentByNumber(office: Office, number: string): AgentConfig | undefined {
  for (const agent of office.agents.values()) if (agent.number === number) return agent;
  return undefined;
}

export function extensionByNumber(office: Office, number: string): ExtensionConfig | undefined {
  for (const extension of office.extensions.values()) if (extension.number === number) return extension;
  return undefined;
}
