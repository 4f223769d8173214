/** Puts the use cases of people together. */
import type { Store, Tx } from "../../storage/database.ts";
import { Checks } from "../checks.ts";
import { type Actor, ForbiddenError, type Now, SYSTEM_ACTOR } from "../kernel.ts";
import { type Configuration, insertAudit } from "../system/index.ts";
import { accounts, checkPassword, checkUsername, departments, roles } from "./accounts.ts";
import { agents } from "./agents.ts";
import { createDirectory } from "./directory.ts";
import { extensions } from "./extensions.ts";
import type { People } from "./index.ts";
import type { FirstAdmin } from "./model.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";
import { createSessions, FailureLimit } from "./sign-in.ts";

export interface PeopleDeps {
  readonly store: Store;
  readonly now: Now;
  readonly configuration: Configuration;
  /** SIP realm; part of every HA1. */
  readonly realm: string;
}

/** Adds its stages to the configuration; call `configuration.load()` afterwards. */
export function createPeople(deps: PeopleDeps): People {
  const { store, now } = deps;
  const sessions = createSessions(deps);
  const pinLimit = new FailureLimit(now);

  async function prepareAdministrator(input: FirstAdmin): Promise<(tx: Tx) => Promise<number>> {
    const checks = new Checks();
    const username = checkUsername(checks, "username", input.username);
    const displayName = checks.text("displayName", input.displayName, { max: 64 }) || username;
    checkPassword(checks, "password", input.password);
    checks.done();
    const hash = await hashPassword(input.password);
    return async (tx) => {
      const at = now();
      const role = await tx
        .selectFrom("role")
        .select("id")
        .where("name", "=", "administrator")
        .executeTakeFirstOrThrow();
      const department = await tx.selectFrom("department").select("id").orderBy("id").executeTakeFirst();
      const { id } = await tx
        .insertInto("account")
        .values({
          username,
          display_name: displayName,
          password_hash: hash,
          role_id: role.id,
          department_id: department?.id ?? null,
          language: input.language,
          theme: null,
          enabled: 1,
          created_at: at,
          updated_at: at,
          last_sign_in_at: null,
        })
        .onConflict((oc) =>
          oc
            .column("username")
            .doUpdateSet({ password_hash: hash, role_id: role.id, enabled: 1, updated_at: at }),
        )
        .returning("id")
        .executeTakeFirstOrThrow();
      await tx.deleteFrom("session").where("account_id", "=", id).execute();
      await insertAudit(tx, SYSTEM_ACTOR, { action: "save", subject: "account", id, summary: username }, at);
      return id;
    };
  }

  const ownId = (actor: Actor): number => {
    if (actor.accountId === null) throw new ForbiddenError("own-account");
    return actor.accountId;
  };

  return {
    accounts: accounts(deps),
    roles: roles(deps),
    departments: departments(deps),
    extensions: extensions(deps),
    agents: agents(deps),
    ...sessions,
    async changePassword(actor, current, next) {
      const id = ownId(actor);
      const row = await store.read
        .selectFrom("account")
        .select("password_hash")
        .where("id", "=", id)
        .executeTakeFirst();
      const checks = new Checks();
      if (!(await verifyPassword(current, row?.password_hash)))
        checks.fail("current", "error.wrong-password");
      checkPassword(checks, "next", next);
      checks.done();
      const hash = await hashPassword(next);
      await store.write(async (tx) => {
        await tx
          .updateTable("account")
          .set({ password_hash: hash, updated_at: now() })
          .where("id", "=", id)
          .execute();
        await tx.deleteFrom("session").where("account_id", "=", id).execute();
        await insertAudit(tx, actor, { action: "change-password", subject: "account", id }, now());
      });
    },
    async savePreferences(actor, preferences) {
      const id = ownId(actor);
      await store.write(async (tx) => {
        if (preferences.language !== undefined)
          await tx
            .updateTable("account")
            .set({ language: preferences.language })
            .where("id", "=", id)
            .execute();
        if (preferences.theme !== undefined)
          await tx.updateTable("account").set({ theme: preferences.theme }).where("id", "=", id).execute();
      });
    },
    prepareAdministrator,
    async resetAdministrator(username, password) {
      const make = await prepareAdministrator({
        username,
        displayName: username,
        password,
        language: "zh-CN",
      });
      return store.write(make);
    },
    async checkPhonePin(agentId, pin) {
      const key = String(agentId);
      if (pinLimit.waitS(key) > 0) return false;
      const row = await store.read
        .selectFrom("agent")
        .select("phone_pin_hash")
        .where("id", "=", agentId)
        .executeTakeFirst();
      const right = await verifyPassword(pin.slice(0, 64), row?.phone_pin_hash);
      if (right) pinLimit.succeeded(key);
      else pinLimit.failed(key);
      return right;
    },
    directory: createDirectory(deps),
  };
}
