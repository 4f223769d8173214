/** Trunks (carrier lines) and the rules by which dialled numbers go out (W-3.6.1.17). */
import { Checks } from "../checks.ts";
import { configEntity, type EntityDeps } from "../system/index.ts";
import type { OutboundRuleInput, OutboundRuleRow, TrunkInput, TrunkRow } from "./model.ts";
import { loadOutboundRules, loadTrunks } from "./rows.ts";
import { nextTrunk, optionColumns } from "./trunk-options.ts";

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:]+\]?)$/;
/** "host", "host:port", "[v6]:port" or a SIP URI of such, with parameters. */
const HOP =
  /^(?:sips?:)?(?:[\w.+-]+@)?(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?(?:;[\w.-]+(?:=[\w.-]+)?)*$/;
const ADDRESS = /^[0-9A-Fa-f.:]+(?:\/\d{1,3})?$/;
const CODECS = ["PCMA", "PCMU", "G722", "opus", "G729"];

export function trunks(deps: EntityDeps) {
  return configEntity<TrunkRow, TrunkInput>(deps, {
    part: "trunks",
    subject: "trunk",
    search: ["name", "host"],
    sort: "name",
    label: (row) => row.name,
    load: loadTrunks,
    async write(tx, id, input, at) {
      const checks = new Checks();
      const name = checks.text("name", input.name, { required: true, max: 64 });
      const kind = checks.oneOf("kind", input.kind, ["registration", "ip"]);
      const host = checks.text("host", input.host, { required: true, max: 255 });
      if (host !== "" && !HOST.test(host)) checks.fail("host", "error.host");
      const username = checks.text("username", input.username, {
        required: kind === "registration",
        max: 128,
      });
      const allowed = input.allowedAddresses.map((a) => a.trim()).filter((a) => a !== "");
      if (allowed.some((a) => !ADDRESS.test(a))) checks.fail("allowedAddresses", "error.address");
      if (allowed.length > 100) checks.fail("allowedAddresses", "error.too-many", { max: 100 });
      if (input.codecs.some((c) => !CODECS.includes(c))) checks.fail("codecs", "error.unknown-choice");
      if (id === undefined && kind === "registration" && !input.password)
        checks.fail("password", "error.required");
      if ((input.password ?? "").length > 200) checks.fail("password", "error.too-long", { max: 200 });
      const options = optionColumns(checks, input);
      const nextTrunkId = await nextTrunk(tx, checks, id, input.nextTrunkId ?? null);
      const proxy = checks.text("outboundProxy", input.outboundProxy, { max: 255 });
      if (proxy !== "" && !HOP.test(proxy)) checks.fail("outboundProxy", "error.host");
      const domain = checks.text("fromDomain", input.fromDomain, { max: 255 });
      if (domain !== "" && !HOST.test(domain)) checks.fail("fromDomain", "error.host");
      const row = {
        name,
        enabled: input.enabled ? 1 : 0,
        kind,
        host,
        port: checks.int("port", input.port, 0, 65_535),
        transport: checks.oneOf("transport", input.transport, ["udp", "tcp", "tls"]),
        username,
        auth_username: checks.text("authUsername", input.authUsername, { max: 128 }),
        from_domain: domain,
        outbound_proxy: proxy,
        allowed_addresses_json: JSON.stringify(allowed),
        max_calls: checks.int("maxCalls", input.maxCalls, 0, 10_000),
        register_expires_s: checks.int("registerExpiresS", input.registerExpiresS, 60, 86_400),
        options_ping_s: checks.int("optionsPingS", input.optionsPingS, 0, 3600),
        codecs_json: JSON.stringify(input.codecs),
        identity_header: checks.oneOf("identityHeader", input.identityHeader, ["none", "pai", "ppi", "rpid"]),
        ...options,
        next_trunk_id: nextTrunkId,
        updated_at: at,
      };
      checks.done();
      if (id !== undefined) {
        const secret = input.password ? { password: input.password } : {};
        await tx
          .updateTable("trunk")
          .set({ ...row, ...secret })
          .where("id", "=", id)
          .execute();
        return id;
      }
      const values = { ...row, password: input.password ?? "", created_at: at };
      return (await tx.insertInto("trunk").values(values).returning("id").executeTakeFirstOrThrow()).id;
    },
    async users(tx, row) {
      const numbers = await tx
        .selectFrom("did")
        .select("number as name")
        .where("trunk_id", "=", row.id)
        .execute();
      const rules = await tx
        .selectFrom("outbound_rule")
        .select("name")
        .where("trunk_id", "=", row.id)
        .execute();
      const shown = await tx
        .selectFrom("displayed_number")
        .select("number as name")
        .where("trunk_id", "=", row.id)
        .execute();
      const before = await tx
        .selectFrom("trunk")
        .select("name")
        .where("next_trunk_id", "=", row.id)
        .execute();
      return [...numbers, ...rules, ...shown, ...before].map((r) => r.name);
    },
    async remove(tx, row) {
      await tx.deleteFrom("trunk").where("id", "=", row.id).execute();
    },
  });
}

export function outboundRules(deps: EntityDeps) {
  return configEntity<OutboundRuleRow, OutboundRuleInput>(deps, {
    part: "outbound-rules",
    subject: "outbound-rule",
    search: ["name", "prefix"],
    sort: "position",
    label: (row) => row.name,
    load: loadOutboundRules,
    async write(tx, id, input, at) {
      const checks = new Checks();
      const pattern = (field: "prefix" | "removePrefix" | "addPrefix" | "replaceNumber", max: number) => {
        const text = checks.text(field, input[field], { max });
        if (!/^[+\d*#]*$/.test(text)) checks.fail(field, "error.phone-number");
        return text;
      };
      checks.known("trunkId", input.trunkId, new Map((await loadTrunks(tx)).map((t) => [t.id, t])));
      const min = checks.int("minLength", input.minLength, 0, 32);
      const max = checks.int("maxLength", input.maxLength, 0, 32);
      if (max > 0 && max < min) checks.fail("maxLength", "error.range", { min, max: 32 });
      const row = {
        name: checks.text("name", input.name, { required: true, max: 64 }),
        position: checks.int("position", input.position, 0, 9999),
        prefix: pattern("prefix", 20),
        min_length: min,
        max_length: max,
        remove_prefix: pattern("removePrefix", 20),
        add_prefix: pattern("addPrefix", 20),
        replace_number: pattern("replaceNumber", 32),
        trunk_id: input.trunkId,
        enabled: input.enabled ? 1 : 0,
        updated_at: at,
      };
      checks.done();
      if (id !== undefined) {
        await tx.updateTable("outbound_rule").set(row).where("id", "=", id).execute();
        return id;
      }
      const values = { ...row, created_at: at };
      return (await tx.insertInto("outbound_rule").values(values).returning("id").executeTakeFirstOrThrow())
        .id;
    },
    async remove(tx, row) {
      await tx.deleteFrom("outbound_rule").where("id", "=", row.id).execute();
    },
  });
}
