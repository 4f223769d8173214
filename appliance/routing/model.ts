/** Destinations and what they point at (W-3.0.9, W-3.6.*). Rows of the configuration, as the deciders see them. */

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
