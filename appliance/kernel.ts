/** Small shared vocabulary of the use cases: who acts, how lists are asked for, how refusals are told. */

/** The person (or the system) on whose behalf a use case runs. Permission and scope are checked in the use case. */
export interface Actor {
  readonly accountId: number | null;
  readonly name: string;
  /** Permission keys, "*" = all. See people/permissions.ts. */
  readonly permissions: readonly string[];
  readonly scope: "own" | "groups" | "department" | "all";
  /** The agent this account works as, if any. */
  readonly agentId: number | null;
  readonly departmentId: number | null;
  /** Source address for the audit log. */
  readonly address: string;
}

export interface ListQuery {
  readonly search?: string;
  readonly filters?: Readonly<Record<string, string>>;
  readonly sort?: string;
  readonly descending?: boolean;
  /** 1-based. */
  readonly page?: number;
  readonly pageSize?: number;
}

export interface Page<T> {
  readonly rows: readonly T[];
  readonly total: number;
  readonly page: number;
  readonly pageSize: number;
}

/** A field's complaint: a message key of ui/locale ("error.required") with its parameters. */
export interface Complaint {
  readonly code: string;
  readonly params?: Readonly<Record<string, string | number>>;
}

/** Base of all refusals a person can cause; `code` is stable and has a message in both languages. */
export class UseCaseError extends Error {
  constructor(
    readonly code: string,
    readonly params: Readonly<Record<string, string | number>> = {},
  ) {
    super(code);
    this.name = new.target.name;
  }
}

/** Input refused: complaints by field name; nothing was written. */
export class ValidationError extends UseCaseError {
  constructor(readonly fields: Readonly<Record<string, Complaint>>) {
    super("error.validation");
  }
}

export class ForbiddenError extends UseCaseError {
  constructor(permission: string) {
    super("error.forbidden", { permission });
  }
}

export class NotFoundError extends UseCaseError {
  constructor(what: string, id: string | number) {
    super("error.not-found", { what, id });
  }
}

/** The clock, injectable for tests and simulation. UTC ms. */
export type Now = () => number;

/** A choice offered in a form. */
export interface Option {
  readonly id: number;
  readonly label: string;
}

/**
 * The one shape of a kind of row a person manages. Each method checks the actor's permission ("<name>.view" or
 * "<name>.edit") and scope. `save` with id undefined adds; its Input is validated again (ValidationError).
 * `remove` refuses rows in use (InUseError) and returns how many were removed.
 */
export interface Entity<Row, Input, Saved = Row> {
  list(actor: Actor, query: ListQuery): Promise<Page<Row>>;
  get(actor: Actor, id: number): Promise<Row>;
  save(actor: Actor, id: number | undefined, input: Input): Promise<Saved>;
  remove(actor: Actor, ids: readonly number[]): Promise<number>;
  options(actor: Actor): Promise<readonly Option[]>;
}

/** Refused because others use the row; `users` names them ("flow: Main menu, DID 02155501"). */
export class InUseError extends UseCaseError {
  constructor(what: string, users: readonly string[]) {
    super("error.in-use", { what, users: users.join(", ") });
  }
}

/** Throws ForbiddenError unless the actor holds the permission ("*" holds all). */
export function permit(actor: Actor, permission: string): void {
  if (!actor.permissions.includes("*") && !actor.permissions.includes(permission))
    throw new ForbiddenError(permission);
}

/** The application itself as actor. */
export const SYSTEM_ACTOR: Actor = {
  accountId: null,
  name: "system",
  permissions: ["*"],
  scope: "all",
  agentId: null,
  departmentId: null,
  address: "",
};
