/** Which call records an actor may see, and what he asks to see. */
import { type SelectQueryBuilder, sql } from "kysely";
import type { Tx } from "../../storage/database.ts";
import type { Database } from "../../storage/schema/index.ts";
import type { Actor, ListQuery } from "../kernel.ts";

/** Agents whose calls the actor may see; null = all calls, also those without an agent. */
export async function agentsInReach(db: Tx, actor: Actor): Promise<readonly number[] | null> {
  const own = actor.agentId === null ? [] : [actor.agentId];
  switch (actor.scope) {
    case "all":
      return null;
    case "own":
      return own;
    case "groups": {
      if (actor.agentId === null) return [];
      const rows = await db
        .selectFrom("group_member")
        .innerJoin("group_member as mine", "mine.group_id", "group_member.group_id")
        .where("mine.agent_id", "=", actor.agentId)
        .select("group_member.agent_id")
        .distinct()
        .execute();
      return [...new Set([...own, ...rows.map((row) => row.agent_id)])];
    }
    case "department": {
      if (actor.departmentId === null) return own;
      const { rows } = await sql<{ id: number }>`WITH RECURSIVE below (id) AS (
          SELECT ${actor.departmentId} UNION SELECT d.id FROM department d JOIN below ON d.parent_id = below.id)
        SELECT a.id FROM agent a WHERE a.department_id IN (SELECT id FROM below)`.execute(db);
      return [...new Set([...own, ...rows.map((row) => row.id)])];
    }
  }
}

/** Adds the scope and the filters to a query on call_record. Filters that are no numbers where they should be find nothing. */
export function restrict<O>(
  query: SelectQueryBuilder<Database, "call_record", O>,
  agents: readonly number[] | null,
  asked: Pick<ListQuery, "filters" | "search">,
): SelectQueryBuilder<Database, "call_record", O> {
  let q = query;
  // A call is seen by all who had a part in it; its other parts go with it only in `get`.
  if (agents !== null) q = q.where("call_record.agent_id", "in", agents.length === 0 ? [-1] : [...agents]);
  const filters = asked.filters ?? {};
  const text = (key: string) => filters[key]?.trim() ?? "";
  if (text("from") !== "") q = q.where("call_record.started_at", ">=", Number(text("from")));
  if (text("to") !== "") q = q.where("call_record.started_at", "<", Number(text("to")));
  for (const [key, column] of [
    ["agent", "call_record.agent_id"],
    ["group", "call_record.group_id"],
    ["did", "call_record.did_id"],
  ] as const)
    if (text(key) !== "") q = q.where(column, "=", Number(text(key)));
  for (const [key, column] of [
    ["direction", "call_record.direction"],
    ["result", "call_record.result"],
    ["cause", "call_record.cause"],
  ] as const)
    if (text(key) !== "") q = q.where(column, "=", text(key));
  const number = (text("number") || (asked.search ?? "")).replace(/[\s-]/g, "");
  if (number !== "")
    q = q.where((e) =>
      e.or(
        (["caller_actual", "caller_original", "callee_actual", "callee_original"] as const).map(
          (column) => sql<boolean>`instr(${sql.ref(`call_record.${column}`)}, ${number}) > 0`,
        ),
      ),
    );
  return q;
}
