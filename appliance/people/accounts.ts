/** Accounts, roles and departments (W-3.1.1, W-3.1.4). */
import type { Tx } from "../../storage/database.ts";
import { Checks } from "../checks.ts";
import { UseCaseError } from "../kernel.ts";
import { configEntity, type EntityDeps } from "../system/index.ts";
import type {
  Account,
  AccountInput,
  Department,
  DepartmentInput,
  Language,
  Role,
  RoleInput,
} from "./model.ts";
import { hashPassword } from "./passwords.ts";
import { PERMISSIONS, SCOPES, type Scope } from "./permissions.ts";

export const MIN_PASSWORD = 8;

export function checkPassword(checks: Checks, field: string, password: string): void {
  if (password.length < MIN_PASSWORD) checks.fail(field, "error.too-short", { min: MIN_PASSWORD });
  if (password.length > 200) checks.fail(field, "error.too-long", { max: 200 });
}

export function checkUsername(checks: Checks, field: string, username: string): string {
  const name = checks.text(field, username, { required: true, max: 64 }).toLowerCase();
  if (name !== "" && !/^[\p{L}\p{N}._@-]+$/u.test(name)) checks.fail(field, "error.characters");
  return name;
}

export async function idsOf(tx: Tx, table: "role" | "department" | "displayed_number"): Promise<Set<number>> {
  return new Set((await tx.selectFrom(table).select("id").execute()).map((r) => r.id));
}

/** Refuses a state of things in which nobody could administer the office any more. */
export async function keepAnAdministrator(tx: Tx): Promise<void> {
  const rows = await tx
    .selectFrom("account as a")
    .innerJoin("role as r", "r.id", "a.role_id")
    .select("r.permissions_json")
    .where("a.enabled", "=", 1)
    .execute();
  if (!rows.some((r) => (JSON.parse(r.permissions_json) as string[]).includes("*")))
    throw new UseCaseError("error.last-administrator");
}

export function accounts(deps: EntityDeps) {
  return configEntity<Account, AccountInput, string>(deps, {
    part: "accounts",
    subject: "account",
    search: ["username", "displayName"],
    sort: "username",
    label: (row) => row.displayName || row.username,
    async load(db, id) {
      const rows = await db
        .selectFrom("account as a")
        .innerJoin("role as r", "r.id", "a.role_id")
        .leftJoin("department as d", "d.id", "a.department_id")
        .leftJoin("agent as g", "g.account_id", "a.id")
        .selectAll("a")
        .select([
          "r.name as roleName",
          "d.name as departmentName",
          "g.id as agentId",
          "g.number as agentNumber",
        ])
        .$if(id !== undefined, (q) => q.where("a.id", "=", id ?? 0))
        .execute();
      return rows.map((r) => ({
        id: r.id,
        username: r.username,
        displayName: r.display_name,
        roleId: r.role_id,
        roleName: r.roleName,
        departmentId: r.department_id,
        departmentName: r.departmentName ?? "",
        language: r.language as Language | null,
        theme: r.theme as "light" | "dark" | null,
        enabled: r.enabled === 1,
        lastSignInAt: r.last_sign_in_at,
        agentId: r.agentId,
        agentNumber: r.agentNumber ?? "",
        createdAt: r.created_at,
        updatedAt: r.updated_at,
      }));
    },
    async prepare(id, input) {
      const checks = new Checks();
      if (id === undefined || input.password) checkPassword(checks, "password", input.password ?? "");
      checks.done();
      return input.password ? hashPassword(input.password) : "";
    },
    async write(tx, id, input, at, hash) {
      const checks = new Checks();
      const row = {
        username: checkUsername(checks, "username", input.username),
        display_name: checks.text("displayName", input.displayName, { max: 64 }),
        role_id: input.roleId,
        department_id: input.departmentId,
        language: input.language,
        theme: input.theme ?? null,
        enabled: input.enabled ? 1 : 0,
        updated_at: at,
      };
      checks.known("roleId", input.roleId, await idsOf(tx, "role"));
      checks.known("departmentId", input.departmentId, await idsOf(tx, "department"));
      checks.done();
      if (id === undefined) {
        const added = await tx
          .insertInto("account")
          .values({ ...row, password_hash: hash, created_at: at })
          .returning("id")
          .executeTakeFirstOrThrow();
        return added.id;
      }
      await tx.updateTable("account").set(row).where("id", "=", id).execute();
      if (hash) {
        await tx.updateTable("account").set({ password_hash: hash }).where("id", "=", id).execute();
        await tx.deleteFrom("session").where("account_id", "=", id).execute();
      }
      await keepAnAdministrator(tx);
      return id;
    },
    async users(_tx, row) {
      return row.agentId === null ? [] : [row.agentNumber];
    },
    async remove(tx, row) {
      await tx.deleteFrom("account").where("id", "=", row.id).execute();
      await keepAnAdministrator(tx);
    },
  });
}

