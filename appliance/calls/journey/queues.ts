/** All queues of the exchange: who waits where, and who is offered to whom whenever somebody is free. */

import {
  type Admission,
  type AgentBoard,
  admission,
  pickAgents,
  waitingOrder,
} from "../../queueing/index.ts";
import type { Group, Office } from "../../routing/index.ts";
import type { Why } from "../../routing/why.ts";

/** A call in a queue, as the dispatcher sees it. */
export interface Waiter {
  readonly journey: string;
  readonly priority: number;
  readonly joinedAt: number;
  readonly groupId: number;
  /** Agents missed in this round. */
  readonly tried: ReadonlySet<number>;
  /** Being offered now: not served a second time. */
  readonly offering: boolean;
  offer(agentIds: readonly number[], why: Why): void;
  /** The last agent signed out (W-3.1.3.38), or none is available any more (W-3.1.3.39). */
  emptied(reason: "empty" | "no-agent"): void;
}

export class Queues {
  readonly #waiters = new Map<string, Waiter>();
  readonly #lastTaker = new Map<number, number>();
  readonly #board: AgentBoard;
  readonly #office: () => Office;
  readonly #now: () => number;
  readonly #random: () => number;
  #again = false;
  #running = false;

  constructor(deps: {
    readonly board: AgentBoard;
    readonly office: () => Office;
    readonly now: () => number;
    readonly random: () => number;
  }) {
    this.#board = deps.board;
    this.#office = deps.office;
    this.#now = deps.now;
    this.#random = deps.random;
  }

  admission(group: Group): Admission {
    const free = this.#board.candidates(group).size;
    const signedIn = this.#board.signedIn(group);
    return admission(group, { waiting: this.waiting(group.id).length, signedIn, free });
  }

  join(waiter: Waiter): void {
    this.#waiters.set(waiter.journey, waiter);
  }

  leave(journey: string): void {
    this.#waiters.delete(journey);
  }

  /** Waiting calls of a group in serving order; a call being offered keeps its place. */
  waiting(groupId: number): readonly Waiter[] {
    const mine = [...this.#waiters.values()].filter((w) => w.groupId === groupId);
    const order = waitingOrder(mine);
    return order.flatMap((call) => mine.filter((w) => w.journey === call.journey));
  }

  /** 1-based. */
  position(waiter: Waiter): number {
    return this.waiting(waiter.groupId).findIndex((w) => w.journey === waiter.journey) + 1;
  }

  answered(groupId: number, agentId: number): void {
    this.#lastTaker.set(groupId, agentId);
  }

  /** Offers free agents to waiting calls, the oldest first over all groups, until nothing fits any more. */
  dispatch(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    try {
      do {
        this.#again = false;
        this.#round();
      } while (this.#again);
    } finally {
      this.#running = false;
    }
  }

  #round(): void {
    for (const call of waitingOrder([...this.#waiters.values()])) {
      const waiter = this.#waiters.get(call.journey);
      const group = waiter && this.#office().groups.get(waiter.groupId);
      if (!waiter || !group || waiter.offering) continue;
      const candidates = this.#board.candidates(group);
      const memory = { lastAgentId: this.#lastTaker.get(group.id) ?? null };
      const pick = pickAgents(group, candidates, memory, waiter.tried, this.#now(), this.#random);
      if (pick.agentIds.length > 0) waiter.offer(pick.agentIds, pick.why);
    }
  }

  /** After agents signed out or went away: calls that must not wait in an empty queue are told. */
  checkEmpty(): void {
    for (const waiter of [...this.#waiters.values()]) {
      const group = this.#office().groups.get(waiter.groupId);
      if (!group || waiter.offering) continue;
      const signedIn = this.#board.signedIn(group);
      if (group.leaveWhenEmpty && signedIn === 0) waiter.emptied("empty");
      else if (group.noAgentOverflow && signedIn > 0 && this.#board.candidates(group).size === 0)
        waiter.emptied("no-agent");
    }
  }
}
