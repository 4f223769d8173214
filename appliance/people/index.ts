/** People: accounts, sign-in, roles, departments, agents, extensions, and what `sip` asks of them. */
import type { Directory } from "../../sip/index.ts";
import type { Tx } from "../../storage/database.ts";
import type { Actor, Entity } from "../kernel.ts";
import type {
  Account,
  AccountInput,
  Agent,
  AgentInput,
  AgentSaved,
  AgentSeriesInput,
  AgentSeriesResult,
  Department,
  DepartmentInput,
  Extension,
  ExtensionInput,
  ExtensionSaved,
  FirstAdmin,
  Role,
  RoleInput,
  SessionActor,
  SignedIn,
  SignInMeta,
} from "./model.ts";

export { createPeople, type PeopleDeps } from "./create.ts";
export { fullName } from "./extensions.ts";
export type * from "./model.ts";
export { PERMISSIONS, type Permission, SCOPES, type Scope } from "./permissions.ts";
export { SignInError } from "./sign-in.ts";

export interface Agents extends Entity<Agent, AgentInput, AgentSaved> {
  /** Batch add (W-3.1.2.24–32): existing numbers are skipped. */
  addSeries(actor: Actor, input: AgentSeriesInput): Promise<AgentSeriesResult>;
}

export interface People {
  readonly accounts: Entity<Account, AccountInput>;
  readonly roles: Entity<Role, RoleInput>;
  readonly departments: Entity<Department, DepartmentInput>;
  readonly extensions: Entity<Extension, ExtensionInput, ExtensionSaved>;
  readonly agents: Agents;
  /**
   * Same answer and time for an unknown user and a wrong password.
   * @throws SignInError code "error.sign-in" (wrong), "error.sign-in-disabled", "error.sign-in-slow" (params.seconds)
   */
  signIn(username: string, password: string, meta: SignInMeta): Promise<SignedIn>;
  /** The person behind a session cookie; undefined when expired or unknown. Slides the expiry. */
  actorOfToken(token: string, address?: string): SessionActor | undefined;
  signOut(token: string): Promise<void>;
  /** Own password, language, theme. */
  changePassword(actor: Actor, current: string, next: string): Promise<void>;
  savePreferences(
    actor: Actor,
    preferences: { readonly language?: "zh-CN" | "en" | null; readonly theme?: "light" | "dark" | null },
  ): Promise<void>;
  /** Hashes outside, writes inside a transaction of set-up's. Replaces the password of an account of that name. */
  prepareAdministrator(input: FirstAdmin): Promise<(tx: Tx) => Promise<number>>;
  /** For the command line: adds or resets an administrator's password. Returns the account's id. */
  resetAdministrator(username: string, password: string): Promise<number>;
  /** Whether the agent's phone PIN is right; limited concurrency, rate limited by agent. */
  checkPhonePin(agentId: number, pin: string): Promise<boolean>;
  /** What `sip` asks of the office. */
  readonly directory: Directory;
}
