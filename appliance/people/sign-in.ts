/** Sign-in and sessions: rate limited, the same answer and time for unknown and wrong, tokens kept as hashes. */
import type { Store } from "../../storage/database.ts";
import { type Now, SYSTEM_ACTOR, UseCaseError } from "../kernel.ts";
import { insertAudit } from "../system/index.ts";
import type { Language, SessionActor, SignedIn, SignInMeta } from "./model.ts";
import { newToken, tokenHash, verifyPassword } from "./passwords.ts";
import type { Scope } from "./permissions.ts";

/** code: error.sign-in | error.sign-in-disabled | error.sign-in-slow (params.seconds). */
export class SignInError extends UseCaseError {}

const IDLE_MS = 12 * 3_600_000;
const LONGEST_MS = 7 * 24 * 3_600_000;
const SEEN_EVERY_MS = 60_000;

/** Failures by key; from the fifth on the wait doubles, up to five minutes. */
export class FailureLimit {
  readonly #failures = new Map<string, { count: number; until: number }>();

  constructor(
    private readonly now: Now,
    private readonly free = 5,
  ) {}

  /** Seconds to wait; 0 = go on. */
  waitS(key: string): number {
    const found = this.#failures.get(key);
    return found && found.until > this.now() ? Math.ceil((found.until - this.now()) / 1000) : 0;
  }

  failed(key: string): void {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    const waitS = count < this.free ? 0 : Math.min(2 ** (count - this.free), 300);
    this.#failures.set(key, { count, until: this.now() + waitS * 1000 });
    if (this.#failures.size > 10_000) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }
}

interface SessionRow {
  account_id: number;
  username: string;
  display_name: string;
  enabled: number;
  department_id: number | null;
  language: string | null;
  theme: string | null;
  role_name: string;
  permissions_json: string;
  scope: string;
  agent_id: number | null;
  created_at: number;
  last_seen_at: number;
  expires_at: number;
}

const SESSION_SQL = `SELECT s.account_id, a.username, a.display_name, a.enabled, a.department_id, a.language, a.theme,
  r.name AS role_name, r.permissions_json, r.scope, g.id AS agent_id, s.created_at, s.last_seen_at, s.expires_at
  FROM session s JOIN account a ON a.id = s.account_id JOIN role r ON r.id = a.role_id
  LEFT JOIN agent g ON g.account_id = a.id WHERE s.token_hash = ?`;

export interface Sessions {
  signIn(username: string, password: string, meta: SignInMeta): Promise<SignedIn>;
  actorOfToken(token: string, address?: string): SessionActor | undefined;
  signOut(token: string): Promise<void>;
}

export function createSessions({ store, now }: { readonly store: Store; readonly now: Now }): Sessions {
  const byUser = new FailureLimit(now);
  const byAddress = new FailureLimit(now, 20);

  function actorOfToken(token: string, address = ""): SessionActor | undefined {
    if (token.length < 20 || token.length > 100) return undefined;
    const hash = tokenHash(token);
    const row = store.sync.prepare(SESSION_SQL).get(hash) as SessionRow | null;
    const at = now();
    if (!row || row.expires_at <= at || row.enabled !== 1) return undefined;
    if (at - row.last_seen_at > SEEN_EVERY_MS) {
      const expires = Math.min(at + IDLE_MS, row.created_at + LONGEST_MS);
      store.sync.transaction(() =>
        store.sync
          .prepare("UPDATE session SET last_seen_at = ?, expires_at = ? WHERE token_hash = ?")
          .run(at, expires, hash),
      );
    }
    return {
      accountId: row.account_id,
      name: row.display_name || row.username,
      username: row.username,
      permissions: JSON.parse(row.permissions_json) as string[],
      scope: row.scope as Scope,
      agentId: row.agent_id,
      departmentId: row.department_id,
      address,
      language: row.language as Language | null,
      theme: row.theme as "light" | "dark" | null,
      roleName: row.role_name,
    };
  }

  return {
    async signIn(username, password, meta) {
      const name = username.trim().toLowerCase();
      const key = `${name}|${meta.address}`;
      const wait = Math.max(byUser.waitS(key), byAddress.waitS(meta.address));
      if (wait > 0) throw new SignInError("error.sign-in-slow", { seconds: wait });
      const account = await store.read
        .selectFrom("account")
        .select(["id", "password_hash", "enabled", "display_name"])
        .where("username", "=", name)
        .executeTakeFirst();
      const right = await verifyPassword(password.slice(0, 1000), account?.password_hash);
      const by = { ...SYSTEM_ACTOR, name: name.slice(0, 100), address: meta.address };
      if (!account || !right) {
        byUser.failed(key);
        byAddress.failed(meta.address);
        await store.write((tx) =>
          insertAudit(
            tx,
            by,
            { action: "sign-in-refused", subject: "account", id: account?.id ?? null },
            now(),
          ),
        );
        throw new SignInError("error.sign-in");
      }
      if (account.enabled !== 1) throw new SignInError("error.sign-in-disabled");
      byUser.succeeded(key);
      const token = newToken();
      const at = now();
      await store.write(async (tx) => {
        await tx.deleteFrom("session").where("expires_at", "<=", at).execute();
        await tx
          .insertInto("session")
          .values({
            token_hash: tokenHash(token),
            account_id: account.id,
            created_at: at,
            last_seen_at: at,
            expires_at: at + IDLE_MS,
            address: meta.address,
            user_agent: meta.userAgent.slice(0, 300),
          })
          .execute();
        await tx.updateTable("account").set({ last_sign_in_at: at }).where("id", "=", account.id).execute();
        const actor = { ...by, accountId: account.id, name: account.display_name || name };
        await insertAudit(tx, actor, { action: "sign-in", subject: "account", id: account.id }, at);
      });
      const actor = actorOfToken(token, meta.address);
      if (!actor) throw new SignInError("error.sign-in");
      return { token, actor };
    },
    actorOfToken,
    async signOut(token) {
      await store.write((tx) =>
        tx.deleteFrom("session").where("token_hash", "=", tokenHash(token)).execute(),
      );
    },
  };
}
