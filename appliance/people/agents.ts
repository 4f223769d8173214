/** Agents (W-3.1.2): each with its extension and account under the same number. */
import type { Tx } from "../../storage/database.ts";
import { Checks } from "../checks.ts";
import { type Actor, permit, UseCaseError } from "../kernel.ts";
import { configEntity, type EntityDeps } from "../system/index.ts";
import { checkPassword, idsOf } from "./accounts.ts";
import { checkNumber, checkSecret, fullName } from "./extensions.ts";
import type { Agents } from "./index.ts";
import type { Agent, AgentInput, AgentSaved, AgentSecrets, AgentSeriesInput } from "./model.ts";
import { ha1, hashPassword, randomSecret } from "./passwords.ts";

/** W-3.1.2.28. */
const DEFAULT_PIN = "123456";
const MOST_IN_SERIES = 500;

interface Prepared {
  readonly secrets: AgentSecrets;
  readonly passwordHash: string;
  readonly pinHash: string;
}

export async function loadAgents(db: Tx, id?: number): Promise<readonly Agent[]> {
  const rows = await db
    .selectFrom("agent as g")
    .leftJoin("account as a", "a.id", "g.account_id")
    .leftJoin("role as r", "r.id", "a.role_id")
    .leftJoin("department as d", "d.id", "g.department_id")
    .leftJoin("displayed_number as n", "n.id", "g.displayed_number_id")
    .selectAll("g")
    .select([
      "a.role_id as roleId",
      "r.name as roleName",
      "d.name as departmentName",
      "n.number as displayedNumber",
    ])
    .$if(id !== undefined, (q) => q.where("g.id", "=", id ?? 0))
    .execute();
  const members = await db
    .selectFrom("group_member as m")
    .innerJoin("agent_group as q", "q.id", "m.group_id")
    .select(["m.agent_id", "q.id", "q.name"])
    .$if(id !== undefined, (q) => q.where("m.agent_id", "=", id ?? 0))
    .orderBy("q.number")
    .execute();
  const groups = Map.groupBy(members, (m) => m.agent_id);
  return rows.map((r) => ({
    id: r.id,
    number: r.number,
    firstName: r.first_name,
    lastName: r.last_name,
    displayName: fullName(r.first_name, r.last_name) || r.number,
    accountId: r.account_id,
    roleId: r.roleId,
    roleName: r.roleName ?? "",
    departmentId: r.department_id,
    departmentName: r.departmentName ?? "",
    extensionId: r.extension_id,
    displayedNumberId: r.displayed_number_id,
    displayedNumber: r.displayedNumber ?? "",
    clickToCallOnly: r.click_to_call_only === 1,
    workInBrowser: r.work_in_browser === 1,
    browserTimeoutS: r.browser_timeout_s,
    enabled: r.enabled === 1,
    groups: (groups.get(r.id) ?? []).map((m) => ({ id: m.id, name: m.name })),
    createdAt: r.created_at,
    updatedAt: r.updated_at,
  }));
}

async function visible(actor: Actor, rows: readonly Agent[]): Promise<readonly Agent[]> {
  if (actor.scope === "all") return rows;
  const own = rows.find((row) => row.id === actor.agentId);
  if (actor.scope === "own") return own ? [own] : [];
  if (actor.scope === "department") return rows.filter((row) => row.departmentId === actor.departmentId);
  const groups = new Set(own?.groups.map((g) => g.id));
  return rows.filter((row) => row.id === actor.agentId || row.groups.some((g) => groups.has(g.id)));
}

