/** Rows of the audit log and of the versions in words. */
import {
  AUDIT_ACTIONS,
  AUDIT_SUBJECTS,
  type AuditRow,
  type SettingsInput,
} from "../../../appliance/system/index.ts";
import type { Key, Translate } from "../../locale/index.ts";

const ACTIONS: ReadonlySet<string> = new Set(AUDIT_ACTIONS);
const SUBJECTS: ReadonlySet<string> = new Set(AUDIT_SUBJECTS);

/** Who did it: a person's name, or the exchange itself. */
export function actorWords(t: Translate, actor: string): string {
  return actor === "system" ? t("by.system") : actor;
}

export function actionWords(t: Translate, action: string): string {
  return ACTIONS.has(action) ? t.code(`audit.action.${action}`) : action;
}

export function subjectWords(t: Translate, subject: string): string {
  return SUBJECTS.has(subject) ? t.code(`audit.of.${subject}`) : subject;
}

/** "坐席 1001": what was done to whom; the name when the row has one, else the number of its row. */
export function objectWords(t: Translate, row: Pick<AuditRow, "subject" | "subjectId" | "detail">): string {
  const name = typeof row.detail["name"] === "string" ? row.detail["name"] : "";
  // The summary of a version put back is itself "save did …".
  const words = nameWords(t, row.subject, name);
  return [subjectWords(t, row.subject), row.subjectId, words].filter((part) => part !== "").join(" ");
}

/** Settings by the words of their page. */
const SETTINGS: Readonly<Record<keyof SettingsInput, Key>> = {
  officeName: "setup.office-name",
  language: "f.language",
  timeZone: "setup.time-zone",
  country: "setup.country",
  areaCode: "setup.area-code",
  emergencyNumbers: "setup.emergency",
  numberingLength: "set.numbering-length",
  outboundRingS: "set.outbound-ring",
  extensionRingS: "set.extension-ring",
  blindTransferRingS: "set.blind-ring",
  blindTransferCallBack: "set.blind-call-back",
  blindTransferCallBackPrefix: "set.blind-prefix",
  systemDisplayedNumberId: "f.displayed-number",
  defaultRoute: "default-route.title",
  holdMusicId: "f.hold-music",
  waitingMusicId: "f.waiting-music",
  recordInbound: "set.record-inbound",
  recordOutbound: "set.record-outbound",
  recordInternal: "set.record-internal",
  maxInboundCalls: "set.max-inbound",
  recordingDays: "set.recording-days",
  defenceAllow: "security.allow-list",
  anonymousCalls: "security.strangers",
};
const SETTING_WORDS: Readonly<Partial<Record<string, Key>>> = SETTINGS;

/** A name as stored, in words where it is made of keys: settings, the defence, a version. */
function nameWords(t: Translate, subject: string, name: string): string {
  if (subject === "version") return summaryWords(t, name);
  if (subject === "settings")
    return listOf(
      t,
      name.split(", ").map((key) => settingWords(t, key)),
    );
  const [, act = "", rest = ""] =
    subject === "security" ? (/^([+-]|anonymousCalls) (.*)$/.exec(name) ?? []) : [];
  if (act === "+") return t("audit.allowed", { entry: rest });
  if (act === "-") return t("audit.disallowed", { entry: rest });
  if (act !== "") return t(rest === "true" ? "audit.strangers-on" : "audit.strangers-off");
  return name;
}

function settingWords(t: Translate, key: string): string {
  const word = SETTING_WORDS[key];
  return word === undefined ? key : t(word);
}

function listOf(t: Translate, words: readonly string[]): string {
  return words.join(t.lang === "en" ? ", " : "、");
}

/** The summary of a version, stored as "save did 021…": action and subject in words, the name as it is. */
export function summaryWords(t: Translate, summary: string): string {
  const [, action = "", subject = "", name = ""] = /^(\S+) (\S+) ?(.*)$/s.exec(summary) ?? [];
  if (!ACTIONS.has(action) || !SUBJECTS.has(subject)) return summary;
  const rest = nameWords(t, subject, name);
  return [actionWords(t, action), subjectWords(t, subject), rest].filter((part) => part !== "").join(" ");
}

/** What else the row tells; its name stands with the object. */
export function detailWords(t: Translate, detail: AuditRow["detail"]): string {
  return Object.entries(detail)
    .filter(([key]) => key !== "name")
    .map(([key, item]) => {
      const label = t.has(`audit.detail.${key}`) ? t.code(`audit.detail.${key}`) : key;
      const words = Array.isArray(item) ? listOf(t, item.map(String)) : item;
      return `${label}: ${typeof words === "string" ? words : JSON.stringify(words)}`;
    })
    .join(" · ");
}
