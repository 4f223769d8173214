/**
 * The agents as they are now: signed in, paused, after-call work, devices, live legs. Every change is a fact in the
 * agents' log; the state shown is derived from the two logs' facts only (journey.md), never set by hand.
 */
import type { AgentFact, JourneyId } from "../calls/events.ts";
import type { LiveAgent } from "../calls/live.ts";
import { UseCaseError } from "../kernel.ts";
import type { AgentConfig, Group, Office } from "../routing/index.ts";
import {
  type AgentFacts,
  type AgentLeg,
  type DerivedState,
  deriveState,
  foremost,
  type TimedLeg,
} from "./decide/agent-state.ts";
import type { Candidate } from "./decide/queue.ts";
import { restoredAgents } from "./decide/restored.ts";

export type By = "phone" | "web" | "admin" | "system";

export interface AgentBoardDeps {
  readonly office: () => Office;
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  /** Appends to the agents' log, durable on return. */
  readonly append: (facts: readonly AgentFact[]) => void;
  /** A stretch of one state ended and the next began (agent_timeline). */
  readonly stretch: (
    agentId: number,
    state: DerivedState,
    journey: JourneyId | null,
    groupId: number | null,
  ) => void;
  readonly startOfDay: (at: number) => number;
}

/** What an agent has done since midnight of the office; fair distribution goes on from there after a restart. */
export interface AgentDay {
  readonly agentId: number;
  /** Queue calls answered. */
  readonly answered: number;
  /** UTC ms; 0 = no call yet. */
  readonly lastCallEndedAt: number;
}

interface Entry {
  readonly groups: Set<number>;
  paused: { reason: string; reasonId: number | null; since: number } | null;
  acw: { until: number; since: number; groupId: number; cancel: () => void } | null;
  online: boolean;
  /** By journey: a consultation is a second one. */
  readonly legs: Map<JourneyId, TimedLeg>;
  lastCallEndedAt: number;
  answeredToday: number;
  day: number;
  notBefore: number;
  baseSince: number;
  shown: string;
}

/** All agents' live facts; one object for the exchange. */
export class AgentBoard {
  readonly #deps: AgentBoardDeps;
  readonly #entries = new Map<number, Entry>();
  readonly #listeners = new Set<(agentId: number) => void>();

  constructor(deps: AgentBoardDeps) {
    this.#deps = deps;
  }

  /** Called after an agent's facts changed (free agents may take a waiting call). */
  onChange(listener: (agentId: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes the facts of an earlier run over; call once, in log order, before anything else. After-call work that was
   * open ended when its time was up, at `lastAlive` (UTC ms, last sign of life of that run) at the latest.
   */
  restore(facts: Iterable<AgentFact>, lastAlive: number, today: Iterable<AgentDay> = []): void {
    for (const { agentId, answered, lastCallEndedAt } of today) {
      const entry = this.#entry(agentId);
      this.#rollDay(entry);
      entry.answeredToday = answered;
      entry.lastCallEndedAt = lastCallEndedAt;
    }
    const ends: AgentFact[] = [];
    for (const [agentId, { groups, paused, baseSince, acw }] of restoredAgents(facts)) {
      const entry = this.#entry(agentId);
      for (const groupId of groups) entry.groups.add(groupId);
      entry.paused = paused;
      if (baseSince !== null) entry.baseSince = baseSince;
      if (!acw) continue;
      const { groupId } = acw.data;
      const seconds = this.#deps.office().groups.get(groupId)?.acwSeconds ?? 0;
      const until = seconds > 0 ? acw.at + seconds * 1000 : Number.POSITIVE_INFINITY;
      const at = Math.max(acw.at, Math.min(until, lastAlive));
      ends.push({ kind: "agent.acw_ended", agentId, at, data: { groupId, by: "timer" } });
    }
    this.#deps.append(ends);
    for (const [agentId] of this.#deps.office().agents) this.#changed(agentId);
  }

  #config(agentId: number): AgentConfig {
    const agent = this.#deps.office().agents.get(agentId);
    if (!agent) throw new UseCaseError("error.not-found", { what: "agent", id: agentId });
    return agent;
  }

  #entry(agentId: number): Entry {
    let entry = this.#entries.get(agentId);
    if (!entry) {
      entry = {
        groups: new Set(),
        paused: null,
        acw: null,
        online: false,
        legs: new Map(),
        lastCallEndedAt: 0,
        answeredToday: 0,
        day: 0,
        notBefore: 0,
        baseSince: this.#deps.now(),
        shown: "",
      };
      this.#entries.set(agentId, entry);
    }
    return entry;
  }

  /** Groups the agent works in now: the static ones and those signed in to. */
  groupsOf(agentId: number): number[] {
    const entry = this.#entries.get(agentId);
    const found: number[] = [];
    for (const group of this.#deps.office().groups.values()) {
      const member = group.members.find((m) => m.agentId === agentId);
      if (member && (member.kind === "static" || entry?.groups.has(group.id))) found.push(group.id);
    }
    return found;
  }

  /** Groups the agent may sign in to. */
  memberships(agentId: number): number[] {
    return [...this.#deps.office().groups.values()]
      .filter((group) => group.members.some((m) => m.agentId === agentId))
      .map((group) => group.id);
  }

  /** @throws UseCaseError error.agent-disabled (W-3.1.2.16) | error.not-member | error.desk-needed (W-3.1.2.18) */
  signIn(agentId: number, groupIds: readonly number[], by: By, deskOpen = true): void {
    const agent = this.#config(agentId);
    if (!agent.enabled) throw new UseCaseError("error.agent-disabled", { number: agent.number });
    if (by === "phone" && agent.workInBrowser && !deskOpen)
      throw new UseCaseError("error.desk-needed", { number: agent.number });
    const mine = this.memberships(agentId);
    const wanted = groupIds.length > 0 ? groupIds : mine;
    if (mine.length === 0 || wanted.some((id) => !mine.includes(id)))
      throw new UseCaseError("error.not-member", { number: agent.number });
    const entry = this.#entry(agentId);
    const fresh = wanted.filter((id) => !entry.groups.has(id));
    const at = this.#deps.now();
    this.#deps.append(
      fresh.map((groupId) => ({
        kind: "agent.signed_in",
        agentId,
        at,
        data: { groupId, by: by === "system" ? "admin" : by },
      })),
    );
    for (const id of fresh) entry.groups.add(id);
    if (fresh.length > 0) entry.baseSince = at;
    if (entry.paused && by !== "admin") this.unpause(agentId, by);
    this.#changed(agentId);
  }

  /** Signs out of the groups given (none given: of all). Static memberships stay. */
  signOut(agentId: number, groupIds: readonly number[], by: By): void {
    const entry = this.#entry(agentId);
    const gone = [...entry.groups].filter((id) => groupIds.length === 0 || groupIds.includes(id));
    const at = this.#deps.now();
    this.#deps.append(
      gone.map((groupId) => ({ kind: "agent.signed_out", agentId, at, data: { groupId, by } })),
    );
    for (const id of gone) entry.groups.delete(id);
    if (gone.length > 0) entry.baseSince = at;
    this.#changed(agentId);
  }

