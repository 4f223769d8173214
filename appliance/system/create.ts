/** Puts the use cases of the system together; set-up of a new office. */
import { randomInt, timingSafeEqual } from "node:crypto";
import type { Store, Tx } from "../../storage/database.ts";
import { type Now, SYSTEM_ACTOR, ValidationError } from "../kernel.ts";
import type { Configuration } from "./configuration.ts";
import type { SettingsCases, Setup, System } from "./index.ts";
import { createJobs } from "./jobs.ts";
import type { SettingsInput, SetupInput } from "./model.ts";
import { checkSettings, createSettings, saveSettings } from "./settings.ts";
import { createAlarms, createAudit, readHealth } from "./watch.ts";

export interface SystemDeps {
  readonly store: Store;
  readonly now: Now;
  readonly configuration: Configuration;
  readonly version: string;
  /** people.prepareAdministrator. */
  readonly prepareAdministrator: (input: {
    readonly username: string;
    readonly displayName: string;
    readonly password: string;
    readonly language: "zh-CN" | "en";
  }) => Promise<(tx: Tx) => Promise<number>>;
}

/** "4821-9037": long enough against guessing with the attempts limited. */
const newCode = () => `${randomInt(1000, 10_000)}-${randomInt(1000, 10_000)}`;
const MOST_ATTEMPTS = 10;

/** Adds its stage to the configuration; call `configuration.load()` afterwards. */
export function createSystem(deps: SystemDeps): System {
  const { store, now, configuration } = deps;
  const settings = createSettings(deps);
  const alarms = createAlarms(deps);
  const jobs = createJobs(deps);
  const startedAt = now();
  return {
    settings,
    setup: createSetup(deps, settings),
    audit: createAudit({ store, now }),
    alarms,
    jobs,
    health: (thorough = false) => readHealth({ ...deps, alarms, startedAt }, thorough),
    configuration,
    async stop() {
      jobs.stop();
    },
  };
}

function createSetup(deps: SystemDeps, settings: SettingsCases): Setup {
  const { store, now, configuration } = deps;
  // An account made on the command line counts too.
  const count = store.sync.prepare("SELECT count(*) AS n FROM account").get() as { n: number };
  let code = count.n === 0 ? newCode() : "";
  let attempts = 0;
  let busy = false;

  const refuse = (): never => {
    throw new ValidationError({ code: { code: "error.set-up-code" } });
  };
  function checkCode(given: string): void {
    if (attempts >= MOST_ATTEMPTS) refuse();
    const a = Buffer.from(given.replace(/\D/g, "").padEnd(16).slice(0, 16));
    const b = Buffer.from(code.replace(/\D/g, "").padEnd(16).slice(0, 16));
    if (!timingSafeEqual(a, b)) {
      attempts++;
      refuse();
    }
  }

  return {
    needed: () => code !== "" && settings.get().setUpAt === null,
    get code() {
      return code;
    },
    async complete(input: SetupInput, address: string) {
      if (code === "" || busy) refuse();
      checkCode(input.code);
      busy = true;
      try {
        const { code: _code, username, displayName, password, ...office } = input;
        const wanted: SettingsInput = checkSettings(office);
        const makeAdministrator = await deps.prepareAdministrator({
          username,
          displayName,
          password,
          language: input.language,
        });
        const id = await configuration.change(
          { ...SYSTEM_ACTOR, name: "set-up", address },
          { action: "save", subject: "settings", id: null, summary: "set-up" },
          async (tx) => {
            await saveSettings(tx, { ...wanted, setUpAt: now() }, now());
            return makeAdministrator(tx);
          },
        );
        code = "";
        return id;
      } finally {
        busy = false;
      }
    },
  };
}
