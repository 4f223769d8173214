/** Puts the use cases of routing together and keeps the picture in force. */
import type { Sip } from "../../sip/index.ts";
import type { Store } from "../../storage/database.ts";
import { Checks } from "../checks.ts";
import { type Actor, type Complaint, InUseError, type Now, permit, ValidationError } from "../kernel.ts";
import { fullName } from "../people/index.ts";
import { type Change, type Configuration, loadSettings, saveSettings } from "../system/index.ts";
import { emptyOffice, FEATURES, type Office } from "./decide/index.ts";
import { blacklist, dids, displayedNumbers } from "./dids.ts";
import { explain } from "./explain.ts";
import { conditions, flows, inboundRoutes } from "./flows.ts";
import { checkOffice, faultKey } from "./graph.ts";
import type { ConvertAudio, DestinationOption, Routing } from "./index.ts";
import { mediaFiles } from "./media-files.ts";
import type { Destination, FeatureCode, GraphFault } from "./model.ts";
import { loadOffice } from "./office.ts";
import { trunkLines } from "./trunk-lines.ts";
import { outboundRules, trunks } from "./trunks.ts";

export interface RoutingDeps {
  readonly store: Store;
  readonly now: Now;
  readonly configuration: Configuration;
  /** Where converted WAVs live. */
  readonly mediaFolder: string;
  readonly convert: ConvertAudio;
  /** The live lines, once SIP is up. */
  readonly lines?: () => Sip["trunks"] | undefined;
}