  /** `reasonId` null with `reason` "no-answer": paused by the queue itself (W-3.1.3.40). */
  pause(agentId: number, reason: string, reasonId: number | null, by: By): void {
    this.#config(agentId);
    const entry = this.#entry(agentId);
    const at = this.#deps.now();
    this.#deps.append([{ kind: "agent.paused", agentId, at, data: { reason, reasonId, by } }]);
    entry.paused = { reason, reasonId, since: at };
    this.#changed(agentId);
  }

  unpause(agentId: number, by: By): void {
    const entry = this.#entry(agentId);
    if (!entry.paused) return;
    const at = this.#deps.now();
    this.#deps.append([{ kind: "agent.unpaused", agentId, at, data: { by } }]);
    entry.paused = null;
    entry.baseSince = at;
    this.#changed(agentId);
  }

  /** Ready for calls: ends pause and after-call work. */
  setIdle(agentId: number, by: By): void {
    this.unpause(agentId, by);
    this.endAcw(agentId, by === "system" ? "timer" : by);
  }

  endAcw(agentId: number, by: "timer" | "phone" | "web" | "admin"): void {
    const entry = this.#entry(agentId);
    if (!entry.acw) return;
    const { groupId, cancel } = entry.acw;
    const at = this.#deps.now();
    cancel();
    this.#deps.append([{ kind: "agent.acw_ended", agentId, at, data: { groupId, by } }]);
    entry.acw = null;
    entry.baseSince = at;
    this.#changed(agentId);
  }

