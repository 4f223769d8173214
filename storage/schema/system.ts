/** Settings, configuration versions, audit log, jobs, alarms. */
import type { Generated } from "kysely";

export interface SystemTables {
  setting: { key: string; value_json: string; updated_at: number };
  /** A snapshot of all configuration tables after each save; rollback = restore of one. */
  config_version: {
    id: Generated<number>;
    at: number;
    account_id: number | null;
    summary: string;
    snapshot_json: string;
  };
  audit_log: {
    id: Generated<number>;
    at: number;
    account_id: number | null;
    actor: string;
    action: string;
    subject: string;
    subject_id: string;
    detail_json: string;
    address: string;
  };
  /** kind: e.g. export, backup; state: queued | running | done | failed; progress 0..100. */
  job: {
    id: Generated<number>;
    kind: string;
    state: string;
    progress: number;
    account_id: number | null;
    params_json: string;
    result_json: string | null;
    error: string | null;
    created_at: number;
    started_at: number | null;
    finished_at: number | null;
  };
  /** Open while cleared_at is null. */
  alarm: {
    id: Generated<number>;
    code: string;
    subject: string;
    detail: string;
    raised_at: number;
    cleared_at: number | null;
  };
}
