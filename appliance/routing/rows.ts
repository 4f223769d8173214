/** Rows of the configuration tables as the pages and the deciders see them. */
import type { Tx } from "../../storage/database.ts";
import type {
  ConditionRow,
  ConditionRule,
  Destination,
  DidRow,
  FlowInput,
  FlowRow,
  Group,
  GroupMember,
  InboundRouteRow,
  MediaFileRow,
  OutboundRuleRow,
  TrunkRow,
} from "./model.ts";

const stamps = (r: { id: number; created_at: number; updated_at: number }) => ({
  id: r.id,
  createdAt: r.created_at,
  updatedAt: r.updated_at,
});

export async function loadDids(db: Tx, id?: number): Promise<readonly DidRow[]> {
  const rows = await db
    .selectFrom("did as d")
    .leftJoin("trunk as t", "t.id", "d.trunk_id")
    .selectAll("d")
    .select("t.name as trunkName")
    .$if(id !== undefined, (q) => q.where("d.id", "=", id ?? 0))
    .orderBy("d.id")
    .execute();
  return rows.map((r) => ({
    ...stamps(r),
    number: r.number,
    name: r.name,
    groupLabel: r.group_label,
    trunkId: r.trunk_id,
    trunkName: r.trunkName ?? "",
    destination: r.destination_json === null ? null : (JSON.parse(r.destination_json) as Destination),
    callerNumberPrefix: r.caller_number_prefix,
    callerNamePrefix: r.caller_name_prefix,
    enabled: r.enabled === 1,
    note: r.note,
    lastUsedAt: r.last_used_at,
  }));
}

export async function loadInboundRoutes(db: Tx, id?: number): Promise<readonly InboundRouteRow[]> {
  const rows = await db
    .selectFrom("inbound_route")
    .selectAll()
    .$if(id !== undefined, (q) => q.where("id", "=", id ?? 0))
    .orderBy("position")
    .orderBy("id")
    .execute();
  return rows.map((r) => ({
    ...stamps(r),
    name: r.name,
    position: r.position,
    subject: r.subject as InboundRouteRow["subject"],
    method: r.method as InboundRouteRow["method"],
    value: r.value,
    removeCallerPrefix: r.remove_caller_prefix,
    addCallerPrefix: r.add_caller_prefix,
    lastAgentFirst: r.last_agent_first === 1,
    destination: JSON.parse(r.destination_json) as Destination,
  }));
}

export async function loadConditions(db: Tx, id?: number): Promise<readonly ConditionRow[]> {
  const rows = await db
    .selectFrom("condition")
    .selectAll()
    .$if(id !== undefined, (q) => q.where("id", "=", id ?? 0))
    .orderBy("id")
    .execute();
  return rows.map((r) => ({
    ...stamps(r),
    name: r.name,
    rule: JSON.parse(r.rule_json) as ConditionRule,
    match: JSON.parse(r.match_json) as Destination,
    noMatch: JSON.parse(r.no_match_json) as Destination,
  }));
}

export async function loadFlows(db: Tx, id?: number): Promise<readonly FlowRow[]> {
  const rows = await db
    .selectFrom("flow")
    .selectAll()
    .$if(id !== undefined, (q) => q.where("id", "=", id ?? 0))
    .orderBy("id")
    .execute();
  return rows.map((r) => ({
    ...(JSON.parse(r.menu_json) as Omit<FlowInput, "name" | "internalNumber">),
    ...stamps(r),
    name: r.name,
    internalNumber: r.internal_number,
  }));
}

export async function loadOutboundRules(db: Tx, id?: number): Promise<readonly OutboundRuleRow[]> {
  const rows = await db
    .selectFrom("outbound_rule as o")
    .leftJoin("trunk as t", "t.id", "o.trunk_id")
    .selectAll("o")
    .select("t.name as trunkName")
    .$if(id !== undefined, (q) => q.where("o.id", "=", id ?? 0))
    .orderBy("o.position")
    .orderBy("o.id")
    .execute();
  return rows.map((r) => ({
    ...stamps(r),
    name: r.name,
    position: r.position,
    prefix: r.prefix,
    minLength: r.min_length,
    maxLength: r.max_length,
    removePrefix: r.remove_prefix,
    addPrefix: r.add_prefix,
    replaceNumber: r.replace_number,
    trunkId: r.trunk_id,
    trunkName: r.trunkName ?? "",
    enabled: r.enabled === 1,
  }));
}

