/** Why a call goes where it goes: a code with parameters; the words stand in the catalogues of the pages (`because.*`). */
export const WHY_CODES = [
  // Calls from outside.
  "blacklisted",
  "did-disabled",
  "did-destination",
  "inbound-route",
  "default-route",
  "no-route",
  "not-ours",
  // Numbers dialled on an extension.
  "agent-disabled",
  "office-number",
  "feature-code",
  "click-to-call-only",
  "not-a-number",
  "outbound-rule",
  "no-outbound-rule",
  "emergency",
  "emergency-no-trunk",
  "condition-missing",
  // Who is rung for a waiting call.
  "nobody-free",
  "all-free",
  "idle-longest",
  "fewest-calls",
  "next-in-turn",
  "by-lot",
  "first-in-list",
  "place-taken-over",
] as const;
export type WhyCode = (typeof WHY_CODES)[number];

export interface Why {
  readonly code: WhyCode;
  /** Names and numbers as they were then. */
  readonly params?: Readonly<Record<string, string | number>>;
}