export function agents(deps: EntityDeps & { readonly realm: string }): Agents {
  const prepare = async (id: number | undefined, input: AgentInput): Promise<Prepared> => {
    const checks = new Checks();
    if (input.sipSecret) checkSecret(checks, "sipSecret", input.sipSecret);
    if (input.webPassword) checkPassword(checks, "webPassword", input.webPassword);
    if (input.phonePin && !/^\d{4,32}$/.test(input.phonePin))
      checks.fail("phonePin", "error.pin", { min: 4 });
    checks.done();
    const adding = id === undefined;
    const secrets: AgentSecrets = {
      sipSecret: input.sipSecret || (adding ? randomSecret() : null),
      webPassword: input.webPassword || (adding ? randomSecret(12) : null),
      phonePin: input.phonePin || (adding ? DEFAULT_PIN : null),
    };
    return {
      secrets,
      passwordHash: secrets.webPassword ? await hashPassword(secrets.webPassword) : "",
      pinHash: secrets.phonePin ? await hashPassword(secrets.phonePin) : "",
    };
  };

  async function write(
    tx: Tx,
    id: number | undefined,
    input: AgentInput,
    at: number,
    made: Prepared,
  ): Promise<number> {
    const checks = new Checks();
    const number = checkNumber(checks, "number", input.number);
    const [old] = id === undefined ? [] : await loadAgents(tx, id);
    if (old && old.number !== number) checks.fail("number", "error.fixed");
    const first = checks.text("firstName", input.firstName, { max: 64 });
    const last = checks.text("lastName", input.lastName, { max: 64 });
    checks.int("browserTimeoutS", input.browserTimeoutS, 0, 86_400);
    checks.known("roleId", input.roleId, await idsOf(tx, "role"));
    checks.known("departmentId", input.departmentId, await idsOf(tx, "department"));
    checks.known("displayedNumberId", input.displayedNumberId, await idsOf(tx, "displayed_number"));
    checks.done();
    const name = fullName(first, last) || number;
    const department = input.departmentId ?? (await byName(tx, "department", "default"));
    const role = input.roleId ?? (await byName(tx, "role", "agent"));
    if (role === null) throw new UseCaseError("error.unknown-choice");
    const person = { display_name: name, role_id: role, department_id: department, updated_at: at };
    const row = {
      first_name: first,
      last_name: last,
      department_id: department,
      click_to_call_only: input.clickToCallOnly ? 1 : 0,
      enabled: input.enabled ? 1 : 0,
      displayed_number_id: input.displayedNumberId,
      work_in_browser: input.workInBrowser ? 1 : 0,
      browser_timeout_s: input.browserTimeoutS,
      updated_at: at,
    };
    const hashes = made.secrets.sipSecret === null ? null : ha1(number, deps.realm, made.secrets.sipSecret);

    if (!old) {
      await refuseTaken(tx, number);
      const account = await tx
        .insertInto("account")
        .values({
          ...person,
          username: number,
          password_hash: made.passwordHash,
          language: null,
          theme: null,
          enabled: row.enabled,
          created_at: at,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      const extension = await tx
        .insertInto("extension")
        .values({
          number,
          name,
          ha1_md5: hashes?.md5 ?? "",
          ha1_sha256: hashes?.sha256 ?? "",
          enabled: 1,
          allow_remote: 0,
          dnd: 0,
          displayed_number_id: null,
          created_at: at,
          updated_at: at,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      const agent = await tx
        .insertInto("agent")
        .values({
          ...row,
          number,
          account_id: account.id,
          extension_id: extension.id,
          phone_pin_hash: made.pinHash,
          created_at: at,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return agent.id;
    }

    await tx
      .updateTable("agent")
      .set({ ...row, ...(made.pinHash ? { phone_pin_hash: made.pinHash } : {}) })
      .where("id", "=", old.id)
      .execute();
    await tx
      .updateTable("extension")
      .set({ name, updated_at: at, ...(hashes ? { ha1_md5: hashes.md5, ha1_sha256: hashes.sha256 } : {}) })
      .where("id", "=", old.extensionId)
      .execute();
    if (old.accountId !== null) {
      await tx
        .updateTable("account")
        .set({
          ...person,
          enabled: row.enabled,
          ...(made.passwordHash ? { password_hash: made.passwordHash } : {}),
        })
        .where("id", "=", old.accountId)
        .execute();
      if (made.passwordHash || !input.enabled)
        await tx.deleteFrom("session").where("account_id", "=", old.accountId).execute();
    }
    return old.id;
  }

  const entity = configEntity<Agent, AgentInput, Prepared>(deps, {
    part: "agents",
    subject: "agent",
    search: ["number"],
    sort: "number",
    label: (row) => (row.displayName === row.number ? row.number : `${row.number} ${row.displayName}`),
    load: loadAgents,
    visible,
    prepare,
    write,
    // W-3.1.3.25: a static member cannot be deleted here.
    async users(tx, row) {
      const rows = await tx
        .selectFrom("group_member as m")
        .innerJoin("agent_group as q", "q.id", "m.group_id")
        .select("q.name")
        .where("m.agent_id", "=", row.id)
        .where("m.kind", "=", "static")
        .execute();
      return rows.map((r) => r.name);
    },
    async remove(tx, row) {
      await tx.deleteFrom("agent").where("id", "=", row.id).execute();
      await tx.deleteFrom("extension").where("id", "=", row.extensionId).execute();
      if (row.accountId !== null) await tx.deleteFrom("account").where("id", "=", row.accountId).execute();
    },
  });

  return {
    ...entity,
    async save(actor, id, input): Promise<AgentSaved> {
      const { row, extra } = await entity.saveWith(actor, id, input);
      return { ...row, secrets: extra.secrets };
    },
    async addSeries(actor, input) {
      permit(actor, "agents.edit");
      const numbers = seriesNumbers(input);
      const taken = new Set(
        (
          await deps.store.read
            .selectFrom("extension")
            .select("number")
            .where("number", "in", numbers)
            .execute()
        ).map((r) => r.number),
      );
      const wanted = numbers.filter((n) => !taken.has(n));
      const prepared: { input: AgentInput; made: Prepared }[] = [];
      for (const number of wanted) {
        const one = seriesMember(input, number);
        prepared.push({ input: one, made: await prepare(undefined, one) });
      }
      const rows = await deps.configuration.change(
        actor,
        { action: "save", subject: "agent", id: null, summary: `${input.start} × ${wanted.length}` },
        async (tx) => {
          const rows: Agent[] = [];
          for (const { input: one, made } of prepared)
            rows.push(...(await loadAgents(tx, await write(tx, undefined, one, deps.now(), made))));
          return rows;
        },
      );
      return {
        created: rows.map((row, i) => ({
          ...row,
          secrets: prepared[i]?.made.secrets ?? { sipSecret: null, webPassword: null, phonePin: null },
        })),
        skipped: numbers.filter((n) => taken.has(n)),
      };
    },
  };
}

function seriesNumbers(input: AgentSeriesInput): string[] {
  const checks = new Checks();
  const start = checkNumber(checks, "start", input.start);
  checks.int("count", input.count, 1, MOST_IN_SERIES);
  const numbers = Array.from({ length: Math.min(Math.max(input.count, 0), MOST_IN_SERIES) || 0 }, (_, i) =>
    String(Number(start) + i),
  );
  // 98, 99, 100 would change the length within one series.
  if (numbers.at(-1)?.length !== start.length) checks.fail("count", "error.series-length");
  checks.done();
  return numbers;
}

function seriesMember(input: AgentSeriesInput, number: string): AgentInput {
  return {
    number,
    firstName: "",
    lastName: "",
    roleId: input.roleId,
    departmentId: input.departmentId,
    sipSecret: input.sipSecret,
    webPassword: input.webPassword,
    phonePin: input.phonePin,
    clickToCallOnly: input.clickToCallOnly,
    enabled: true,
    displayedNumberId: null,
    workInBrowser: false,
    browserTimeoutS: 60,
  };
}

async function byName(tx: Tx, table: "department" | "role", name: string): Promise<number | null> {
  return (await tx.selectFrom(table).select("id").where("name", "=", name).executeTakeFirst())?.id ?? null;
}

async function refuseTaken(tx: Tx, number: string): Promise<void> {
  const checks = new Checks();
  const extension = await tx
    .selectFrom("extension")
    .select("id")
    .where("number", "=", number)
    .executeTakeFirst();
  const account = await tx
    .selectFrom("account")
    .select("id")
    .where("username", "=", number)
    .executeTakeFirst();
  if (extension || account) checks.fail("number", "error.taken");
  checks.done();
}
