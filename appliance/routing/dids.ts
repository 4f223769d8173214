/** DIDs (W-3.5.1), displayed numbers (W-3.5.2) and the blacklist (W-3.6.5). */
import { Checks } from "../checks.ts";
import { type Actor, permit } from "../kernel.ts";
import { pageWindow } from "../listing.ts";
import { configEntity, type EntityDeps, insertAudit } from "../system/index.ts";
import type { Blacklist } from "./index.ts";
import type { BlacklistRow, DidInput, DidRow, DisplayedNumberInput, DisplayedNumberRow } from "./model.ts";
import { loadDids, loadTrunks } from "./rows.ts";

const NUMBER = /^\+?\d{2,20}$/;

export function dids(deps: EntityDeps) {
  return configEntity<DidRow, DidInput>(deps, {
    part: "dids",
    subject: "did",
    search: ["number", "name", "groupLabel"],
    sort: "number",
    label: (row) => (row.name ? `${row.number} ${row.name}` : row.number),
    load: loadDids,
    async write(tx, id, input, at) {
      const checks = new Checks();
      const numbers = checks
        .text("number", input.number, { required: true, max: 500 })
        .split(/[\s,]+/)
        .filter(Boolean);
      if (numbers.some((n) => !NUMBER.test(n))) checks.fail("number", "error.phone-number");
      const others = (await loadDids(tx)).filter((d) => d.id !== id).flatMap((d) => d.number.split(/[\s,]+/));
      const bare = (n: string) => n.replace(/^\+/, "");
      if (numbers.some((n) => others.some((o) => bare(o) === bare(n)))) checks.fail("number", "error.taken");
      checks.known("trunkId", input.trunkId, new Map((await loadTrunks(tx)).map((t) => [t.id, t])));
      const row = {
        number: numbers.join(" "),
        name: checks.text("name", input.name, { max: 64 }),
        group_label: checks.text("groupLabel", input.groupLabel, { max: 64 }),
        trunk_id: input.trunkId,
        destination_json: input.destination === null ? null : JSON.stringify(input.destination),
        caller_number_prefix: checks.text("callerNumberPrefix", input.callerNumberPrefix, { max: 16 }),
        caller_name_prefix: checks.text("callerNamePrefix", input.callerNamePrefix, { max: 32 }),
        enabled: input.enabled ? 1 : 0,
        note: checks.text("note", input.note, { max: 1000 }),
        updated_at: at,
      };
      checks.done();
      if (id !== undefined) {
        await tx.updateTable("did").set(row).where("id", "=", id).execute();
        return id;
      }
      const values = { ...row, last_used_at: null, created_at: at };
      return (await tx.insertInto("did").values(values).returning("id").executeTakeFirstOrThrow()).id;
    },
    async remove(tx, row) {
      await tx.deleteFrom("did").where("id", "=", row.id).execute();
    },
  });
}

export function displayedNumbers(deps: EntityDeps) {
  return configEntity<DisplayedNumberRow, DisplayedNumberInput>(deps, {
    part: "displayed-numbers",
    subject: "displayed-number",
    search: ["number"],
    sort: "number",
    label: (row) => row.number,
    async load(db, id) {
      const rows = await db
        .selectFrom("displayed_number as n")
        .leftJoin("trunk as t", "t.id", "n.trunk_id")
        .selectAll("n")
        .select("t.name as trunkName")
        .$if(id !== undefined, (q) => q.where("n.id", "=", id ?? 0))
        .execute();
      return rows.map((r) => ({
        id: r.id,
        number: r.number,
        supplier: r.supplier,
        trunkId: r.trunk_id,
        trunkName: r.trunkName ?? "",
        createdAt: r.created_at,
        updatedAt: r.updated_at,
      }));
    },
    async write(tx, id, input, at) {
      const checks = new Checks();
      const row = {
        number: checks.text("number", input.number, { required: true, max: 21 }),
        supplier: checks.text("supplier", input.supplier, { max: 64 }),
        trunk_id: input.trunkId,
        updated_at: at,
      };
      if (row.number !== "" && !NUMBER.test(row.number)) checks.fail("number", "error.phone-number");
      checks.known("trunkId", input.trunkId, new Map((await loadTrunks(tx)).map((t) => [t.id, t])));
      checks.done();
      if (id !== undefined) {
        await tx.updateTable("displayed_number").set(row).where("id", "=", id).execute();
        return id;
      }
      const values = { ...row, created_at: at };
      return (
        await tx.insertInto("displayed_number").values(values).returning("id").executeTakeFirstOrThrow()
      ).id;
    },
    async users(tx, row) {
      const agents = await tx
        .selectFrom("agent")
        .select("number")
        .where("displayed_number_id", "=", row.id)
        .execute();
      const extensions = await tx
        .selectFrom("extension")
        .select("number")
        .where("displayed_number_id", "=", row.id)
        .execute();
      const setting = await tx
        .selectFrom("setting")
        .select("value_json")
        .where("key", "=", "systemDisplayedNumberId")
        .executeTakeFirst();
      const system = setting?.value_json === String(row.id) ? ["settings"] : [];
      return [...agents, ...extensions].map((r) => r.number).concat(system);
    },
    async remove(tx, row) {
      await tx.deleteFrom("displayed_number").where("id", "=", row.id).execute();
    },
  });
}