  /** The agent's extension got its first or lost its last device. */
  device(agentId: number, online: boolean): void {
    const entry = this.#entry(agentId);
    if (entry.online === online) return;
    const at = this.#deps.now();
    this.#deps.append([
      { kind: online ? "agent.device_online" : "agent.device_offline", agentId, at, data: { device: "" } },
    ]);
    entry.online = online;
    if (entry.legs.size === 0) entry.baseSince = at;
    this.#changed(agentId);
  }

  /** A leg to the agent began or changed its phase. */
  leg(agentId: number, leg: AgentLeg): void {
    const entry = this.#entry(agentId);
    const at = this.#deps.now();
    const known = entry.legs.get(leg.journey);
    if (leg.phase === "talking" && known?.phase === "ringing" && leg.viaOffer) {
      this.#rollDay(entry);
      entry.answeredToday++;
    }
    entry.legs.set(leg.journey, { ...leg, since: known?.phase === leg.phase ? known.since : at });
    this.#changed(agentId);
  }

  /** The agent's leg goes on in another journey. */
  legMoved(agentId: number, from: JourneyId, to: JourneyId): void {
    const { legs } = this.#entry(agentId);
    const leg = legs.get(from);
    if (!leg) return;
    legs.delete(from);
    legs.set(to, { ...leg, journey: to });
  }

  /** The agent's leg is over. After-call work begins as the group says (W-3.1.3.11). */
  legGone(agentId: number, journey: JourneyId): void {
    const entry = this.#entry(agentId);
    const leg = entry.legs.get(journey);
    if (!leg) return;
    const at = this.#deps.now();
    entry.legs.delete(journey);
    entry.baseSince = at;
    const answered = leg.phase !== "ringing";
    if (answered) entry.lastCallEndedAt = at;
    const group = leg.groupId === null ? undefined : this.#deps.office().groups.get(leg.groupId);
    if (group && leg.viaOffer) {
      const due = group.acwMode === "after-ring" || (group.acwMode === "after-answer" && answered);
      if (due) this.#startAcw(agentId, entry, group, journey, at);
    }
    this.#changed(agentId);
  }

  /** The agent missed an offer: not asked again before the group's retry pause is over. */
  missed(agentId: number, group: Group): void {
    const entry = this.#entry(agentId);
    entry.notBefore = this.#deps.now() + group.retryS * 1000;
    if (group.autoPause) this.pause(agentId, "no-answer", null, "system");
    if (group.retryS > 0) this.#deps.after(group.retryS * 1000, () => this.#changed(agentId));
  }

  #startAcw(agentId: number, entry: Entry, group: Group, journey: JourneyId, at: number): void {
    entry.acw?.cancel();
    this.#deps.append([{ kind: "agent.acw_started", agentId, at, data: { groupId: group.id, journey } }]);
    const ms = group.acwSeconds * 1000;
    // 0 seconds: never left by itself (W-3.1.3.10).
    const cancel = ms > 0 ? this.#deps.after(ms, () => this.endAcw(agentId, "timer")) : () => {};
    entry.acw = { until: ms > 0 ? at + ms : 0, since: at, groupId: group.id, cancel };
  }

  #rollDay(entry: Entry): void {
    const day = this.#deps.startOfDay(this.#deps.now());
    if (entry.day === day) return;
    entry.day = day;
    entry.answeredToday = 0;
    if (entry.lastCallEndedAt < day) entry.lastCallEndedAt = 0;
  }

  #facts(agentId: number, entry: Entry): AgentFacts {
    return {
      deviceOnline: entry.online,
      groups: this.groupsOf(agentId),
      pausedReason: entry.paused?.reason ?? null,
      pausedSince: entry.paused?.since ?? 0,
      acwUntil: entry.acw?.until ?? null,
      acwSince: entry.acw?.since ?? 0,
      leg: foremost(entry.legs.values()),
      baseSince: entry.baseSince,
    };
  }

  state(agentId: number): DerivedState {
    return deriveState(this.#facts(agentId, this.#entry(agentId)));
  }

  /** Members of the group who may be offered a call now. */
  candidates(group: Group): Map<number, Candidate> {
    const found = new Map<number, Candidate>();
    for (const { agentId } of group.members) {
      const agent = this.#deps.office().agents.get(agentId);
      if (!agent?.enabled || !this.groupsOf(agentId).includes(group.id)) continue;
      const extension = this.#deps.office().extensions.get(agent.extensionId);
      if (!extension?.enabled || extension.dnd) continue;
      const entry = this.#entry(agentId);
      this.#rollDay(entry);
      if (deriveState(this.#facts(agentId, entry)).state !== "idle") continue;
      const { lastCallEndedAt, answeredToday, notBefore } = entry;
      found.set(agentId, { agentId, lastCallEndedAt, answeredToday, notBefore });
    }
    return found;
  }

  /** How many agents are signed in to the group (device or not). */
  signedIn(group: Group): number {
    return group.members.filter(
      ({ agentId, kind }) =>
        this.#deps.office().agents.get(agentId)?.enabled &&
        (kind === "static" || this.#entries.get(agentId)?.groups.has(group.id)),
    ).length;
  }

  picture(): LiveAgent[] {
    return [...this.#deps.office().agents.values()].map((agent) => {
      const entry = this.#entry(agent.id);
      const { state, reason, since } = this.state(agent.id);
      return {
        agentId: agent.id,
        number: agent.number,
        name: agent.name,
        state,
        reason,
        since,
        groups: this.groupsOf(agent.id),
        journey: foremost(entry.legs.values())?.journey ?? null,
        deviceOnline: entry.online,
      };
    });
  }

  /** Agents with a live leg, for the reconciler. */
  busyWith(): readonly { readonly agentId: number; readonly journey: JourneyId }[] {
    return [...this.#entries].flatMap(([agentId, { legs }]) =>
      [...legs.keys()].map((journey) => ({ agentId, journey })),
    );
  }

  #changed(agentId: number): void {
    const entry = this.#entry(agentId);
    const derived = this.state(agentId);
    const leg = foremost(entry.legs.values());
    const shown = `${derived.state}|${derived.reason}|${leg?.journey ?? ""}`;
    if (shown !== entry.shown) {
      entry.shown = shown;
      this.#deps.stretch(agentId, derived, leg?.journey ?? null, leg?.groupId ?? null);
    }
    for (const listener of this.#listeners) listener(agentId);
  }
}
