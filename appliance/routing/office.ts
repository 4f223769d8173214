/** Builds the immutable picture of the configuration that the deciders read. */
import { join } from "node:path";
import type { Tx } from "../../storage/database.ts";
import type { Feature, Office } from "./decide/index.ts";
import {
  loadConditions,
  loadDids,
  loadFlows,
  loadGroups,
  loadInboundRoutes,
  loadMediaFiles,
  loadOutboundRules,
  loadTrunks,
} from "./rows.ts";

export interface OfficeSource {
  readonly mediaFolder: string;
  readonly loadSettings: (
    db: Tx,
  ) => Promise<Office["settings"] & { readonly defaultRoute: Office["defaultRoute"] }>;
  readonly fullName: (firstName: string, lastName: string) => string;
}

const byId = <T extends { readonly id: number }>(rows: readonly T[]): ReadonlyMap<number, T> =>
  new Map(rows.map((row) => [row.id, row]));

/** Reads everything; some hundred short rows. */
export async function loadOffice(db: Tx, source: OfficeSource): Promise<Office> {
  const settings = await source.loadSettings(db);
  const media = await loadMediaFiles(db);
  const extensions = await db.selectFrom("extension").selectAll().execute();
  const agents = await db.selectFrom("agent").selectAll().execute();
  const displayed = await db.selectFrom("displayed_number").select(["id", "number", "trunk_id"]).execute();
  const codes = await db.selectFrom("feature_code").selectAll().execute();
  const blacklist = await db.selectFrom("blacklist").select("number").execute();
  const reasons = await db
    .selectFrom("pause_reason")
    .select(["position", "id", "name"])
    .orderBy("position")
    .execute();
  const path = (file: string) => join(source.mediaFolder, file);
  return {
    settings,
    dids: await loadDids(db),
    inboundRoutes: await loadInboundRoutes(db),
    defaultRoute: settings.defaultRoute,
    conditions: byId(await loadConditions(db)),
    flows: byId(await loadFlows(db)),
    groups: byId(await loadGroups(db)),
    extensions: byId(
      extensions.map((r) => ({
        id: r.id,
        number: r.number,
        name: r.name,
        enabled: r.enabled === 1,
        dnd: r.dnd === 1,
        displayedNumberId: r.displayed_number_id,
      })),
    ),
    agents: byId(
      agents.map((r) => ({
        id: r.id,
        number: r.number,
        name: source.fullName(r.first_name, r.last_name) || r.number,
        extensionId: r.extension_id,
        enabled: r.enabled === 1,
        clickToCallOnly: r.click_to_call_only === 1,
        displayedNumberId: r.displayed_number_id,
        phonePinHash: r.phone_pin_hash,
        workInBrowser: r.work_in_browser === 1,
        browserTimeoutS: r.browser_timeout_s,
      })),
    ),
    trunks: byId(await loadTrunks(db)),
    outboundRules: await loadOutboundRules(db),
    displayedNumbers: new Map(displayed.map((r) => [r.id, { number: r.number, trunkId: r.trunk_id }])),
    featureCodes: new Map(codes.map((r) => [r.code, r.feature as Feature])),
    blacklist: new Set(blacklist.map((r) => r.number)),
    pauseReasons: new Map(reasons.map((r) => [r.id, r.name])),
    media: new Map(media.map((m) => [m.id, path(m.file)])),
    // The office's language wins; a prompt it lacks is taken from any other.
    prompts: new Map(
      media
        .filter((m) => m.builtIn)
        .sort((a, b) => Number(a.language === settings.language) - Number(b.language === settings.language))
        .map((m) => [m.name, path(m.file)]),
    ),
  };
}
