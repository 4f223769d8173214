/** Groups with their queues (W-3.1.3) and pause reasons (W-3.6.9). */
import type { Tx } from "../../storage/database.ts";
import { Checks } from "../checks.ts";
import { loadGroups, RING_STRATEGIES } from "../routing/index.ts";
import { configEntity, type EntityDeps } from "../system/index.ts";
import type { QueueingConfig } from "./index.ts";
import type { GroupInput, GroupRow, PauseReason, PauseReasonInput } from "./model.ts";

/** A week; longer waits are mistakes. */
const LONGEST_S = 604_800;

function settingsOf(checks: Checks, input: GroupInput) {
  return {
    queueEnabled: input.queueEnabled,
    strategy: checks.oneOf("strategy", input.strategy, RING_STRATEGIES),
    agentTimeoutS: checks.int("agentTimeoutS", input.agentTimeoutS, 1, 600),
    maxWaitS: checks.int("maxWaitS", input.maxWaitS, 0, LONGEST_S),
    retryS: checks.int("retryS", input.retryS, 0, 600),
    capacity: checks.int("capacity", input.capacity, 0, 10_000),
    joinEmpty: input.joinEmpty,
    leaveWhenEmpty: input.leaveWhenEmpty,
    noAgentOverflow: input.noAgentOverflow,
    overflow: input.overflow,
    autoPause: input.autoPause,
    acwMode: checks.oneOf("acwMode", input.acwMode, ["disabled", "after-answer", "after-ring"]),
    acwSeconds: checks.int("acwSeconds", input.acwSeconds, 0, LONGEST_S),
    autoAnswerQueue: input.autoAnswerQueue,
    holdMusicId: input.holdMusicId,
    waitingMusicId: input.waitingMusicId,
    playWaitingMusic: input.playWaitingMusic,
    announceAgentNumber: input.announceAgentNumber,
    beforeNumberPromptId: input.beforeNumberPromptId,
    afterNumberPromptId: input.afterNumberPromptId,
    queueAnnouncementId: input.queueAnnouncementId,
    agentAnnouncementId: input.agentAnnouncementId,
    periodicPromptId: input.periodicPromptId,
    periodicS: checks.int("periodicS", input.periodicS, input.periodicPromptId === null ? 0 : 5, 3600),
    announcePosition: input.announcePosition,
    positionIntervalS: checks.int(
      "positionIntervalS",
      input.positionIntervalS,
      input.announcePosition ? 5 : 0,
      3600,
    ),
    callerNumberPrefix: checks.text("callerNumberPrefix", input.callerNumberPrefix, { max: 16 }),
    callerNamePrefix: checks.text("callerNamePrefix", input.callerNamePrefix, { max: 32 }),
    record: input.record,
  };
}

async function writeMembers(tx: Tx, groupId: number, input: GroupInput): Promise<void> {
  await tx.deleteFrom("group_member").where("group_id", "=", groupId).execute();
  const leaders = new Set(input.leaderIds);
  const members = new Set(input.members.map((m) => m.agentId));
  for (const [position, member] of input.members.entries())
    await tx
      .insertInto("group_member")
      .values({
        group_id: groupId,
        agent_id: member.agentId,
        kind: member.kind,
        priority: member.priority,
        position,
        leader: leaders.has(member.agentId) ? 1 : 0,
      })
      .execute();
  for (const agentId of leaders)
    if (!members.has(agentId))
      await tx
        .insertInto("group_member")
        .values({ group_id: groupId, agent_id: agentId, kind: "leader", priority: 0, position: 0, leader: 1 })
        .execute();
}

export function createQueueingConfig(deps: EntityDeps): QueueingConfig {
  return {
    groups: configEntity<GroupRow, GroupInput>(deps, {
      part: "groups",
      subject: "group",
      search: ["name", "number"],
      sort: "number",
      label: (row) => `${row.number} ${row.name}`,
      load: loadGroups,
      async visible(actor, rows) {
        if (actor.scope !== "groups" && actor.scope !== "own") return rows;
        const me = actor.agentId;
        return rows.filter(
          (g) => g.members.some((m) => m.agentId === me) || g.leaderIds.some((id) => id === me),
        );
      },
      async write(tx, id, input, at) {
        const checks = new Checks();
        const name = checks.text("name", input.name, { required: true, max: 64 });
        const number = checks.digits("number", input.number, { required: true, max: 10 });
        const [old] = id === undefined ? [] : await loadGroups(tx, id);
        // W-3.1.3.6: cannot be changed after saving.
        if (old && old.number !== number) checks.fail("number", "error.fixed");
        const agents = new Set((await tx.selectFrom("agent").select("id").execute()).map((a) => a.id));
        const seen = new Set<number>();
        for (const [i, member] of input.members.entries()) {
          checks.known(`members.${i}`, member.agentId, agents);
          checks.int(`members.${i}`, member.priority, 0, 1000);
          checks.oneOf(`members.${i}`, member.kind, ["dynamic", "static"]);
          if (seen.has(member.agentId)) checks.fail(`members.${i}`, "error.taken");
          seen.add(member.agentId);
        }
        for (const leader of input.leaderIds) checks.known("leaderIds", leader, agents);
        const settings_json = JSON.stringify(settingsOf(checks, input));
        checks.done();
        const row = { name, number, settings_json, updated_at: at };
        let groupId = id;
        if (groupId === undefined) {
          const values = { ...row, created_at: at };
          groupId = (
            await tx.insertInto("agent_group").values(values).returning("id").executeTakeFirstOrThrow()
          ).id;
        } else await tx.updateTable("agent_group").set(row).where("id", "=", groupId).execute();
        await writeMembers(tx, groupId, input);
        return groupId;
      },
      async remove(tx, row) {
        await tx.deleteFrom("agent_group").where("id", "=", row.id).execute();
      },
    }),
    pauseReasons: configEntity<PauseReason, PauseReasonInput>(deps, {
      part: "pause-reasons",
      subject: "pause-reason",
      search: ["name"],
      sort: "position",
      label: (row) => row.name,
      async load(db, id) {
        const rows = await db
          .selectFrom("pause_reason")
          .selectAll()
          .$if(id !== undefined, (q) => q.where("id", "=", id ?? 0))
          .orderBy("position")
          .execute();
        return rows.map((r) => ({
          id: r.id,
          name: r.name,
          position: r.position,
          createdAt: r.created_at,
          updatedAt: r.updated_at,
        }));
      },
      async write(tx, id, input, at) {
        const checks = new Checks();
        const row = {
          name: checks.text("name", input.name, { required: true, max: 64 }),
          position: checks.int("position", input.position, 1, 99),
          updated_at: at,
        };
        const taken = await tx
          .selectFrom("pause_reason")
          .select("id")
          .where("position", "=", row.position)
          .executeTakeFirst();
        if (taken && taken.id !== id) checks.fail("position", "error.taken");
        checks.done();
        if (id !== undefined) {
          await tx.updateTable("pause_reason").set(row).where("id", "=", id).execute();
          return id;
        }
        return (
          await tx
            .insertInto("pause_reason")
            .values({ ...row, created_at: at })
            .returning("id")
            .executeTakeFirstOrThrow()
        ).id;
      },
      async remove(tx, row) {
        await tx.deleteFrom("pause_reason").where("id", "=", row.id).execute();
      },
    }),
  };
}
