/** The one list of permissions (W-3.1.4.6). A key is "<part>.view" or "<part>.edit" or names an action. */
const PARTS = [
  "accounts",
  "roles",
  "departments",
  "agents",
  "extensions",
  "groups",
  "pause-reasons",
  "trunks",
  "dids",
  "displayed-numbers",
  "inbound-routes",
  "conditions",
  "flows",
  "outbound-rules",
  "feature-codes",
  "media-files",
  "blacklist",
  "settings",
  "security",
  "jobs",
] as const;

const ACTIONS = [
  "dashboard.view",
  "desk.use",
  "reception.use",
  "calls.view",
  "calls.export",
  "calls.hangup",
  "calls.note",
  "calls.trace",
  "recordings.play",
  "recordings.download",
  "click-to-call",
  "monitor.view",
  "agents.control",
  "health.view",
  "sip-trace.view",
  "alarms.clear",
  "audit.view",
  "versions.view",
  "versions.rollback",
  "backup.make",
] as const;

export type Permission = `${(typeof PARTS)[number]}.${"view" | "edit"}` | (typeof ACTIONS)[number];

/** All keys, in the order the role form shows them. */
export const PERMISSIONS: readonly Permission[] = [
  ...ACTIONS,
  ...PARTS.flatMap((part): Permission[] => [`${part}.view`, `${part}.edit`]),
];

export type Scope = "own" | "groups" | "department" | "all";
export const SCOPES: readonly Scope[] = ["own", "groups", "department", "all"];
