/** The live state of trunks as people may see it, and asking a carrier now. */
import type { Sip, TrunkState } from "../../sip/index.ts";
import type { Store } from "../../storage/database.ts";
import { type Actor, type Now, permit } from "../kernel.ts";
import { insertAudit } from "../system/index.ts";
import type { TrunkRow } from "./model.ts";

export interface TrunkLines {
  /** Of one trunk; undefined when it is not there or SIP is not up. @throws ForbiddenError without "trunks.view" */
  state(actor: Actor, id: number): TrunkState | undefined;
  /** Of all, with their names. @throws ForbiddenError without "trunks.view" or "health.view" */
  states(actor: Actor): readonly (TrunkState & { readonly name: string })[];
  /**
   * Asks the carrier now; written to the audit log. False for a trunk that is switched off.
   * @throws ForbiddenError without "trunks.edit"; NotFoundError
   */
  check(actor: Actor, id: number): Promise<boolean>;
}

export interface TrunkLinesDeps {
  readonly store: Store;
  readonly now: Now;
  /** The lines; undefined while SIP is not up. */
  readonly lines: () => Sip["trunks"] | undefined;
  readonly get: (actor: Actor, id: number) => Promise<TrunkRow>;
  /** The trunk's name as it is in force. */
  readonly nameOf: (id: number) => string | undefined;
}

export function trunkLines({ store, now, lines, get, nameOf }: TrunkLinesDeps): TrunkLines {
  return {
    state(actor, id) {
      permit(actor, "trunks.view");
      return lines()?.state(id);
    },
    states(actor) {
      if (!actor.permissions.includes("health.view")) permit(actor, "trunks.view");
      const states = lines()?.states() ?? [];
      return states.map((state) => ({ ...state, name: nameOf(state.trunkId) ?? String(state.trunkId) }));
    },
    async check(actor, id) {
      permit(actor, "trunks.edit");
      const { name } = await get(actor, id);
      const asked = lines()?.check(id) === true;
      if (asked)
        await store.write((tx) =>
          insertAudit(tx, actor, { action: "check", subject: "trunk", id, summary: name }, now()),
        );
      return asked;
    },
  };
}
