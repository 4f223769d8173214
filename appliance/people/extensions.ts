/** Extensions: SIP endpoints with a number. The secret is shown once; only HA1 is kept (design: security defaults). */
import type { Tx } from "../../storage/database.ts";
import { Checks } from "../checks.ts";
import type { Actor, Entity } from "../kernel.ts";
import { configEntity, type EntityDeps } from "../system/index.ts";
import { idsOf } from "./accounts.ts";
import type { Extension, ExtensionInput, ExtensionSaved } from "./model.ts";
import { ha1, randomSecret } from "./passwords.ts";

/** W-3.1.2.7: 2–6 digits, the first not 0. */
export function checkNumber(checks: Checks, field: string, number: string): string {
  const text = checks.text(field, number, { required: true, max: 6 });
  if (text !== "" && !/^[1-9]\d{1,5}$/.test(text)) checks.fail(field, "error.agent-number");
  return text;
}

export function checkSecret(checks: Checks, field: string, secret: string): void {
  if (secret.length < 8) checks.fail(field, "error.too-short", { min: 8 });
  if (secret.length > 64) checks.fail(field, "error.too-long", { max: 64 });
  if (!/^[\x21-\x7e]+$/.test(secret)) checks.fail(field, "error.characters");
}

/** "张三" for Chinese names, "Ann Lee" for others. */
export function fullName(firstName: string, lastName: string): string {
  const chinese = /\p{Script=Han}/u.test(firstName + lastName);
  return chinese ? lastName + firstName : `${firstName} ${lastName}`.trim();
}

export async function loadExtensions(db: Tx, id?: number): Promise<readonly Extension[]> {
  const rows = await db
    .selectFrom("extension as e")
    .leftJoin("agent as g", "g.extension_id", "e.id")
    .leftJoin("displayed_number as n", "n.id", "e.displayed_number_id")
    .selectAll("e")
    .select(["g.id as agentId", "g.first_name", "g.last_name", "n.number as displayedNumber"])
    .$if(id !== undefined, (q) => q.where("e.id", "=", id ?? 0))
    .execute();
  return rows.map((r) => ({
    id: r.id,
    number: r.number,
    name: r.name,
    enabled: r.enabled === 1,
    allowRemote: r.allow_remote === 1,
    dnd: r.dnd === 1,
    displayedNumberId: r.displayed_number_id,
    displayedNumber: r.displayedNumber ?? "",
    agentId: r.agentId,
    agentName: r.agentId === null ? "" : fullName(r.first_name ?? "", r.last_name ?? ""),
    createdAt: r.created_at,
    updatedAt: r.updated_at,
  }));
}

export function extensions(
  deps: EntityDeps & { readonly realm: string },
): Entity<Extension, ExtensionInput, ExtensionSaved> {
  const entity = configEntity<Extension, ExtensionInput, string | null>(deps, {
    part: "extensions",
    subject: "extension",
    search: ["number", "name"],
    sort: "number",
    label: (row) => (row.name ? `${row.number} ${row.name}` : row.number),
    load: loadExtensions,
    async prepare(id, input) {
      const checks = new Checks();
      if (input.secret) checkSecret(checks, "secret", input.secret);
      checks.done();
      return input.secret || (id === undefined ? randomSecret() : null);
    },
    async write(tx, id, input, at, secret) {
      const checks = new Checks();
      const number = checkNumber(checks, "number", input.number);
      checks.known("displayedNumberId", input.displayedNumberId, await idsOf(tx, "displayed_number"));
      const [old] = id === undefined ? [] : await loadExtensions(tx, id);
      // The number is part of HA1 and of every phone's settings; an agent's number never changes.
      if (old && old.number !== number && (old.agentId !== null || secret === null))
        checks.fail("number", "error.fixed");
      const row = {
        number,
        name: checks.text("name", input.name, { max: 64 }),
        enabled: input.enabled ? 1 : 0,
        allow_remote: input.allowRemote ? 1 : 0,
        dnd: input.dnd ? 1 : 0,
        displayed_number_id: input.displayedNumberId,
        updated_at: at,
      };
      checks.done();
      const hashes = secret === null ? null : ha1(number, deps.realm, secret);
      const secrets = hashes ? { ha1_md5: hashes.md5, ha1_sha256: hashes.sha256 } : {};
      if (id !== undefined) {
        await tx
          .updateTable("extension")
          .set({ ...row, ...secrets })
          .where("id", "=", id)
          .execute();
        return id;
      }
      const added = await tx
        .insertInto("extension")
        .values({ ...row, ha1_md5: hashes?.md5 ?? "", ha1_sha256: hashes?.sha256 ?? "", created_at: at })
        .returning("id")
        .executeTakeFirstOrThrow();
      return added.id;
    },
    users: async (_tx, row) => (row.agentId === null ? [] : [row.agentName || row.number]),
    async remove(tx, row) {
      await tx.deleteFrom("extension").where("id", "=", row.id).execute();
    },
  });
  return {
    ...entity,
    async save(actor: Actor, id: number | undefined, input: ExtensionInput) {
      const { row, extra } = await entity.saveWith(actor, id, input);
      return { ...row, secret: extra };
    },
  };
}
