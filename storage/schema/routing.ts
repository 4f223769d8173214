/** Inbound routes, conditions, flows, groups, outbound profiles, media files, pause reasons (W-3.6, W-3.1.3, W-3.5.3). */
import type { Generated } from "kysely";

export interface RoutingTables {
  /** subject: caller | did; method: prefix | pattern | group | region; empty value matches all. */
  inbound_route: {
    id: Generated<number>;
    name: string;
    position: number;
    subject: string;
    method: string;
    value: string;
    remove_caller_prefix: string;
    add_caller_prefix: string;
    last_agent_first: number;
    destination_json: string;
    created_at: number;
    updated_at: number;
  };
  /** rule_json: ConditionRule. */
  condition: {
    id: Generated<number>;
    name: string;
    rule_json: string;
    match_json: string;
    no_match_json: string;
    created_at: number;
    updated_at: number;
  };
  /** menu_json: MenuFlow without id and name. */
  flow: {
    id: Generated<number>;
    name: string;
    internal_number: string | null;
    menu_json: string;
    created_at: number;
    updated_at: number;
  };
  /** settings_json: Group without id, name, number, members. */
  agent_group: {
    id: Generated<number>;
    name: string;
    number: string;
    settings_json: string;
    created_at: number;
    updated_at: number;
  };
  group_member: {
    group_id: number;
    agent_id: number;
    kind: string;
    priority: number;
    position: number;
    leader: number;
  };
  /** Rules tried in order: a dialled number starting with `prefix` (empty = any) and within the lengths. */
  outbound_rule: {
    id: Generated<number>;
    name: string;
    position: number;
    prefix: string;
    min_length: number;
    max_length: number;
    remove_prefix: string;
    add_prefix: string;
    replace_number: string;
    trunk_id: number;
    enabled: number;
    created_at: number;
    updated_at: number;
  };
  /** file: path below the media folder, 8 kHz mono WAV; file_type: voice | music. sha256 of the converted file. */
  media_file: {
    id: Generated<number>;
    number: string;
    name: string;
    file_type: string;
    category: string;
    file: string;
    original_name: string;
    duration_ms: number;
    bytes: number;
    sha256: string;
    description: string;
    built_in: number;
    language: string | null;
    created_at: number;
    updated_at: number;
  };
  pause_reason: {
    id: Generated<number>;
    name: string;
    position: number;
    created_at: number;
    updated_at: number;
  };
  feature_code: { code: string; feature: string };
  blacklist: { id: Generated<number>; number: string; note: string; created_at: number; updated_at: number };
}
