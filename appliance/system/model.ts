/** Settings, audit, alarms, jobs, health (W-3.15.1). Times are UTC ms. */
import type { Destination } from "../routing/model.ts";

/** Everything kept in the `setting` table; a missing row has the default of settings.ts. */
export interface Settings {
  readonly officeName: string;
  readonly language: "zh-CN" | "en";
  /** IANA name. */
  readonly timeZone: string;
  /** ISO 3166 alpha-2. */
  readonly country: string;
  readonly areaCode: string;
  readonly emergencyNumbers: readonly string[];
  /** Length of extension and agent numbers offered by the wizard (2–6). */
  readonly numberingLength: number;
  /** W-3.15.1.4.1 and .2, seconds. */
  readonly outboundRingS: number;
  readonly extensionRingS: number;
  readonly blindTransferRingS: number;
  readonly blindTransferCallBack: boolean;
  readonly blindTransferCallBackPrefix: string;
  readonly systemDisplayedNumberId: number | null;
  readonly defaultRoute: Destination | null;
  readonly holdMusicId: number | null;
  readonly waitingMusicId: number | null;
  readonly recordInbound: boolean;
  readonly recordOutbound: boolean;
  readonly recordInternal: boolean;
  /** 0 = no limit. */
  readonly maxInboundCalls: number;
  /** 0 = kept for ever. */
  readonly recordingDays: number;
  /** Addresses and networks the attack defence never judges. */
  readonly defenceAllow: readonly string[];
  /** Calls to the office's numbers from sources that are neither a carrier nor a phone. */
  readonly anonymousCalls: boolean;
  readonly setUpAt: number | null;
}
export type SettingsInput = Partial<Omit<Settings, "setUpAt">>;

export interface SetupInput {
  readonly code: string;
  readonly language: "zh-CN" | "en";
  readonly username: string;
  readonly displayName: string;
  readonly password: string;
  readonly officeName: string;
  readonly timeZone: string;
  readonly country: string;
  readonly areaCode: string;
  readonly emergencyNumbers: readonly string[];
  readonly numberingLength: number;
}

export interface AuditRow {
  readonly id: number;
  readonly at: number;
  readonly accountId: number | null;
  readonly actor: string;
  /** "save" | "remove" | "sign-in" | "rollback" | "play-recording" | … */
  readonly action: string;
  /** "did", "flow", "account" … */
  readonly subject: string;
  readonly subjectId: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly address: string;
}

/** What can be wrong; ui/locale has words for each under "alarm.<code>". */
export type AlarmCode =
  | "trunk-down"
  | "engine-down"
  | "media-lost"
  | "disk-low"
  | "recording-failed"
  | "retention"
  | "certificate"
  | "prompts"
  | "prompt-missing"
  | "unknown-did"
  | "log-waiting"
  | "log-lost"
  | "call-fault"
  | "internal-error";

export interface Alarm {
  readonly id: number;
  readonly code: AlarmCode;
  readonly subject: string;
  readonly detail: string;
  readonly raisedAt: number;
  readonly clearedAt: number | null;
}

export type JobKind = "export-call-records" | "backup";

export interface Job {
  readonly id: number;
  readonly kind: JobKind;
  readonly state: "queued" | "running" | "done" | "failed";
  /** 0–100. */
  readonly progress: number;
  readonly accountId: number | null;
  readonly params: Readonly<Record<string, unknown>>;
  /** export and backup: { file, name, bytes, rows? }. */
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly error: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface Health {
  readonly at: number;
  readonly version: string;
  readonly bun: string;
  readonly schemaVersion: string;
  readonly startedAt: number;
  readonly diskFreeBytes: number;
  readonly diskTotalBytes: number;
  readonly databaseBytes: number;
  readonly residentBytes: number;
  /** Empty when the database is well. */
  readonly databaseProblems: readonly string[];
  readonly openAlarms: number;
}

export interface VersionRow {
  readonly id: number;
  readonly at: number;
  readonly accountId: number | null;
  readonly actor: string;
  readonly summary: string;
}
