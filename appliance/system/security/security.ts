/** What people may see and do about attackers: bans, the allow list, calls from strangers. */
import { isIP } from "node:net";
import {
  type Ban,
  type Defence,
  type DefenceCounters,
  type Firewall,
  type FirewallState,
  isNetwork,
} from "../../../sip/index.ts";
import type { Store } from "../../../storage/database.ts";
import { Checks } from "../../checks.ts";
import { type Actor, NotFoundError, type Now, permit, ValidationError } from "../../kernel.ts";
import { type Configuration, insertAudit } from "../configuration.ts";
import type { SettingsCases } from "../index.ts";
import type { Settings } from "../model.ts";
import { saveSettings } from "../settings.ts";
import type { BanFile } from "./ban-file.ts";

export interface SecurityView {
  /** False: the SIP server is not the built-in one, or it is just starting again. */
  readonly available: boolean;
  /** Newest first. */
  readonly bans: readonly Ban[];
  readonly counters: DefenceCounters;
  readonly allow: readonly string[];
  /** Strangers may call the office's numbers. */
  readonly anonymousCalls: boolean;
  /** Undefined: not asked for in the configuration. */
  readonly firewall: FirewallState | undefined;
}

export interface Security {
  view(actor: Actor): Promise<SecurityView>;
  /** @throws NotFoundError when the ban has ended by itself */
  lift(actor: Actor, address: string): Promise<void>;
  /** Bans an address for so many minutes. @throws ValidationError at "address" or "minutes" */
  ban(actor: Actor, input: { readonly address: string; readonly minutes: number }): Promise<void>;
  /** Puts an address or network on the allow list, which also lifts its ban. @throws ValidationError at "entry" */
  allow(actor: Actor, entry: string): Promise<void>;
  /** Takes an entry off the allow list. */
  disallow(actor: Actor, entry: string): Promise<void>;
  setAnonymousCalls(actor: Actor, on: boolean): Promise<void>;
  /** Saves what is to be saved and takes the kernel's table away. */
  stop(): Promise<void>;
}

export interface SecurityDeps {
  readonly store: Store;
  readonly now: Now;
  readonly configuration: Configuration;
  readonly settings: SettingsCases;
  readonly defence: Defence;
  readonly file: BanFile;
  readonly firewall?: Firewall;
}

const MOST_ALLOWED = 200;
const MOST_MINUTES = 366 * 24 * 60;
/** Networks wider than this would switch the defence off rather than make an exception. */
const WIDEST = { 4: 8, 6: 16 };
const NOTHING: DefenceCounters = {
  dropped: 0,
  slowed: 0,
  challenged: 0,
  failedSignIns: 0,
  banned: 0,
  sources: 0,
};

function checkEntry(checks: Checks, entry: string): string {
  const text = checks.text("entry", entry, { required: true, max: 60 });
  const [base = "", bits] = text.split("/");
  const family = isIP(base) === 4 ? 4 : 6;
  if (text !== "" && !isNetwork(text)) checks.fail("entry", "error.address");
  else if (bits !== undefined && Number(bits) < WIDEST[family])
    checks.fail("entry", "error.network-wide", { bits: WIDEST[family] });
  return text;
}

export function createSecurity(deps: SecurityDeps): Security {
  const { store, now, configuration, settings, defence, file, firewall } = deps;
  defence.onBans((bans) => {
    file.save(bans);
    void firewall?.sync(bans);
  });
  // Whoever changed the list, also a roll-back: the engine follows.
  configuration.addStage(async () => () => defence.setAllow(settings.get().defenceAllow));
  const audit = (
    actor: Actor,
    action: "ban" | "lift-ban",
    address: string,
    detail: Readonly<Record<string, unknown>> = {},
  ) => store.write((tx) => insertAudit(tx, actor, { action, subject: "ban", id: address, detail }, now()));
  const save = (actor: Actor, input: Partial<Settings>, summary: string) =>
    configuration.change(actor, { action: "save", subject: "security", id: null, summary }, (tx) =>
      saveSettings(tx, input, now()),
    );

  return {
    async view(actor) {
      permit(actor, "security.view");
      const state = await defence.state().catch(() => undefined);
      const { defenceAllow, anonymousCalls } = settings.get();
      return {
        available: state !== undefined,
        bans: [...(state?.bans ?? [])].sort((a, b) => b.since - a.since),
        counters: state?.counters ?? NOTHING,
        allow: defenceAllow,
        anonymousCalls,
        firewall: firewall?.state,
      };
    },
    async lift(actor, address) {
      permit(actor, "security.edit");
      if (!(await defence.lift(address))) throw new NotFoundError("ban", address);
      await audit(actor, "lift-ban", address);
    },
    async ban(actor, input) {
      permit(actor, "security.edit");
      const checks = new Checks();
      const address = checks.text("address", input.address, { required: true, max: 60 });
      if (address !== "" && isIP(address) === 0) checks.fail("address", "error.address");
      const minutes = checks.int("minutes", input.minutes, 1, MOST_MINUTES);
      checks.done();
      if ((await defence.ban(address, minutes * 60_000)) === undefined)
        throw new ValidationError({ address: { code: "error.ban-exempt" } });
      await audit(actor, "ban", address, { minutes });
    },
    async allow(actor, entry) {
      permit(actor, "security.edit");
      const checks = new Checks();
      const text = checkEntry(checks, entry);
      const { defenceAllow } = settings.get();
      if (defenceAllow.includes(text)) checks.fail("entry", "error.taken");
      if (defenceAllow.length >= MOST_ALLOWED) checks.fail("entry", "error.too-many", { max: MOST_ALLOWED });
      checks.done();
      await save(actor, { defenceAllow: [...defenceAllow, text] }, `+ ${text}`);
    },
    async disallow(actor, entry) {
      permit(actor, "security.edit");
      const { defenceAllow } = settings.get();
      if (!defenceAllow.includes(entry)) throw new NotFoundError("allow-list entry", entry);
      await save(actor, { defenceAllow: defenceAllow.filter((item) => item !== entry) }, `- ${entry}`);
    },
    async setAnonymousCalls(actor, on) {
      permit(actor, "security.edit");
      await save(actor, { anonymousCalls: on }, `anonymousCalls ${on}`);
    },
    async stop() {
      await file.settled();
      await firewall?.stop();
    },
  };
}
