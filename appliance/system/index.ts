/** System: settings, set-up, audit log, alarms, jobs, health, backup. */

import type { Actor, ListQuery, Page } from "../kernel.ts";
import type { AuditAction, AuditSubject } from "./audit-words.ts";
import type { Configuration } from "./configuration.ts";
import type {
  Alarm,
  AlarmCode,
  AuditRow,
  Health,
  Job,
  JobKind,
  Settings,
  SettingsInput,
  SetupInput,
} from "./model.ts";

export { AUDIT_ACTIONS, AUDIT_SUBJECTS, type AuditAction, type AuditSubject } from "./audit-words.ts";
export {
  type Change,
  type Configuration,
  createConfiguration,
  insertAudit,
  type Stage,
} from "./configuration.ts";
export { createSystem, type SystemDeps } from "./create.ts";
export { configEntity, type EntityDeps, type EntitySpec } from "./entity.ts";
export type * from "./model.ts";
export { BanFile, createSecurity, readBans, type Security, type SecurityView } from "./security/index.ts";
export { createSettings, isTimeZone, loadSettings, saveSettings } from "./settings.ts";

export interface SettingsCases {
  /** From memory. */
  get(): Settings;
  save(actor: Actor, input: SettingsInput): Promise<Settings>;
}

export interface Setup {
  /** No administrator yet. */
  needed(): boolean;
  /** One-time code printed at start; "" when set-up is done. */
  readonly code: string;
  /** Atomic. @throws ValidationError at "code" when it is wrong. @returns the administrator's account id */
  complete(input: SetupInput, address: string): Promise<number>;
}

export interface Audit {
  list(actor: Actor, query: ListQuery): Promise<Page<AuditRow>>;
  /** For what is not a configuration change: a recording played, an export taken. */
  write(
    actor: Actor,
    action: AuditAction,
    subject: AuditSubject,
    subjectId: string | number,
    detail?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
}

export interface Alarms {
  /** Raising one that is already open changes nothing but its detail. Never throws. */
  raise(code: AlarmCode, subject: string, detail: string): void;
  clear(code: AlarmCode, subject: string): void;
  open(): readonly Alarm[];
  list(actor: Actor, query: ListQuery): Promise<Page<Alarm>>;
  onChange(listener: () => void): () => void;
}

export interface Jobs {
  start(actor: Actor, kind: JobKind, params: Readonly<Record<string, unknown>>): Promise<Job>;
  get(actor: Actor, id: number): Promise<Job>;
  list(actor: Actor, query: ListQuery): Promise<Page<Job>>;
  /** Absolute path of a done job's file (audited). */
  file(actor: Actor, id: number): Promise<{ readonly path: string; readonly name: string }>;
  /** Resolves when the job is done or failed. */
  finished(id: number): Promise<Job>;
}

export interface System {
  readonly settings: SettingsCases;
  readonly setup: Setup;
  readonly audit: Audit;
  readonly alarms: Alarms;
  readonly jobs: Jobs;
  /** `thorough` also checks the whole database (seconds on a large one). */
  health(thorough?: boolean): Promise<Health>;
  readonly configuration: Configuration;
  stop(): Promise<void>;
}
