/** One-level IVR menus (W-3.6.2), time conditions (W-3.6.8), inbound routes (W-3.6.1). */
import { Checks } from "../checks.ts";
import { configEntity, type EntityDeps } from "../system/index.ts";
import type {
  ConditionInput,
  ConditionRow,
  ConditionRule,
  FlowInput,
  FlowRow,
  InboundRouteInput,
  InboundRouteRow,
} from "./model.ts";
import { loadConditions, loadFlows, loadInboundRoutes } from "./rows.ts";

export function flows(deps: EntityDeps) {
  return configEntity<FlowRow, FlowInput>(deps, {
    part: "flows",
    subject: "flow",
    search: ["name", "internalNumber"],
    sort: "name",
    label: (row) => row.name,
    load: loadFlows,
    async write(tx, id, input, at) {
      const checks = new Checks();
      const name = checks.text("name", input.name, { required: true, max: 64 });
      const internal = checks.digits("internalNumber", input.internalNumber ?? "", { max: 10 });
      const seen = new Set<string>();
      for (const [i, key] of input.keys.entries()) {
        if (!/^[\d*#]{1,16}$/.test(key.input)) checks.fail(`keys.${i}`, "error.keys");
        if (input.maxInput > 0 && key.input.length > input.maxInput)
          checks.fail(`keys.${i}`, "error.keys-too-long", { max: input.maxInput });
        if (seen.has(key.input)) checks.fail(`keys.${i}`, "error.taken");
        seen.add(key.input);
      }
      for (const [i, prompt] of input.prompts.entries()) checks.int(`prompts.${i}`, prompt.gapS, 0, 300);
      if (input.prompts.length > 20) checks.fail("prompts", "error.too-many", { max: 20 });
      if (input.keys.length > 100) checks.fail("keys", "error.too-many", { max: 100 });
      const maxInput = checks.int("maxInput", input.maxInput, 0, 32);
      if (input.directDial && maxInput > 0) {
        // W-3.6.2.8: not usable when agent numbers are longer than the maximum input length.
        const numbers = await tx.selectFrom("extension").select("number").execute();
        const longest = Math.max(0, ...numbers.map((n) => n.number.length));
        if (longest > maxInput) checks.fail("maxInput", "error.direct-dial-length", { min: longest });
      }
      const menu: Omit<FlowInput, "name" | "internalNumber"> = {
        prompts: input.prompts.map(({ mediaId, gapS }) => ({ mediaId, gapS })),
        replayCount: checks.int("replayCount", input.replayCount, 0, 99),
        inputTimeoutS: checks.int("inputTimeoutS", input.inputTimeoutS, 0, 300),
        keyTimeoutS: checks.int("keyTimeoutS", input.keyTimeoutS, 1, 60),
        maxInput,
        delayS: checks.int("delayS", input.delayS, 0, 60),
        directDial: input.directDial,
        timeoutPromptId: input.timeoutPromptId,
        timeoutDestination: input.timeoutDestination,
        noMatchPromptId: input.noMatchPromptId,
        noMatchDestination: input.noMatchDestination,
        keys: input.keys.map(({ input: keys, destination }) => ({ input: keys, destination })),
        callerNumberPrefix: checks.text("callerNumberPrefix", input.callerNumberPrefix, { max: 16 }),
        callerNamePrefix: checks.text("callerNamePrefix", input.callerNamePrefix, { max: 32 }),
      };
      checks.done();
      const row = {
        name,
        internal_number: internal || null,
        menu_json: JSON.stringify(menu),
        updated_at: at,
      };
      if (id !== undefined) {
        await tx.updateTable("flow").set(row).where("id", "=", id).execute();
        return id;
      }
      return (
        await tx
          .insertInto("flow")
          .values({ ...row, created_at: at })
          .returning("id")
          .executeTakeFirstOrThrow()
      ).id;
    },
    async remove(tx, row) {
      await tx.deleteFrom("flow").where("id", "=", row.id).execute();
    },
  });
}

function checkRule(checks: Checks, rule: ConditionRule): void {
  const wrong = () => checks.fail("rule", "error.time");
  const date = (text: string) =>
    /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
  switch (rule.type) {
    case "weekly":
      if (rule.slots.length === 0) checks.fail("rule", "error.required");
      for (const { day, from, to } of rule.slots)
        if (
          ![day, from, to].every(Number.isInteger) ||
          day < 1 ||
          day > 7 ||
          from < 0 ||
          to > 1440 ||
          from >= to
        )
          wrong();
      break;
    case "time":
      if (rule.ranges.length === 0) checks.fail("rule", "error.required");
      for (const { from, to } of rule.ranges)
        if (![from, to].every((t) => /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/.test(t))) wrong();
      break;
    case "date":
      if (rule.dates.length === 0) checks.fail("rule", "error.required");
      if (!rule.dates.every(date)) wrong();
      break;
    case "date-range":
      if (rule.ranges.length === 0) checks.fail("rule", "error.required");
      for (const { from, to } of rule.ranges)
        if (
          ![from, to].every(
            (t) => date(t.slice(0, 10)) && /^T(?:[01]\d|2[0-3]):[0-5]\d$/.test(t.slice(10)),
          ) ||
          from > to
        )
          wrong();
      break;
    default:
      checks.fail("rule", "error.choice");
  }
}

export function conditions(deps: EntityDeps) {
  return configEntity<ConditionRow, ConditionInput>(deps, {
    part: "conditions",
    subject: "condition",
    search: ["name"],
    sort: "name",
    label: (row) => row.name,
    load: loadConditions,
    async write(tx, id, input, at) {
      const checks = new Checks();
      checkRule(checks, input.rule);
      const row = {
        name: checks.text("name", input.name, { required: true, max: 64 }),
        rule_json: JSON.stringify(input.rule),
        match_json: JSON.stringify(input.match),
        no_match_json: JSON.stringify(input.noMatch),
        updated_at: at,
      };
      checks.done();
      if (id !== undefined) {
        await tx.updateTable("condition").set(row).where("id", "=", id).execute();
        return id;
      }
      return (
        await tx
          .insertInto("condition")
          .values({ ...row, created_at: at })
          .returning("id")
          .executeTakeFirstOrThrow()
      ).id;
    },
    async remove(tx, row) {
      await tx.deleteFrom("condition").where("id", "=", row.id).execute();
    },
  });
}

export function inboundRoutes(deps: EntityDeps) {
  return configEntity<InboundRouteRow, InboundRouteInput>(deps, {
    part: "inbound-routes",
    subject: "inbound-route",
    search: ["name"],
    sort: "position",
    label: (row) => row.name,
    load: loadInboundRoutes,
    async write(tx, id, input, at) {
      const checks = new Checks();
      const subject = checks.oneOf("subject", input.subject, ["caller", "did"]);
      const method = checks.oneOf("method", input.method, ["prefix", "pattern", "group", "region"]);
      const value = checks.text("value", input.value, { max: 200 });
      if (method === "group" && subject === "caller") checks.fail("method", "error.choice");
      if (method === "pattern" && subject === "did" && !isPattern(value))
        checks.fail("value", "error.pattern");
      const row = {
        name: checks.text("name", input.name, { required: true, max: 64 }),
        position: checks.int("position", input.position, 0, 9999),
        subject,
        method,
        value,
        remove_caller_prefix: checks.text("removeCallerPrefix", input.removeCallerPrefix, { max: 16 }),
        add_caller_prefix: checks.text("addCallerPrefix", input.addCallerPrefix, { max: 16 }),
        last_agent_first: input.lastAgentFirst ? 1 : 0,
        destination_json: JSON.stringify(input.destination),
        updated_at: at,
      };
      checks.done();
      if (id !== undefined) {
        await tx.updateTable("inbound_route").set(row).where("id", "=", id).execute();
        return id;
      }
      const values = { ...row, created_at: at };
      return (await tx.insertInto("inbound_route").values(values).returning("id").executeTakeFirstOrThrow())
        .id;
    },
    async remove(tx, row) {
      await tx.deleteFrom("inbound_route").where("id", "=", row.id).execute();
    },
  });
}

/** A regular expression that compiles and has no nested repetition (which could take for ever on a crafted number). */
function isPattern(text: string): boolean {
  if (/[+*}]\)?[+*{]/.test(text) || /\([^)]*[+*][^)]*\)[+*{]/.test(text)) return false;
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
