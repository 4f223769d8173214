/** Destinations and what they point at (W-3.0.9, W-3.6.*). Rows of the configuration, as the deciders see them. */

import type { TrunkOptions } from "../../sip/index.ts";
import type { Why } from "./why.ts";

export type Destination =
  | { readonly type: "flow"; readonly id: number }
  | { readonly type: "condition"; readonly id: number }
  | { readonly type: "group"; readonly id: number }
  | { readonly type: "agent"; readonly id: number }
  | { readonly type: "extension"; readonly id: number }
  | { readonly type: "ring-group"; readonly id: number }
  | { readonly type: "playlist"; readonly id: number }
  | { readonly type: "external"; readonly number: string }
  | { readonly type: "hangup" };

export type DestinationType = Destination["type"];

/** Weekly slots: day 1 = Monday … 7 = Sunday; minutes since midnight in office time, end exclusive. */
export interface WeeklySlot {
  readonly day: number;
  readonly from: number;
  readonly to: number;
}

export type ConditionRule =
  | { readonly type: "weekly"; readonly slots: readonly WeeklySlot[] }
  /** "HH:MM:SS", both ends included (W-3.6.8.6). */
  | { readonly type: "time"; readonly ranges: readonly { readonly from: string; readonly to: string }[] }
  /** "YYYY-MM-DD". */
  | { readonly type: "date"; readonly dates: readonly string[] }
  /** "YYYY-MM-DDTHH:MM", ends included, the whole end minute belongs to the range (W-3.6.8.8). */
  | {
      readonly type: "date-range";
      readonly ranges: readonly { readonly from: string; readonly to: string }[];
    };

export interface Condition {
  readonly id: number;
  readonly name: string;
  readonly rule: ConditionRule;
  readonly match: Destination;
  readonly noMatch: Destination;
}

/** A one-level IVR menu (W-3.6.2). A media id of null = nothing. */
export interface MenuFlow {
  readonly id: number;
  readonly name: string;
  readonly internalNumber: string | null;
  readonly prompts: readonly { readonly mediaId: number; readonly gapS: number }[];
  readonly replayCount: number;
  readonly inputTimeoutS: number;
  readonly keyTimeoutS: number;
  readonly maxInput: number;
  readonly delayS: number;
  readonly directDial: boolean;
  readonly timeoutPromptId: number | null;
  readonly timeoutDestination: Destination | null;
  readonly noMatchPromptId: number | null;
  readonly noMatchDestination: Destination | null;
  readonly keys: readonly { readonly input: string; readonly destination: Destination }[];
  readonly callerNumberPrefix: string;
  readonly callerNamePrefix: string;
}

export const RING_STRATEGIES = [
  "longest-idle",
  "fewest-calls",
  "sequential",
  "memory-rotation",
  "random",
  "ring-all",
] as const;
export type RingStrategy = (typeof RING_STRATEGIES)[number];
export type AcwMode = "disabled" | "after-answer" | "after-ring";

/** An agent group with its queue (W-3.1.3). */
export interface Group {
  readonly id: number;
  readonly name: string;
  readonly number: string;
  readonly queueEnabled: boolean;
  readonly strategy: RingStrategy;
  readonly agentTimeoutS: number;
  /** 0 = unlimited. */
  readonly maxWaitS: number;
  readonly retryS: number;
  /** 0 = unlimited. */
  readonly capacity: number;
  readonly joinEmpty: boolean;
  readonly leaveWhenEmpty: boolean;
  readonly noAgentOverflow: boolean;
  readonly overflow: Destination | null;
  readonly autoPause: boolean;
  readonly acwMode: AcwMode;
  readonly acwSeconds: number;
  readonly autoAnswerQueue: boolean;
  readonly holdMusicId: number | null;
  readonly waitingMusicId: number | null;
  readonly playWaitingMusic: boolean;
  readonly announceAgentNumber: boolean;
  readonly beforeNumberPromptId: number | null;
  readonly afterNumberPromptId: number | null;
  readonly queueAnnouncementId: number | null;
  readonly agentAnnouncementId: number | null;
  readonly periodicPromptId: number | null;
  readonly periodicS: number;
  readonly announcePosition: boolean;
  readonly positionIntervalS: number;
  readonly callerNumberPrefix: string;
  readonly callerNamePrefix: string;
  readonly record: boolean;
  readonly members: readonly GroupMember[];
}

/** Members in list order (the order is meaningful, W-3.1.3.2). Lower `priority` first. */
export interface GroupMember {
  readonly agentId: number;
  readonly priority: number;
  readonly position: number;
  readonly kind: "dynamic" | "static";
}

