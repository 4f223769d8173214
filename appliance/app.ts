/**
 * The running application as the pages, the commands and the tests see it: one object, made by the composition
 * root (main.ts → compose.ts). A context contributes its use cases under its own name.
 */
import type { Sip } from "../sip/index.ts";
import type { Store } from "../storage/database.ts";
import type { Calls } from "./calls/index.ts";
import type { Certificates } from "./certificates/index.ts";
import type { Config } from "./config.ts";
import type { Now } from "./kernel.ts";
import type { People } from "./people/index.ts";
import type { Queueing } from "./queueing/index.ts";
import type { Routing } from "./routing/index.ts";
import type { Security, System } from "./system/index.ts";

export interface App {
  readonly config: Config;
  readonly now: Now;
  readonly store: Store;
  /** accounts, sign-in, sessions, roles, departments, agents, extensions. */
  readonly people: People;
  /** DIDs, inbound routes, conditions, flows, outbound rules, trunks, displayed numbers, media files, blacklist, feature codes, configuration versions. */
  readonly routing: Routing;
  /** groups, members, pause reasons; agent commands (sign in/out, pause) and live agent states. */
  readonly queueing: Queueing;
  /** the journeys: live picture, call records, time lines, recordings, test call. */
  readonly calls: Calls;
  /** settings, first-boot set-up, audit log, jobs, alarms, health, backup. */
  readonly system: System;
  readonly sip: Sip;
  /** The office's authority and the certificates of this machine. */
  readonly certificates: Certificates;
  /** Bans, the allow list, calls from strangers. */
  readonly security: Security;
  stop(): Promise<void>;
}
