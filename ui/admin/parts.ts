/** All parts of the pages, in mounting order. */
import type { AnyElysia } from "elysia";
import type { App } from "../../appliance/app.ts";
import { desk } from "../desk/routes.tsx";
import { live } from "../live/routes.tsx";
import { calls } from "./calls/routes.tsx";
import { callTrace } from "./calls/trace.tsx";
import { dashboard } from "./dashboard/routes.tsx";
import { entityRoutes } from "./entity/index.ts";
import { entry } from "./entry/routes.tsx";
import { setup } from "./entry/setup.tsx";
import { signIn } from "./entry/sign-in.tsx";
import { health } from "./health/routes.tsx";
import { agentSeries, agentsPage } from "./people/agents.tsx";
import { accountsPage, departmentsPage, extensionsPage } from "./people/pages.tsx";
import { rolesPage } from "./people/roles.tsx";
import { groupsPage } from "./queues/groups.tsx";
import { conditionsPage } from "./routing/conditions.tsx";
import { didsPage, explainRoutes } from "./routing/dids.tsx";
import { flowsPage } from "./routing/flows.tsx";
import {
  blacklistPage,
  displayedNumbersPage,
  inboundRoutesPage,
  outboundRulesPage,
  pauseReasonsPage,
} from "./routing/simple.tsx";
import { specialRoutes } from "./routing/special.tsx";
import { trunkStateRoutes } from "./routing/trunk-state.tsx";
import { trunksPage } from "./routing/trunks.tsx";
import { certificateRoutes } from "./system/certificates.tsx";
import { mediaFilesPage, mediaRoutes } from "./system/media.tsx";
import { systemRoutes } from "./system/pages.tsx";
import { securityRoutes } from "./system/security.tsx";
import { settingsRoutes } from "./system/settings.tsx";
import { sipTraceRoutes } from "./system/sip-trace.tsx";

export const parts: readonly ((app: App) => AnyElysia)[] = [
  entry,
  setup,
  signIn,
  dashboard,
  calls,
  callTrace,
  health,
  desk,
  live,
  entityRoutes(accountsPage),
  entityRoutes(departmentsPage),
  entityRoutes(extensionsPage),
  agentSeries,
  entityRoutes(agentsPage),
  entityRoutes(rolesPage),
  specialRoutes,
  entityRoutes(displayedNumbersPage),
  entityRoutes(blacklistPage),
  entityRoutes(outboundRulesPage),
  entityRoutes(inboundRoutesPage),
  entityRoutes(pauseReasonsPage),
  trunkStateRoutes,
  entityRoutes(trunksPage),
  entityRoutes(didsPage),
  explainRoutes,
  entityRoutes(conditionsPage),
  entityRoutes(flowsPage),
  entityRoutes(groupsPage),
  mediaRoutes,
  entityRoutes(mediaFilesPage),
  settingsRoutes,
  certificateRoutes,
  systemRoutes,
  securityRoutes,
  sipTraceRoutes,
];
