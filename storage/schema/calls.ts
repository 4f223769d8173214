/** The event logs and their projections (journey.md). Projections can be dropped and rebuilt byte for byte. */
import type { Generated } from "kysely";

export interface CallsTables {
  call_event: {
    seq: Generated<number>;
    at: number;
    journey: string;
    leg: string | null;
    kind: string;
    data: string;
  };
  agent_event: { seq: Generated<number>; at: number; agent_id: number; kind: string; data: string };
  /**
   * A row for each journey (part 0) and one for each further party reached. Durations in ms. Numbers as in
   * W-3.2.4.17–24; result one of CALL_RESULTS; cause one of HANGUP_CAUSES; hangup_by caller | callee | system.
   */
  call_record: {
    journey: string;
    part: number;
    direction: string;
    result: string | null;
    cause: string | null;
    hangup_by: string | null;
    sip_status: number | null;
    sip_reason: string | null;
    caller_original: string;
    caller_actual: string;
    caller_name: string;
    callee_original: string;
    callee_actual: string;
    did_id: number | null;
    did_number: string | null;
    trunk_id: number | null;
    group_id: number | null;
    agent_id: number | null;
    extension_id: number | null;
    started_at: number;
    answered_at: number | null;
    ended_at: number | null;
    ivr_ms: number;
    wait_ms: number;
    ring_ms: number;
    talk_ms: number;
    hold_ms: number;
    hold_count: number;
    acw_ms: number;
    total_ms: number;
    keys: string;
    recording: string | null;
    last_seq: number;
  };
  recording: {
    id: string;
    journey: string;
    file: string;
    started_at: number;
    stopped_at: number | null;
    duration_ms: number;
    bytes: number;
    sha256: string;
    left_leg: string;
    right_leg: string | null;
    agent_id: number | null;
    state: string;
    failure: string | null;
  };
  /** Agent's stretches of one state, for reports. */
  agent_timeline: {
    agent_id: number;
    state: string;
    reason: string;
    from_at: number;
    to_at: number | null;
    journey: string | null;
    group_id: number | null;
  };
  projection_state: { name: string; last_seq: number };
  note: { journey: string; text: string; account_id: number | null; updated_at: number };
}
