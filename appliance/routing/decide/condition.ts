/** Time conditions (W-3.6.8). */
import type { ConditionRule } from "../model.ts";
import { officeTime } from "./office-time.ts";

export interface ConditionVerdict {
  readonly matched: boolean;
  /** Office time used, "YYYY-MM-DD HH:MM:SS". */
  readonly officeTime: string;
}

/** Whether the rule holds at `at` (UTC ms) on the clock of `timeZone`. */
export function checkCondition(rule: ConditionRule, at: number, timeZone: string): ConditionVerdict {
  const now = officeTime(at, timeZone);
  return { matched: matches(rule, now), officeTime: `${now.date} ${now.time}` };
}

function matches(rule: ConditionRule, now: ReturnType<typeof officeTime>): boolean {
  switch (rule.type) {
    case "weekly":
      return rule.slots.some((s) => s.day === now.day && now.minute >= s.from && now.minute < s.to);
    case "time":
      // A range over midnight ("22:00:00" – "06:00:00") holds in the night.
      return rule.ranges.some(({ from, to }) =>
        from <= to ? now.time >= from && now.time <= to : now.time >= from || now.time <= to,
      );
    case "date":
      return rule.dates.includes(now.date);
    case "date-range": {
      const minute = `${now.date}T${now.time.slice(0, 5)}`;
      return rule.ranges.some(({ from, to }) => minute >= from && minute <= to);
    }
  }
}