/** Not versioned: it grows by day-to-day work. Read page by page from its index, for it may be long. */
export function blacklist(
  deps: EntityDeps & { readonly changed: (numbers: ReadonlySet<string>) => void },
): Blacklist {
  const { store, now } = deps;
  const publish = async () => {
    const rows = await store.read.selectFrom("blacklist").select("number").execute();
    deps.changed(new Set(rows.map((r) => r.number)));
  };
  const entity = configEntity<BlacklistRow, { number: string; note: string }>(deps, {
    part: "blacklist",
    subject: "blacklist",
    search: ["number"],
    sort: "number",
    label: (row) => row.number,
    async load(db, id) {
      const rows = await db
        .selectFrom("blacklist")
        .selectAll()
        .$if(id !== undefined, (q) => q.where("id", "=", id ?? 0))
        .execute();
      return rows.map((r) => ({
        id: r.id,
        number: r.number,
        note: r.note,
        createdAt: r.created_at,
        updatedAt: r.updated_at,
      }));
    },
    async write(tx, id, input, at) {
      const checks = new Checks();
      const row = {
        number: checks.text("number", input.number, { required: true, max: 21 }),
        note: checks.text("note", input.note, { max: 500 }),
        updated_at: at,
      };
      if (row.number !== "" && !NUMBER.test(row.number)) checks.fail("number", "error.phone-number");
      checks.done();
      if (id !== undefined) {
        await tx.updateTable("blacklist").set(row).where("id", "=", id).execute();
        return id;
      }
      return (
        await tx
          .insertInto("blacklist")
          .values({ ...row, created_at: at })
          .returning("id")
          .executeTakeFirstOrThrow()
      ).id;
    },
    async remove(tx, row) {
      await tx.deleteFrom("blacklist").where("id", "=", row.id).execute();
    },
  });
  return {
    ...entity,
    async list(actor, query) {
      permit(actor, "blacklist.view");
      const { page, pageSize, offset } = pageWindow(query);
      const needle = query.search?.trim() ?? "";
      const base = store.read
        .selectFrom("blacklist")
        .$if(needle !== "", (q) => q.where("number", "like", `%${needle.replace(/[%_]/g, "")}%`));
      const rows = await base
        .selectAll()
        .orderBy("number", query.descending ? "desc" : "asc")
        .limit(pageSize)
        .offset(offset)
        .execute();
      const { total } = await base
        .select((eb) => eb.fn.countAll<number>().as("total"))
        .executeTakeFirstOrThrow();
      return {
        rows: rows.map((r) => ({
          id: r.id,
          number: r.number,
          note: r.note,
          createdAt: r.created_at,
          updatedAt: r.updated_at,
        })),
        total,
        page,
        pageSize,
      };
    },
    async addMany(actor: Actor, text: string, note: string) {
      permit(actor, "blacklist.edit");
      const numbers = [...new Set(text.split(/[\s,，]+/).filter(Boolean))];
      const checks = new Checks();
      if (numbers.length === 0) checks.fail("numbers", "error.required");
      const wrong = numbers.find((n) => !NUMBER.test(n));
      if (wrong !== undefined) checks.fail("numbers", "error.phone-number", { number: wrong.slice(0, 40) });
      const cleanNote = checks.text("note", note, { max: 500 });
      checks.done();
      const at = now();
      const added = await store.write(async (tx) => {
        let count = 0;
        for (const number of numbers) {
          const values = { number, note: cleanNote, created_at: at, updated_at: at };
          const done = await tx
            .insertInto("blacklist")
            .values(values)
            .onConflict((oc) => oc.doNothing())
            .executeTakeFirst();
          count += Number(done.numInsertedOrUpdatedRows ?? 0n);
        }
        await insertAudit(
          tx,
          actor,
          { action: "save", subject: "blacklist", id: null, summary: `${count}` },
          at,
        );
        return count;
      });
      await publish();
      return added;
    },
  };
}
