/** Puts the call side together: log, agents, queues, journeys, live picture, recovery. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { repairRecording, type Sip } from "../../sip/index.ts";
import type { Store } from "../../storage/database.ts";
import type { Config } from "../config.ts";
import { type Actor, type Now, permit, UseCaseError } from "../kernel.ts";
import type { People } from "../people/index.ts";
import {
  AgentBoard,
  type AgentDay,
  createAgentCommands,
  createDeskPresence,
  type Queueing,
  type QueueingConfig,
} from "../queueing/index.ts";
import { officeDayStart, type Routing } from "../routing/index.ts";
import type { AlarmCode, System } from "../system/index.ts";
import { systemClock } from "./clock.ts";
import type { AgentFact } from "./events.ts";
import { CallCentre } from "./journey/centre.ts";
import { recordingPath } from "./journey/journey.ts";
import { Queues } from "./journey/queues.ts";
import { createKeeper } from "./keeper.ts";
import type { Live } from "./live.ts";
import { createLive } from "./live-picture.ts";
import { createLog } from "./log.ts";
import { endOfStretches } from "./project/stretches.ts";
import { installPrompts } from "./prompts.ts";
import { createRecords, type Records } from "./records.ts";
import { closeBroken, readHeartbeat, startHeartbeat } from "./recover.ts";
import { startRetention } from "./retention.ts";
import type { Traces } from "./trace.ts";
import { startTraces } from "./trace-start.ts";

export interface CallsDeps {
  readonly config: Config;
  readonly store: Store;
  readonly now: Now;
  readonly sip: Sip;
  readonly people: People;
  readonly routing: Routing;
  readonly queueing: QueueingConfig;
  readonly system: System;
  readonly log: (line: string) => void;
}

export interface Calls {
  readonly live: Live;
  readonly records: Records;
  readonly traces: Traces;
  /** The queueing use cases with the agents' commands. */
  readonly queueing: Queueing;
  /** Rings the actor's own phone, then the number. Returns the journey. @throws UseCaseError */
  clickToCall(actor: Actor, number: string): string;
  /** @throws UseCaseError error.not-found */
  hangup(actor: Actor, journey: string): void;
  stop(): Promise<void>;
}

const RECONCILE_MS = 1000;
const STOP_LIMIT_MS = 3000;

