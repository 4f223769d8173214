/** Trunks, numbers and device registrations. */
import type { Generated } from "kysely";

export interface SipTables {
  /** allowed_addresses_json, codecs_json: string[]. */
  trunk: {
    id: Generated<number>;
    name: string;
    enabled: number;
    kind: string;
    host: string;
    port: number;
    transport: string;
    username: string;
    auth_username: string;
    password: string;
    from_domain: string;
    outbound_proxy: string;
    allowed_addresses_json: string;
    max_calls: number;
    register_expires_s: number;
    options_ping_s: number;
    codecs_json: string;
    identity_header: string;
    srtp: Generated<string>;
    dtmf: Generated<string>;
    early_media: Generated<number>;
    calls_per_second: Generated<number>;
    number_format: Generated<string>;
    caller_format: Generated<string>;
    country: Generated<string>;
    area_code: Generated<string>;
    number_prefix: Generated<string>;
    from_user: Generated<string>;
    from_text: Generated<string>;
    contact_user: Generated<string>;
    contact_text: Generated<string>;
    diversion: Generated<number>;
    hide_number: Generated<number>;
    /** Tried when this one refuses or does not answer. */
    next_trunk_id: number | null;
    created_at: number;
    updated_at: number;
  };
  /** destination_json: Destination | null. */
  did: {
    id: Generated<number>;
    number: string;
    name: string;
    group_label: string;
    trunk_id: number | null;
    destination_json: string | null;
    caller_number_prefix: string;
    caller_name_prefix: string;
    enabled: number;
    note: string;
    last_used_at: number | null;
    created_at: number;
    updated_at: number;
  };
  displayed_number: {
    id: Generated<number>;
    number: string;
    supplier: string;
    trunk_id: number | null;
    created_at: number;
    updated_at: number;
  };
  registration: {
    extension_id: number;
    contact: string;
    source: string;
    user_agent: string;
    call_id: string;
    cseq: number;
    instance: string;
    /** JSON string[]. */
    path_json: Generated<string>;
    registered_at: number;
    expires_at: number;
  };
}
