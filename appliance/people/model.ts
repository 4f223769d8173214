/** People and their telephones as the pages see them (W-3.1). Times are UTC ms. */
import type { Actor } from "../kernel.ts";
import type { Scope } from "./permissions.ts";

export type Language = "zh-CN" | "en";

interface Stamped {
  readonly id: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Account extends Stamped {
  readonly username: string;
  readonly displayName: string;
  readonly roleId: number;
  readonly roleName: string;
  readonly departmentId: number | null;
  readonly departmentName: string;
  /** null: the office's language. */
  readonly language: Language | null;
  readonly theme: "light" | "dark" | null;
  readonly enabled: boolean;
  readonly lastSignInAt: number | null;
  readonly agentId: number | null;
  readonly agentNumber: string;
}

export interface AccountInput {
  readonly username: string;
  readonly displayName: string;
  /** Required when adding; undefined or "" keeps the old one. At least 8 characters. */
  readonly password?: string;
  readonly roleId: number;
  readonly departmentId: number | null;
  readonly language: Language | null;
  readonly theme?: "light" | "dark" | null;
  readonly enabled: boolean;
}

export interface Role extends Stamped {
  readonly name: string;
  /** Keys of permissions.ts; ["*"] = all. */
  readonly permissions: readonly string[];
  readonly scope: Scope;
  /** Built-in roles carry a key as name ("administrator"); ui/locale has "role.<name>". */
  readonly builtIn: boolean;
  readonly accounts: number;
}

export interface RoleInput {
  readonly name: string;
  readonly permissions: readonly string[];
  readonly scope: Scope;
}

export interface Department extends Stamped {
  readonly name: string;
  readonly parentId: number | null;
  readonly parentName: string;
  readonly members: number;
}

export interface DepartmentInput {
  readonly name: string;
  readonly parentId: number | null;
}

export interface Extension extends Stamped {
  readonly number: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly allowRemote: boolean;
  readonly dnd: boolean;
  readonly displayedNumberId: number | null;
  readonly displayedNumber: string;
  readonly agentId: number | null;
  readonly agentName: string;
}

export interface ExtensionInput {
  readonly number: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly allowRemote: boolean;
  readonly dnd: boolean;
  readonly displayedNumberId: number | null;
  /** SIP registration password; undefined or "": random when adding, kept when editing. */
  readonly secret?: string;
}

/** `secret` is shown once, here: only its hashes are kept. null when it did not change. */
export interface ExtensionSaved extends Extension {
  readonly secret: string | null;
}

export interface Agent extends Stamped {
  readonly number: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly displayName: string;
  readonly accountId: number | null;
  readonly roleId: number | null;
  readonly roleName: string;
  readonly departmentId: number | null;
  readonly departmentName: string;
  readonly extensionId: number;
  readonly displayedNumberId: number | null;
  readonly displayedNumber: string;
  readonly clickToCallOnly: boolean;
  readonly workInBrowser: boolean;
  readonly browserTimeoutS: number;
  readonly enabled: boolean;
  readonly groups: readonly { readonly id: number; readonly name: string }[];
}

/** Secrets: undefined or "" = random when adding, kept when editing (the PIN: "123456" when adding, W-3.1.2.28). */
export interface AgentInput {
  /** W-3.1.2.7: 2–6 digits, first not 0; cannot change later. Also user name, SIP user name and extension. */
  readonly number: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly roleId: number | null;
  readonly departmentId: number | null;
  readonly sipSecret?: string;
  readonly webPassword?: string;
  readonly phonePin?: string;
  readonly clickToCallOnly: boolean;
  readonly enabled: boolean;
  readonly displayedNumberId: number | null;
  readonly workInBrowser: boolean;
  readonly browserTimeoutS: number;
}

/** Shown once; a member is null when it did not change. */
export interface AgentSecrets {
  readonly sipSecret: string | null;
  readonly webPassword: string | null;
  readonly phonePin: string | null;
}

export interface AgentSaved extends Agent {
  readonly secrets: AgentSecrets;
}

/** W-3.1.2.24–32. Empty secrets: random for each agent. */
export interface AgentSeriesInput {
  readonly start: string;
  /** 1–500. */
  readonly count: number;
  readonly roleId: number | null;
  readonly departmentId: number | null;
  readonly sipSecret?: string;
  readonly webPassword?: string;
  readonly phonePin?: string;
  readonly clickToCallOnly: boolean;
}

export interface AgentSeriesResult {
  readonly created: readonly AgentSaved[];
  /** Numbers that already existed (W-3.1.2.31). */
  readonly skipped: readonly string[];
}

export interface SignInMeta {
  readonly address: string;
  readonly userAgent: string;
}

export interface SignedIn {
  /** For the cookie; only its hash is kept. */
  readonly token: string;
  readonly actor: SessionActor;
}

/** The signed-in person with what every page needs. */
export interface SessionActor extends Actor {
  readonly accountId: number;
  readonly username: string;
  readonly language: Language | null;
  readonly theme: "light" | "dark" | null;
  readonly roleName: string;
}

export interface FirstAdmin {
  readonly username: string;
  readonly displayName: string;
  readonly password: string;
  readonly language: Language;
}
