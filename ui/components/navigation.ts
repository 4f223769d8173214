/** The sidebar: groups of pages, each with the permission that shows it. */
import type { Key } from "../locale/index.ts";

export interface NavItem {
  readonly label: Key;
  readonly href: string;
  readonly permission: string;
}
export interface NavGroup {
  readonly label: Key;
  readonly items: readonly NavItem[];
}

const entity = (name: NavName): NavItem => ({
  label: `nav.${name}`,
  href: `/${name}`,
  permission: `${name}.view`,
});
type NavName =
  | "dids"
  | "inbound-routes"
  | "flows"
  | "conditions"
  | "blacklist"
  | "media-files"
  | "groups"
  | "pause-reasons"
  | "outbound-rules"
  | "displayed-numbers"
  | "accounts"
  | "agents"
  | "extensions"
  | "departments"
  | "roles"
  | "trunks"
  | "feature-codes"
  | "settings";

export const NAVIGATION: readonly NavGroup[] = [
  {
    label: "nav.overview",
    items: [
      { label: "nav.dashboard", href: "/", permission: "dashboard.view" },
      { label: "nav.desk", href: "/desk", permission: "desk.use" },
    ],
  },
  { label: "nav.calls", items: [{ label: "nav.records", href: "/calls", permission: "calls.view" }] },
  {
    label: "nav.routing",
    items: [
      entity("dids"),
      entity("inbound-routes"),
      entity("flows"),
      entity("conditions"),
      entity("blacklist"),
      entity("feature-codes"),
    ],
  },
  { label: "nav.queues", items: [entity("groups"), entity("pause-reasons")] },
  { label: "nav.outbound", items: [entity("outbound-rules"), entity("displayed-numbers")] },
  {
    label: "nav.people",
    items: [
      entity("agents"),
      entity("extensions"),
      entity("accounts"),
      entity("departments"),
      entity("roles"),
    ],
  },
  { label: "nav.phones", items: [entity("trunks")] },
  {
    label: "nav.system",
    items: [
      entity("settings"),
      entity("media-files"),
      { label: "nav.versions", href: "/versions", permission: "versions.view" },
      { label: "nav.security", href: "/security", permission: "security.view" },
      { label: "nav.certificates", href: "/certificates", permission: "settings.view" },
      { label: "nav.audit", href: "/audit", permission: "audit.view" },
      { label: "nav.health", href: "/health", permission: "health.view" },
      { label: "nav.sip-trace", href: "/sip-trace", permission: "sip-trace.view" },
    ],
  },
];
