/** Accounts, agents, extensions, roles, departments, sessions (W-3.1). */
import type { Generated } from "kysely";

export interface PeopleTables {
  department: {
    id: Generated<number>;
    name: string;
    parent_id: number | null;
    created_at: number;
    updated_at: number;
  };
  /** permissions_json: string[] of permission keys; scope: own | groups | department | all. */
  role: {
    id: Generated<number>;
    name: string;
    permissions_json: string;
    scope: string;
    built_in: number;
    created_at: number;
    updated_at: number;
  };
  account: {
    id: Generated<number>;
    username: string;
    display_name: string;
    password_hash: string;
    role_id: number;
    department_id: number | null;
    language: string | null;
    theme: string | null;
    enabled: number;
    created_at: number;
    updated_at: number;
    last_sign_in_at: number | null;
  };
  /** Session tokens are stored hashed (SHA-256). */
  session: {
    token_hash: string;
    account_id: number;
    created_at: number;
    last_seen_at: number;
    expires_at: number;
    address: string;
    user_agent: string;
  };
  /** A SIP endpoint with a number; secrets as HA1 only. */
  extension: {
    id: Generated<number>;
    number: string;
    name: string;
    ha1_md5: string;
    ha1_sha256: string;
    enabled: number;
    allow_remote: number;
    dnd: number;
    displayed_number_id: number | null;
    created_at: number;
    updated_at: number;
  };
  /** An agent works at its extension (same number by default). phone_pin_hash: argon2id. */
  agent: {
    id: Generated<number>;
    number: string;
    first_name: string;
    last_name: string;
    account_id: number | null;
    extension_id: number;
    department_id: number | null;
    phone_pin_hash: string;
    click_to_call_only: number;
    enabled: number;
    displayed_number_id: number | null;
    work_in_browser: number;
    browser_timeout_s: number;
    created_at: number;
    updated_at: number;
  };
}
