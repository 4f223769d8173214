/** Rows of the audit log and of the versions in words. */
import { AUDIT_ACTIONS, AUDIT_SUBJECTS, type AuditRow } from "../../../appliance/system/index.ts";
import type { Translate } from "../../locale/index.ts";

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
  const words = row.subject === "version" ? summaryWords(t, name) : name;
  return [subjectWords(t, row.subject), row.subjectId, words].filter((part) => part !== "").join(" ");
}

/** The summary of a version, stored as "save did 021…": action and subject in words, the name as it is. */
export function summaryWords(t: Translate, summary: string): string {
  const [, action = "", subject = "", name = ""] = /^(\S+) (\S+) ?(.*)$/s.exec(summary) ?? [];
  if (!ACTIONS.has(action) || !SUBJECTS.has(subject)) return summary;
  const rest = subject === "version" ? summaryWords(t, name) : name;
  return [actionWords(t, action), subjectWords(t, subject), rest].filter((part) => part !== "").join(" ");
}

/** What else the row tells; its name stands with the object. */
export function detailWords(detail: AuditRow["detail"]): string {
  return Object.entries(detail)
    .filter(([key]) => key !== "name")
    .map(([key, item]) => `${key}: ${typeof item === "string" ? item : JSON.stringify(item)}`)
    .join(" · ");
}
