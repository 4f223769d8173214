/**
 * Whether an agent has the web desk open (W-3.1.2.18–19): every page with a live stream counts. Agents who work in the
 * browser are signed out of their groups when the last one has been closed for the set time.
 */
import type { AgentFact } from "../calls/events.ts";
import type { Office } from "../routing/index.ts";
import type { AgentBoard } from "./agents.ts";

export interface DeskPresence {
  /** `session` names one page; the same one twice counts once. */
  open(agentId: number, session: string): void;
  close(agentId: number, session: string): void;
  isOpen(agentId: number): boolean;
}

export interface DeskPresenceDeps {
  readonly board: Pick<AgentBoard, "signOut">;
  readonly office: () => Office;
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly append: (facts: readonly AgentFact[]) => void;
}

/** From one page to the next a stream ends and another begins: that closes no desk. */
export const PAGE_CHANGE_MS = 5000;

interface Desk {
  readonly sessions: Set<string>;
  /** Open in the log. */
  told: boolean;
  cancelClose: () => void;
  cancelSignOut: () => void;
}

/** All agents count as having just closed their desk: after a start the browsers come back by themselves. */
export function createDeskPresence(deps: DeskPresenceDeps): DeskPresence {
  const desks = new Map<number, Desk>();

  function deskOf(agentId: number): Desk {
    let desk = desks.get(agentId);
    if (!desk) {
      desk = { sessions: new Set(), told: false, cancelClose: () => {}, cancelSignOut: () => {} };
      desks.set(agentId, desk);
    }
    return desk;
  }

  function armSignOut(agentId: number, desk: Desk): void {
    desk.cancelSignOut();
    const agent = deps.office().agents.get(agentId);
    const ms = Math.max(PAGE_CHANGE_MS, (agent?.browserTimeoutS ?? 0) * 1000);
    desk.cancelSignOut = deps.after(ms, () => {
      if (desk.sessions.size === 0 && deps.office().agents.get(agentId)?.workInBrowser)
        deps.board.signOut(agentId, [], "system");
    });
  }

  for (const agent of deps.office().agents.values())
    if (agent.workInBrowser) armSignOut(agent.id, deskOf(agent.id));

  return {
    open(agentId, session) {
      const desk = deskOf(agentId);
      desk.sessions.add(session);
      desk.cancelClose();
      desk.cancelSignOut();
      if (desk.told) return;
      desk.told = true;
      deps.append([{ kind: "agent.desk_opened", agentId, at: deps.now(), data: { session } }]);
    },
    close(agentId, session) {
      const desk = deskOf(agentId);
      if (!desk.sessions.delete(session) || desk.sessions.size > 0) return;
      desk.cancelClose = deps.after(PAGE_CHANGE_MS, () => {
        desk.told = false;
        deps.append([{ kind: "agent.desk_closed", agentId, at: deps.now(), data: { session } }]);
      });
      armSignOut(agentId, desk);
    },
    isOpen: (agentId) => desks.get(agentId)?.told === true,
  };
}
