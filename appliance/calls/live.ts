/** The live picture (in memory, rebuilt from the logs at start): what dashboard, desk and wallboard draw. */
import type { AgentState, Direction } from "./events.ts";

export interface LiveCall {
  readonly journey: string;
  readonly direction: Direction;
  readonly caller: string;
  readonly callerName: string;
  readonly callee: string;
  readonly didNumber: string | null;
  /** Where the call is now. */
  readonly stage: "starting" | "ivr" | "queue" | "ringing" | "talking" | "held" | "ending";
  /** Name of the flow, group, agent or number of this stage. */
  readonly at: string;
  readonly groupId: number | null;
  readonly agentId: number | null;
  readonly startedAt: number;
  readonly stageSince: number;
  readonly recording: boolean;
}

export interface LiveAgent {
  readonly agentId: number;
  readonly number: string;
  readonly name: string;
  readonly state: AgentState;
  readonly reason: string;
  readonly since: number;
  readonly groups: readonly number[];
  readonly journey: string | null;
  readonly deviceOnline: boolean;
}

export interface LiveGroup {
  readonly groupId: number;
  readonly name: string;
  readonly number: string;
  readonly waiting: number;
  readonly longestWaitSince: number | null;
  readonly signedIn: number;
  readonly idle: number;
  readonly talking: number;
  /** Today, office time. */
  readonly answeredToday: number;
  readonly abandonedToday: number;
}

export interface LivePicture {
  readonly at: number;
  readonly calls: readonly LiveCall[];
  readonly agents: readonly LiveAgent[];
  readonly groups: readonly LiveGroup[];
}

export interface Live {
  picture(): LivePicture;
  /** Called (coalesced to ≤ 10/s) when anything in the picture changed. */
  onChange(listener: (picture: LivePicture) => void): () => void;
}