/** Adds its stage to the configuration; call `configuration.load()` afterwards. */
export function createRouting(deps: RoutingDeps): Routing {
  const { store, now, configuration } = deps;
  let office: Office = emptyOffice();
  let faults: readonly GraphFault[] = [];
  const listeners = new Set<(office: Office) => void>();
  const publish = (next: Office) => {
    office = next;
    for (const listener of listeners) listener(next);
  };

  configuration.addStage(async (tx, change) => {
    const next = await loadOffice(tx, { mediaFolder: deps.mediaFolder, loadSettings, fullName });
    const found = checkOffice(next);
    // What was already wrong must not stop somebody from mending something else.
    if (change.subject !== "" && change.action !== "rollback") refuseNew(faults, found, change);
    return () => {
      faults = found;
      publish(next);
    };
  });

  const entity = trunks(deps);
  return {
    dids: dids(deps),
    inboundRoutes: inboundRoutes(deps),
    conditions: conditions(deps),
    flows: flows(deps),
    outboundRules: outboundRules(deps),
    trunks: {
      ...entity,
      ...trunkLines({
        store,
        now,
        lines: () => deps.lines?.(),
        get: entity.get,
        nameOf: (id) => office.trunks.get(id)?.name,
      }),
    },
    displayedNumbers: displayedNumbers(deps),
    mediaFiles: mediaFiles(deps),
    blacklist: blacklist({ ...deps, changed: (numbers) => publish({ ...office, blacklist: numbers }) }),
    featureCodes: {
      async list(actor) {
        permit(actor, "feature-codes.view");
        return store.read.selectFrom("feature_code").selectAll().orderBy("code").execute();
      },
      async save(actor, codes) {
        permit(actor, "feature-codes.edit");
        checkCodes(codes);
        await configuration.change(
          actor,
          { action: "save", subject: "feature-code", id: null, summary: codes.map((c) => c.code).join(" ") },
          async (tx) => {
            await tx.deleteFrom("feature_code").execute();
            for (const { code, feature } of codes)
              await tx.insertInto("feature_code").values({ code, feature }).execute();
          },
        );
      },
    },
    defaultRoute: {
      async get(actor) {
        permit(actor, "inbound-routes.view");
        return office.defaultRoute;
      },
      async save(actor, destination) {
        permit(actor, "inbound-routes.edit");
        await configuration.change(
          actor,
          { action: "save", subject: "settings", id: null, summary: "defaultRoute" },
          (tx) => saveSettings(tx, { defaultRoute: destination }, now()),
        );
      },
    },
    versions: {
      async list(actor, query) {
        permit(actor, "versions.view");
        return configuration.listVersions(query);
      },
      async rollback(actor, id) {
        permit(actor, "versions.rollback");
        await configuration.rollback(actor, id);
      },
    },
    destinations: async (_actor: Actor) => destinationOptions(office),
    checkGraph: () => faults,
    explain(actor, did, caller, at) {
      permit(actor, "inbound-routes.view");
      return explain(office, did, caller, at);
    },
    current: () => office,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Faults that this change brought: at the field of the row being saved, or told at the form naming the other row. */
function refuseNew(old: readonly GraphFault[], found: readonly GraphFault[], change: Change): void {
  const known = new Set(old.map(faultKey));
  const fresh = found.filter((f) => !known.has(faultKey(f)));
  if (fresh.length === 0) return;
  if (change.action === "remove")
    throw new InUseError(change.summary || change.subject, [
      ...new Set(fresh.map((f) => `${f.subject}: ${f.name}`)),
    ]);
  const fields: Record<string, Complaint> = {};
  for (const f of fresh) {
    const own = f.subject === change.subject && f.id === change.id;
    if (own) fields[f.field] ??= { code: f.code, params: f.params };
  }
  if (Object.keys(fields).length === 0)
    for (const f of fresh)
      fields.form ??= { code: f.code, params: { ...f.params, subject: f.subject, where: f.name } };
  throw new ValidationError(fields);
}

function checkCodes(codes: readonly FeatureCode[]): void {
  const checks = new Checks();
  const features = new Set<string>();
  for (const { code, feature } of codes) {
    if (!/^[*#]?\d{1,6}$/.test(code)) checks.fail(feature, "error.feature-code");
    if (!(FEATURES as readonly string[]).includes(feature)) checks.fail(feature, "error.choice");
    if (features.has(feature) || codes.filter((c) => c.code === code).length > 1)
      checks.fail(feature, "error.taken");
    features.add(feature);
  }
  checks.done();
}

function destinationOptions(office: Office): readonly DestinationOption[] {
  const option = (destination: Destination, label: string): DestinationOption => ({
    value: destinationKey(destination),
    label,
    destination,
  });
  const of = (
    type: "flow" | "condition" | "group" | "agent" | "extension",
    rows: Iterable<{ id: number; name: string; number?: string }>,
  ) =>
    [...rows]
      .map((row) =>
        option(
          { type, id: row.id },
          row.number && row.number !== row.name ? `${row.number} ${row.name}`.trim() : row.name,
        ),
      )
      .sort((a, b) => a.label.localeCompare(b.label, "zh-CN", { numeric: true }));
  const agentExtensions = new Set([...office.agents.values()].map((a) => a.extensionId));
  return [
    ...of("flow", office.flows.values()),
    ...of("condition", office.conditions.values()),
    ...of("group", office.groups.values()),
    ...of("agent", office.agents.values()),
    ...of(
      "extension",
      [...office.extensions.values()].filter((e) => !agentExtensions.has(e.id)),
    ),
    option({ type: "hangup" }, ""),
  ];
}

/** "flow:3", "external:02155501234", "hangup". */
export function destinationKey(to: Destination): string {
  if (to.type === "hangup") return "hangup";
  return to.type === "external" ? `external:${to.number}` : `${to.type}:${to.id}`;
}

/** The way back; null for "" and anything not understood. */
export function parseDestination(key: string): Destination | null {
  if (key === "hangup") return { type: "hangup" };
  const cut = key.indexOf(":");
  const type = key.slice(0, cut);
  const rest = key.slice(cut + 1);
  if (type === "external") return { type, number: rest.replace(/[\s()-]/g, "") };
  const id = Number(rest);
  if (!Number.isInteger(id) || id < 1) return null;
  switch (type) {
    case "flow":
    case "condition":
    case "group":
    case "agent":
    case "extension":
    case "ring-group":
    case "playlist":
      return { type, id };
    default:
      return null;
  }
}