export async function loadTrunks(db: Tx, id?: number): Promise<readonly TrunkRow[]> {
  const rows = await db
    .selectFrom("trunk")
    .selectAll()
    .$if(id !== undefined, (q) => q.where("id", "=", id ?? 0))
    .orderBy("id")
    .execute();
  return rows.map((r) => ({
    ...stamps(r),
    name: r.name,
    enabled: r.enabled === 1,
    kind: r.kind as TrunkRow["kind"],
    host: r.host,
    port: r.port,
    transport: r.transport as TrunkRow["transport"],
    username: r.username,
    authUsername: r.auth_username,
    hasPassword: r.password !== "",
    fromDomain: r.from_domain,
    outboundProxy: r.outbound_proxy,
    allowedAddresses: JSON.parse(r.allowed_addresses_json) as string[],
    maxCalls: r.max_calls,
    registerExpiresS: r.register_expires_s,
    optionsPingS: r.options_ping_s,
    codecs: JSON.parse(r.codecs_json) as string[],
    identityHeader: r.identity_header as TrunkRow["identityHeader"],
    srtp: r.srtp as TrunkRow["srtp"],
    dtmf: r.dtmf as TrunkRow["dtmf"],
    earlyMedia: r.early_media === 1,
    callsPerSecond: r.calls_per_second,
    numberFormat: r.number_format as TrunkRow["numberFormat"],
    callerFormat: r.caller_format as TrunkRow["callerFormat"],
    country: r.country,
    areaCode: r.area_code,
    numberPrefix: r.number_prefix,
    fromUser: r.from_user as TrunkRow["fromUser"],
    fromText: r.from_text,
    contactUser: r.contact_user as TrunkRow["contactUser"],
    contactText: r.contact_text,
    diversion: r.diversion === 1,
    hideNumber: r.hide_number === 1,
    nextTrunkId: r.next_trunk_id,
  }));
}

export async function loadMediaFiles(
  db: Tx,
  id?: number,
): Promise<readonly (MediaFileRow & { readonly file: string })[]> {
  const rows = await db
    .selectFrom("media_file")
    .selectAll()
    .$if(id !== undefined, (q) => q.where("id", "=", id ?? 0))
    .orderBy("id")
    .execute();
  return rows.map((r) => ({
    ...stamps(r),
    number: r.number,
    name: r.name,
    fileType: r.file_type as MediaFileRow["fileType"],
    category: r.category,
    description: r.description,
    originalName: r.original_name,
    durationMs: r.duration_ms,
    bytes: r.bytes,
    sha256: r.sha256,
    builtIn: r.built_in === 1,
    language: r.language,
    file: r.file,
  }));
}

export type GroupSettings = Omit<Group, "id" | "name" | "number" | "members">;

/** Groups with members in list order (W-3.1.3.2); leaders who are no members are in `leaderIds` only. */
export async function loadGroups(
  db: Tx,
  id?: number,
): Promise<
  readonly (Group & {
    readonly leaderIds: readonly number[];
    readonly createdAt: number;
    readonly updatedAt: number;
  })[]
> {
  const rows = await db
    .selectFrom("agent_group")
    .selectAll()
    .$if(id !== undefined, (q) => q.where("id", "=", id ?? 0))
    .orderBy("id")
    .execute();
  const members = await db
    .selectFrom("group_member")
    .selectAll()
    .$if(id !== undefined, (q) => q.where("group_id", "=", id ?? 0))
    .orderBy("position")
    .orderBy("agent_id")
    .execute();
  const byGroup = Map.groupBy(members, (m) => m.group_id);
  return rows.map((r) => {
    const own = byGroup.get(r.id) ?? [];
    return {
      ...(JSON.parse(r.settings_json) as GroupSettings),
      ...stamps(r),
      name: r.name,
      number: r.number,
      members: own
        .filter((m) => m.kind !== "leader")
        .map(
          (m): GroupMember => ({
            agentId: m.agent_id,
            priority: m.priority,
            position: m.position,
            kind: m.kind as GroupMember["kind"],
          }),
        ),
      leaderIds: own.filter((m) => m.leader === 1).map((m) => m.agent_id),
    };
  });
}