// Rows and inputs of the configuration pages. Times are UTC ms.

interface Stamped {
  readonly id: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** W-3.5.1. `number`: several separated by space or comma. destination null: the inbound routes decide. */
export interface DidInput {
  readonly number: string;
  readonly name: string;
  readonly groupLabel: string;
  readonly trunkId: number | null;
  readonly destination: Destination | null;
  readonly callerNumberPrefix: string;
  readonly callerNamePrefix: string;
  readonly enabled: boolean;
  readonly note: string;
}
export interface DidRow extends DidInput, Stamped {
  readonly trunkName: string;
  readonly lastUsedAt: number | null;
}

/** W-3.6.1; tested by rising `position`. */
export interface InboundRouteInput {
  readonly name: string;
  readonly position: number;
  readonly subject: "caller" | "did";
  readonly method: "prefix" | "pattern" | "group" | "region";
  readonly value: string;
  readonly removeCallerPrefix: string;
  readonly addCallerPrefix: string;
  readonly lastAgentFirst: boolean;
  readonly destination: Destination;
}
export interface InboundRouteRow extends InboundRouteInput, Stamped {}

export type ConditionInput = Omit<Condition, "id">;
export interface ConditionRow extends ConditionInput, Stamped {}

export type FlowInput = Omit<MenuFlow, "id">;
export interface FlowRow extends FlowInput, Stamped {}

/** Outbound rule; rewriting as W-3.6.1.17 (replace > remove, then add). Lengths 0 = no limit. */
export interface OutboundRuleInput {
  readonly name: string;
  readonly position: number;
  readonly prefix: string;
  readonly minLength: number;
  readonly maxLength: number;
  readonly removePrefix: string;
  readonly addPrefix: string;
  readonly replaceNumber: string;
  readonly trunkId: number;
  readonly enabled: boolean;
}
export interface OutboundRuleRow extends OutboundRuleInput, Stamped {
  readonly trunkName: string;
}

/** Options left out are the defaults (TRUNK_DEFAULTS; no next trunk). */
export interface TrunkInput extends Partial<TrunkOptions> {
  readonly name: string;
  readonly enabled: boolean;
  readonly kind: "registration" | "ip";
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  readonly username: string;
  readonly authUsername: string;
  /** undefined or "": kept when editing. Never handed out again. */
  readonly password?: string;
  readonly fromDomain: string;
  readonly outboundProxy: string;
  readonly allowedAddresses: readonly string[];
  readonly maxCalls: number;
  readonly registerExpiresS: number;
  readonly optionsPingS: number;
  readonly codecs: readonly string[];
  readonly identityHeader: "none" | "pai" | "ppi" | "rpid";
  /** The trunk tried next when this one is full, refuses with 5xx or does not answer. */
  readonly nextTrunkId?: number | null;
}
export interface TrunkRow
  extends Omit<TrunkInput, "password" | "nextTrunkId" | keyof TrunkOptions>,
    TrunkOptions,
    Stamped {
  readonly nextTrunkId: number | null;
  readonly hasPassword: boolean;
}

export interface DisplayedNumberInput {
  readonly number: string;
  readonly supplier: string;
  readonly trunkId: number | null;
}
export interface DisplayedNumberRow extends DisplayedNumberInput, Stamped {
  readonly trunkName: string;
}

/** W-3.5.3. */
export interface MediaFileInput {
  readonly name: string;
  readonly fileType: "voice" | "music";
  readonly category: string;
  readonly description: string;
}
export interface MediaFileRow extends MediaFileInput, Stamped {
  readonly number: string;
  readonly originalName: string;
  readonly durationMs: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Built-in prompts: `name` is the prompt key, `language` its language. */
  readonly builtIn: boolean;
  readonly language: string | null;
}
export interface MediaUpload extends MediaFileInput {
  readonly fileName: string;
  readonly bytes: Uint8Array;
}

export interface BlacklistInput {
  readonly number: string;
  readonly note: string;
}
export interface BlacklistRow extends BlacklistInput, Stamped {}

export interface FeatureCode {
  readonly code: string;
  readonly feature: string;
}

/** A fault of the configuration as a whole; `subject`/`id`/`field` say where. */
export interface GraphFault {
  readonly subject: string;
  readonly id: number | null;
  readonly name: string;
  readonly field: string;
  readonly code: string;
  readonly params: Readonly<Record<string, string | number>>;
}

/** One step of "what would happen" (design.md §2.3). */
export interface ExplainStep {
  readonly what: "call" | "did" | "route" | "condition" | "destination" | "reject";
  readonly text: string;
  readonly why?: Why;
  readonly destination: Destination | null;
}
