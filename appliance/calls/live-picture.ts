/** The live picture: journeys, agents and groups as they are this moment; changes are told at most ten times a second. */
import type { AgentBoard } from "../queueing/index.ts";
import type { Office } from "../routing/index.ts";
import type { CallEvent } from "./events.ts";
import type { Live, LiveCall, LiveGroup, LivePicture } from "./live.ts";

const TELL_EVERY_MS = 100;

export interface LiveDeps {
  readonly office: () => Office;
  readonly board: AgentBoard;
  readonly calls: () => readonly LiveCall[];
  readonly waitingSince: (groupId: number) => readonly number[];
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly startOfDay: (at: number) => number;
  /** Answered and abandoned per group since `from`, at start. */
  readonly counts: (from: number) => Iterable<{ groupId: number; answered: number; abandoned: number }>;
}

interface Counts {
  answered: number;
  abandoned: number;
}

export interface LiveKeeper extends Live {
  /** Something changed: listeners hear of it soon. */
  touch(): void;
  /** Counts today's answered and abandoned. */
  count(event: CallEvent): void;
}

export function createLive(deps: LiveDeps): LiveKeeper {
  const listeners = new Set<(picture: LivePicture) => void>();
  let day = deps.startOfDay(deps.now());
  let today = new Map<number, Counts>();
  for (const { groupId, answered, abandoned } of deps.counts(day))
    today.set(groupId, { answered, abandoned });
  let waiting = false;

  function rollDay(at: number): void {
    const start = deps.startOfDay(at);
    if (start === day) return;
    day = start;
    today = new Map();
  }

  function group(id: number, agents: LivePicture["agents"]): LiveGroup | null {
    const config = deps.office().groups.get(id);
    if (!config) return null;
    const since = deps.waitingSince(id);
    const members = agents.filter((agent) => agent.groups.includes(id));
    const counts = today.get(id);
    return {
      groupId: id,
      name: config.name,
      number: config.number,
      waiting: since.length,
      longestWaitSince: since.length > 0 ? Math.min(...since) : null,
      signedIn: members.length,
      idle: members.filter((agent) => agent.state === "idle").length,
      talking: members.filter((agent) => agent.state === "talking" || agent.state === "on-hold").length,
      answeredToday: counts?.answered ?? 0,
      abandonedToday: counts?.abandoned ?? 0,
    };
  }

  function picture(): LivePicture {
    const at = deps.now();
    rollDay(at);
    const agents = deps.board.picture();
    const groups = [...deps.office().groups.keys()].flatMap((id) => group(id, agents) ?? []);
    return { at, calls: deps.calls(), agents, groups };
  }

  return {
    picture,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    touch() {
      if (waiting || listeners.size === 0) return;
      waiting = true;
      deps.after(TELL_EVERY_MS, () => {
        waiting = false;
        const now = picture();
        for (const listener of listeners) listener(now);
      });
    },
    count(event) {
      if (event.kind !== "queue.left") return;
      const { reason, groupId } = event.data;
      rollDay(event.at);
      const counts = today.get(groupId) ?? { answered: 0, abandoned: 0 };
      if (reason === "answered") counts.answered++;
      else if (reason === "abandoned") counts.abandoned++;
      today.set(groupId, counts);
    },
  };
}