export function roles(deps: EntityDeps) {
  return configEntity<Role, RoleInput>(deps, {
    part: "roles",
    subject: "role",
    search: ["name"],
    sort: "id",
    label: (row) => row.name,
    async load(db, id) {
      const rows = await db
        .selectFrom("role as r")
        .selectAll("r")
        .select((eb) =>
          eb
            .selectFrom("account")
            .select((e) => e.fn.countAll<number>().as("n"))
            .whereRef("account.role_id", "=", "r.id")
            .as("accounts"),
        )
        .$if(id !== undefined, (q) => q.where("r.id", "=", id ?? 0))
        .execute();
      return rows.map((r) => ({
        id: r.id,
        name: r.name,
        permissions: JSON.parse(r.permissions_json) as string[],
        scope: r.scope as Scope,
        builtIn: r.built_in === 1,
        accounts: Number(r.accounts ?? 0),
        createdAt: r.created_at,
        updatedAt: r.updated_at,
      }));
    },
    async write(tx, id, input, at) {
      const checks = new Checks();
      const known = new Set<string>(["*", ...PERMISSIONS]);
      if (input.permissions.some((p) => !known.has(p))) checks.fail("permissions", "error.unknown-choice");
      const row = {
        name: checks.text("name", input.name, { required: true, max: 64 }),
        permissions_json: JSON.stringify([...new Set(input.permissions)]),
        scope: checks.oneOf("scope", input.scope, SCOPES),
        updated_at: at,
      };
      const old =
        id === undefined
          ? undefined
          : await tx.selectFrom("role").selectAll().where("id", "=", id).executeTakeFirst();
      if (old?.built_in === 1 && old.name !== row.name) checks.fail("name", "error.built-in");
      if (old?.name === "administrator" && !input.permissions.includes("*"))
        checks.fail("permissions", "error.built-in");
      checks.done();
      if (id === undefined) {
        const added = await tx
          .insertInto("role")
          .values({ ...row, built_in: 0, created_at: at })
          .returning("id")
          .executeTakeFirstOrThrow();
        return added.id;
      }
      await tx.updateTable("role").set(row).where("id", "=", id).execute();
      await keepAnAdministrator(tx);
      return id;
    },
    async users(tx, row) {
      if (row.builtIn) throw new UseCaseError("error.built-in");
      return (
        await tx.selectFrom("account").select("username").where("role_id", "=", row.id).limit(5).execute()
      ).map((a) => a.username);
    },
    async remove(tx, row) {
      await tx.deleteFrom("role").where("id", "=", row.id).execute();
    },
  });
}

export function departments(deps: EntityDeps) {
  return configEntity<Department, DepartmentInput>(deps, {
    part: "departments",
    subject: "department",
    search: ["name"],
    sort: "name",
    label: (row) => row.name,
    async load(db, id) {
      const rows = await db
        .selectFrom("department as d")
        .leftJoin("department as p", "p.id", "d.parent_id")
        .selectAll("d")
        .select("p.name as parentName")
        .select((eb) =>
          eb
            .selectFrom("account")
            .select((e) => e.fn.countAll<number>().as("n"))
            .whereRef("account.department_id", "=", "d.id")
            .as("members"),
        )
        .$if(id !== undefined, (q) => q.where("d.id", "=", id ?? 0))
        .execute();
      return rows.map((r) => ({
        id: r.id,
        name: r.name,
        parentId: r.parent_id,
        parentName: r.parentName ?? "",
        members: Number(r.members ?? 0),
        createdAt: r.created_at,
        updatedAt: r.updated_at,
      }));
    },
    async write(tx, id, input, at) {
      const checks = new Checks();
      const parents = new Map(
        (await tx.selectFrom("department").select(["id", "parent_id"]).execute()).map((d) => [
          d.id,
          d.parent_id,
        ]),
      );
      checks.known("parentId", input.parentId, parents);
      let above = input.parentId;
      for (let steps = 0; above !== null && steps < 1000; steps++) {
        if (above === id) {
          checks.fail("parentId", "error.loop");
          break;
        }
        above = parents.get(above) ?? null;
      }
      const row = {
        name: checks.text("name", input.name, { required: true, max: 64 }),
        parent_id: input.parentId,
        updated_at: at,
      };
      checks.done();
      if (id !== undefined) {
        await tx.updateTable("department").set(row).where("id", "=", id).execute();
        return id;
      }
      const added = await tx
        .insertInto("department")
        .values({ ...row, created_at: at })
        .returning("id")
        .executeTakeFirstOrThrow();
      return added.id;
    },
    async users(tx, row) {
      const people = await tx
        .selectFrom("account")
        .select("username as name")
        .where("department_id", "=", row.id)
        .limit(5)
        .execute();
      const agents = await tx
        .selectFrom("agent")
        .select("number as name")
        .where("department_id", "=", row.id)
        .limit(5)
        .execute();
      const below = await tx
        .selectFrom("department")
        .select("name")
        .where("parent_id", "=", row.id)
        .limit(5)
        .execute();
      return [...people, ...agents, ...below].map((r) => r.name);
    },
    async remove(tx, row) {
      await tx.deleteFrom("department").where("id", "=", row.id).execute();
    },
  });
}
