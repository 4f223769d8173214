/** Groups and pause reasons as the pages see them (W-3.1.3, W-3.6.9). Times are UTC ms. */
import type { Group, GroupMember } from "../routing/model.ts";

/** W-3.1.3. `leaders` are agents too; they need not be members. */
export interface GroupRow extends Group {
  readonly leaderIds: readonly number[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Members in list order; `position` is taken from that order. */
export interface GroupInput extends Omit<Group, "id" | "members"> {
  readonly members: readonly Pick<GroupMember, "agentId" | "priority" | "kind">[];
  readonly leaderIds: readonly number[];
}

/** What a new group starts with; name, number and members are the office's. */
export const GROUP_DEFAULTS: Omit<GroupInput, "name" | "number" | "members" | "leaderIds"> = {
  queueEnabled: true,
  strategy: "longest-idle",
  agentTimeoutS: 20,
  maxWaitS: 300,
  retryS: 2,
  capacity: 0,
  joinEmpty: false,
  leaveWhenEmpty: false,
  noAgentOverflow: false,
  overflow: null,
  autoPause: false,
  acwMode: "disabled",
  acwSeconds: 0,
  autoAnswerQueue: false,
  holdMusicId: null,
  waitingMusicId: null,
  playWaitingMusic: true,
  announceAgentNumber: false,
  beforeNumberPromptId: null,
  afterNumberPromptId: null,
  queueAnnouncementId: null,
  agentAnnouncementId: null,
  periodicPromptId: null,
  periodicS: 0,
  announcePosition: false,
  positionIntervalS: 30,
  callerNumberPrefix: "",
  callerNamePrefix: "",
  record: true,
};

export interface PauseReason {
  readonly id: number;
  /** Built-in reasons carry a locale key ("pause-reason.meal"); others the text as typed. */
  readonly name: string;
  /** 1-based; the digits after the pause code on a phone. */
  readonly position: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface PauseReasonInput {
  readonly name: string;
  readonly position: number;
}
