/** The settings of the office: one row a key, defaults for what was never saved (W-3.15.1). */
import type { Store, Tx } from "../../storage/database.ts";
import { Checks } from "../checks.ts";
import { type Actor, type Now, permit } from "../kernel.ts";
import type { Configuration } from "./configuration.ts";
import type { SettingsCases } from "./index.ts";
import type { Settings, SettingsInput } from "./model.ts";

export const DEFAULTS: Settings = {
  officeName: "",
  language: "zh-CN",
  timeZone: "Asia/Shanghai",
  country: "CN",
  areaCode: "",
  emergencyNumbers: ["110", "119", "120", "122"],
  numberingLength: 4,
  outboundRingS: 60,
  extensionRingS: 30,
  blindTransferRingS: 30,
  blindTransferCallBack: true,
  blindTransferCallBackPrefix: "",
  systemDisplayedNumberId: null,
  defaultRoute: null,
  holdMusicId: null,
  waitingMusicId: null,
  recordInbound: true,
  recordOutbound: true,
  recordInternal: false,
  maxInboundCalls: 0,
  recordingDays: 0,
  defenceAllow: [],
  anonymousCalls: false,
  setUpAt: null,
};

export async function loadSettings(db: Tx): Promise<Settings> {
  const rows = await db.selectFrom("setting").select(["key", "value_json"]).execute();
  const known = rows.filter((row) => row.key in DEFAULTS).map((row) => [row.key, JSON.parse(row.value_json)]);
  return { ...DEFAULTS, ...(Object.fromEntries(known) as Partial<Settings>) };
}

export async function saveSettings(tx: Tx, input: Partial<Settings>, at: number): Promise<void> {
  for (const [key, value] of Object.entries(input)) {
    if (value === undefined || !(key in DEFAULTS)) continue;
    const value_json = JSON.stringify(value);
    await tx
      .insertInto("setting")
      .values({ key, value_json, updated_at: at })
      .onConflict((oc) => oc.column("key").doUpdateSet({ value_json, updated_at: at }))
      .execute();
  }
}

/** The input with texts trimmed and lists without blanks. @throws ValidationError */
export function checkSettings(input: SettingsInput): SettingsInput {
  const checks = new Checks();
  const out: { -readonly [K in keyof SettingsInput]: SettingsInput[K] } = { ...input };
  if (input.officeName !== undefined)
    out.officeName = checks.text("officeName", input.officeName, { required: true, max: 64 });
  if (input.language !== undefined) checks.oneOf("language", input.language, ["zh-CN", "en"]);
  if (input.timeZone !== undefined && !isTimeZone(input.timeZone)) checks.fail("timeZone", "error.choice");
  if (input.country !== undefined && !/^[A-Z]{2}$/.test(input.country))
    checks.fail("country", "error.choice");
  if (input.areaCode !== undefined) out.areaCode = checks.digits("areaCode", input.areaCode, { max: 6 });
  if (input.emergencyNumbers !== undefined) {
    out.emergencyNumbers = [...new Set(input.emergencyNumbers.map((n) => n.trim()).filter((n) => n !== ""))];
    if (out.emergencyNumbers.length > 50) checks.fail("emergencyNumbers", "error.too-many", { max: 50 });
    for (const number of out.emergencyNumbers)
      if (!/^\d{2,15}$/.test(number)) checks.fail("emergencyNumbers", "error.digits");
  }
  if (input.numberingLength !== undefined) checks.int("numberingLength", input.numberingLength, 2, 6);
  for (const field of ["outboundRingS", "extensionRingS", "blindTransferRingS"] as const) {
    const value = input[field];
    if (value !== undefined) checks.int(field, value, 5, 600);
  }
  if (input.maxInboundCalls !== undefined) checks.int("maxInboundCalls", input.maxInboundCalls, 0, 10_000);
  if (input.recordingDays !== undefined) checks.int("recordingDays", input.recordingDays, 0, 36_500);
  if (input.blindTransferCallBackPrefix !== undefined)
    checks.text("blindTransferCallBackPrefix", input.blindTransferCallBackPrefix, { max: 20 });
  checks.done();
  return out;
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name !== "";
  } catch {
    return false;
  }
}

export function createSettings(deps: {
  readonly store: Store;
  readonly now: Now;
  readonly configuration: Configuration;
}): SettingsCases {
  let current = DEFAULTS;
  deps.configuration.addStage(async (tx) => {
    const next = await loadSettings(tx);
    return () => {
      current = next;
    };
  });
  return {
    get: () => current,
    async save(actor: Actor, input: SettingsInput) {
      permit(actor, "settings.edit");
      const { ...checked } = checkSettings(input);
      // Only set-up may say that set-up is done.
      delete (checked as { setUpAt?: unknown }).setUpAt;
      await deps.configuration.change(
        actor,
        { action: "save", subject: "settings", id: null, summary: Object.keys(checked).join(", ") },
        (tx) => saveSettings(tx, checked, deps.now()),
      );
      return current;
    },
  };
}