export async function createCalls(deps: CallsDeps): Promise<Calls> {
  const { sip, store, routing, system, people } = deps;
  const clock = systemClock(deps.now);
  const office = () => routing.current();
  const log = createLog({ store });
  const lastAlive = readHeartbeat(store);
  const closed = await closeBroken(log, lastAlive, repairRecording);
  if (closed > 0) deps.log(`closed ${closed} calls that an earlier run left open`);
  const heartbeat = startHeartbeat(store, clock);

  const startOfDay = (at: number) => officeDayStart(at, office().settings.timeZone);
  // What an earlier run left open ended with its last sign of life.
  log.appendAgent(endOfStretches(store.sync, lastAlive));
  const raise = (code: AlarmCode, subject: string, detail: string) => {
    deps.log(`${code} ${subject}: ${detail}`);
    system.alarms.raise(code, subject, detail);
  };
  const keeper = createKeeper({
    after: clock.after,
    alarm: (code, detail) => raise(code, "disk", detail),
    clear: (code) => system.alarms.clear(code, "disk"),
  });
  const appendAgent = (facts: readonly AgentFact[]) => keeper.write(() => void log.appendAgent(facts));
  const board = new AgentBoard({
    office,
    now: clock.now,
    after: clock.after,
    append: appendAgent,
    stretch: (agentId, { state, reason }, journey, groupId) =>
      appendAgent([
        {
          kind: "agent.state_changed",
          agentId,
          at: clock.now(),
          data: { state, reason, journey, groupId },
        },
      ]),
    startOfDay,
  });
  const queues = new Queues({ board, office, now: clock.now, random: Math.random });
  const isOnline = (extensionId: number) => sip.devices.state(extensionId).online;

  const centre: CallCentre = new CallCentre(
    {
      legs: sip.legs,
      media: sip.media,
      board,
      queues,
      office,
      now: clock.now,
      after: clock.after,
      newId: () => crypto.randomUUID(),
      random: Math.random,
      append: (facts) => keeper.write(() => void log.append(facts)),
      recordingFile: (journey, n, at) => {
        const file = recordingPath(join(deps.config.dataFolder, "recordings"), journey, n, at);
        mkdirSync(dirname(file), { recursive: true });
        return file;
      },
      verifyPin: (agentId, pin) => people.checkPhonePin(agentId, pin),
      extensionOnline: isOnline,
      alarm: raise,
      deskOpen: (agentId) => deskPresence.isOpen(agentId),
      transfers: () => {
        const { blindTransferRingS, blindTransferCallBack, blindTransferCallBackPrefix } =
          system.settings.get();
        return {
          ringS: blindTransferRingS,
          callBack: blindTransferCallBack,
          callBackPrefix: blindTransferCallBackPrefix,
        };
      },
      lastAgentOf: (number) => lastAgentOf(store, number),
    },
    () => live.touch(),
  );
  const live = createLive({
    office,
    board,
    calls: () => centre.live(),
    waitingSince: (groupId) => queues.waiting(groupId).map((waiter) => waiter.joinedAt),
    now: clock.now,
    after: clock.after,
    startOfDay,
    counts: (from) => queueCounts(store, from),
  });

  board.restore(log.readAgentEvents(), lastAlive, agentDays(store, startOfDay(clock.now())));
  const deskPresence = createDeskPresence({
    board,
    office,
    now: clock.now,
    after: clock.after,
    append: appendAgent,
  });
  const setDevice = (extensionId: number, online: boolean) => {
    for (const agent of office().agents.values())
      if (agent.extensionId === extensionId) board.device(agent.id, online);
  };
  const takeDevices = () => {
    for (const agent of office().agents.values()) board.device(agent.id, isOnline(agent.extensionId));
  };
  takeDevices();

  const offs = [
    log.onEvent((event) => live.count(event)),
    board.onChange(() => {
      live.touch();
      // After the step under way: a free agent may take the call that has waited longest.
      queueMicrotask(() => queues.dispatch());
    }),
    sip.legs.onEvent((event) => centre.onLeg(event)),
    sip.media.onEvent((event) => {
      if (event.type === "media-restored") system.alarms.clear("media-lost", "rtpengine");
      centre.onMedia(event);
    }),
    sip.onDevice((state) => setDevice(state.extensionId, state.online)),
    routing.onChange(() => {
      takeDevices();
      queues.dispatch();
      live.touch();
    }),
  ];
  const reconciler = setInterval(() => centre.reconcile(), RECONCILE_MS);
  void installPrompts({
    routing,
    folder: join(deps.config.dataFolder, "media"),
    tts: deps.config.media.tts,
    busy: () => sip.legs.alive().length > 0,
  }).catch((error: unknown) =>
    system.alarms.raise("prompts", "tts", error instanceof Error ? error.message : String(error)),
  );

  const agentCommands = createAgentCommands(board, office);
  const records = createRecords({ store, now: clock.now });
  const stopRetention = startRetention({
    store,
    now: clock.now,
    days: () => system.settings.get().recordingDays,
    append: (facts) => void log.append(facts),
    problem: (detail) => raise("retention", "recordings", detail),
  });
  const traces = startTraces(deps, records, log);
  return {
    live,
    records,
    traces,
    queueing: { ...deps.queueing, agentCommands, deskPresence },
    clickToCall(actor, number) {
      permit(actor, "click-to-call");
      if (actor.agentId === null) throw new UseCaseError("error.not-an-agent");
      return centre.clickToCall(actor.agentId, number.replace(/[\s()-]/g, ""));
    },
    hangup(actor, journey) {
      permit(actor, "calls.hangup");
      if (!centre.hangup(journey)) throw new UseCaseError("error.not-found", { what: "call", id: journey });
    },
    async stop() {
      clearInterval(reconciler);
      centre.shutdown();
      const deadline = performance.now() + STOP_LIMIT_MS;
      while (centre.size > 0 && performance.now() < deadline) await Bun.sleep(20);
      for (const off of offs) off();
      await stopRetention();
      await traces.stop();
      keeper.drain();
      if (keeper.waiting > 0) deps.log(`the disk refused ${keeper.waiting} writes; they are lost`);
      keeper.stop();
      log.appendAgent(endOfStretches(store.sync, clock.now()));
      heartbeat();
    },
  };
}

function lastAgentOf(store: Store, number: string): number | null {
  const row = store.sync
    .prepare(
      `SELECT agent_id FROM call_record WHERE caller_original = ? AND agent_id IS NOT NULL AND answered_at IS NOT NULL
       ORDER BY started_at DESC LIMIT 1`,
    )
    .get(number) as { agent_id: number } | null;
  return row?.agent_id ?? null;
}

/** Queue calls answered and the end of the last call by agent, of calls begun since `from`. */
function agentDays(store: Store, from: number): AgentDay[] {
  return store.sync
    .prepare(
      `SELECT agent_id AS agentId, COUNT(group_id) AS answered, COALESCE(MAX(ended_at), 0) AS lastCallEndedAt
       FROM call_record WHERE started_at >= ? AND agent_id IS NOT NULL AND answered_at IS NOT NULL GROUP BY agent_id`,
    )
    .all(from) as AgentDay[];
}

function queueCounts(store: Store, from: number): { groupId: number; answered: number; abandoned: number }[] {
  return store.sync
    .prepare(
      `SELECT json_extract(data, '$.groupId') AS groupId, SUM(json_extract(data, '$.reason') = 'answered') AS answered,
              SUM(json_extract(data, '$.reason') = 'abandoned') AS abandoned
       FROM call_event WHERE at >= ? AND kind = 'queue.left' GROUP BY 1`,
    )
    .all(from) as { groupId: number; answered: number; abandoned: number }[];
}
